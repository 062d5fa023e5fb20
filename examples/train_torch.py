#!/usr/bin/env python3
"""From training in PyTorch to certified decibels: trains a small GRU on log mel bands that torchaudio
computes, exports it, certifies clips that it was not trained on and draws the shares.

    pip install ./python torch torchaudio onnx onnxscript matplotlib
    datasets/synthetic build/data/synthetic
    examples/train_torch.py build/data/synthetic build/torch-digits

CLIPS is a folder of <digit>_<voice>_*.wav (8 kHz); the last fifth of its voices is held out."""

import pathlib
import sys
import warnings
import wave

import matplotlib
import numpy as np
import torch
import torchaudio

import soundproof

matplotlib.use("Agg")
warnings.filterwarnings("ignore", category=FutureWarning)  # of torch.onnx, about itself
import matplotlib.pyplot as plt  # noqa: E402

BUDGETS = [-90, -80, -70, -60, -50]  # dB re the clip's peak


def read(path):
    """Floats [n] of full scale 1."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


class Digits(torch.nn.Module):
    """Log mel bands [batch, frames, bands] to logits [batch, 10]."""

    def __init__(self, bands=20, width=32):
        super().__init__()
        self.gru = torch.nn.GRU(bands, width, batch_first=True)
        self.head = torch.nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} CLIPS FOLDER")
    clips, out = sorted(pathlib.Path(sys.argv[1]).glob("*.wav")), pathlib.Path(sys.argv[2])
    if not clips:
        sys.exit(f"{sys.argv[1]}: no .wav files")
    out.mkdir(parents=True, exist_ok=True)
    voices = sorted({clip.stem.split("_")[1] for clip in clips})
    held_out = set(voices[-max(1, len(voices) // 5):])
    torch.manual_seed(1)

    # the front end, as training code has it, and the logarithm behind it
    mel = torchaudio.transforms.MelSpectrogram(8000, n_fft=256, hop_length=160, n_mels=20, f_min=60.0)
    front = soundproof.front_of(mel) | {"log": "natural", "floor": {"add": 1e-4}}

    def features(path):
        return torch.log(mel(torch.from_numpy(read(path))) + 1e-4).T

    training = [(features(c), int(c.stem[0])) for c in clips if c.stem.split("_")[1] not in held_out]
    model = Digits()
    steps = torch.optim.Adam(model.parameters(), 3e-3)
    for epoch in range(30):
        total = 0.0
        order = torch.randperm(len(training)).tolist()
        for first in range(0, len(order), 32):
            batch = [training[i] for i in order[first:first + 32]]
            shortest = min(len(x) for x, _ in batch)
            x = torch.stack([x[:shortest] for x, _ in batch])
            loss = torch.nn.functional.cross_entropy(model(x), torch.tensor([y for _, y in batch]))
            steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            steps.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}: loss {total / len(order):.3f}", flush=True)

    path = out / "digits.onnx"
    torch.onnx.export(model.eval(), (training[0][0][None],), str(path), input_names=["x"],
                      output_names=["logits"], dynamic_shapes=({1: torch.export.Dim("frames")},), dynamo=True, verbose=False)
    pipeline = soundproof.Pipeline(path, front=front)
    test = [clip for clip in clips if clip.stem.split("_")[1] in held_out]
    difference = abs(pipeline.logits(test[0]) - model(features(test[0])[None])[0].detach().numpy()).max()
    print(f"logits differ from PyTorch's by at most {difference:.1e}")

    shares = {}
    for budget in BUDGETS:
        verdicts = pipeline.certify([str(clip) for clip in test], f"{budget}dB", label="name")
        shares[budget] = sum(v.certified for v in verdicts) / len(verdicts)
        print(f"{budget} dB: certified {shares[budget]:.1%} of {len(verdicts)}")
    plt.plot(BUDGETS, [100 * share for share in shares.values()], "o-")
    plt.xlabel("noise, dB relative to the clip's peak")
    plt.ylabel("certified, %")
    plt.ylim(0, 100)
    plt.savefig(out / "shares.svg")
    print(f"wrote {path} and {out / 'shares.svg'}")


if __name__ == "__main__":
    main()

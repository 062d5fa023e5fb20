"""A spoken-digit classifier as PyTorch users write it, for soundproof to certify: log-mels of
torchaudio, a convolution, a bidirectional GRU, the mean over time.

    pip install torch torchaudio onnx
    python3 train.py MANIFEST crnn.onnx
    soundproof certify --model crnn.onnx --budget -70dB clip.wav

MANIFEST: lines of path, label and split (train, validation, test) between tabs, of recordings at
8 kHz; docs/data.md has a recipe that makes one. The description beside this file, front.json, says
in soundproof's words what `features` computes; it goes into the model's metadata.
"""

import argparse
import json
import pathlib
import wave

import numpy
import onnx
import torch
import torchaudio

MELS, CLASSES = 24, 10
spectrogram = torchaudio.transforms.MelSpectrogram(8000, n_fft=256, hop_length=128, n_mels=MELS, center=False)


def features(samples):
    """[batch, samples] from -1 to 1 -> [batch, frames, mels]."""
    return torch.log(spectrogram(samples) + 0.01).transpose(1, 2)


class Crnn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(MELS)
        self.conv = torch.nn.Conv1d(MELS, 32, 3, stride=2, padding=1)
        self.gru = torch.nn.GRU(32, 24, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(48, CLASSES)

    def forward(self, x):
        x = self.norm(x.transpose(1, 2))
        x = torch.nn.functional.silu(self.conv(x)).transpose(1, 2)
        x, _ = self.gru(x)
        return self.head(x.mean(dim=1))


def read(manifest):
    clips = {}
    folder = pathlib.Path(manifest).parent
    for line in open(manifest, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        path, label, split = line.rstrip("\n").split("\t")[:3]
        with wave.open(str(folder / path)) as file:
            assert file.getframerate() == 8000 and file.getsampwidth() == 2 and file.getnchannels() == 1
            samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
        clips.setdefault(split, []).append((torch.tensor(samples, dtype=torch.float32), int(label)))
    return clips


def batches(clips, size):
    """Clips of about the same length, the shorter ones padded with zeros."""
    order = sorted(range(len(clips)), key=lambda i: len(clips[i][0]))
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    for k in torch.randperm(len(groups)).tolist():
        some = [clips[i] for i in groups[k]]
        yield (
            torch.nn.utils.rnn.pad_sequence([s for s, _ in some], batch_first=True),
            torch.tensor([label for _, label in some]),
        )


def accuracy(model, clips):
    model.eval()
    with torch.no_grad():
        return sum(int(model(features(s[None])).argmax()) == label for s, label in clips) / len(clips)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("model")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.003, help="largest amplitude of noise in training")
    own = parser.parse_args()
    torch.manual_seed(own.seed)
    clips = read(own.manifest)
    model = Crnn()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, own.epochs)
    for epoch in range(own.epochs):
        model.train()
        losses = []
        for samples, labels in batches(clips["train"], 64):
            noise = own.noise * torch.rand(len(samples), 1) * torch.empty_like(samples).uniform_(-1, 1)
            loss = torch.nn.functional.cross_entropy(model(features(samples + noise)), labels, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        schedule.step()
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}", flush=True)
    for split in ("validation", "test"):
        if split in clips:
            print(f"{split}: {100 * accuracy(model, clips[split]):.1f} % right")
    model.eval()
    example = features(clips["train"][0][0][None])
    torch.onnx.export(
        model,
        (example,),
        own.model,
        dynamo=False,
        opset_version=17,
        input_names=["features"],
        output_names=["logits"],
        dynamic_axes={"features": {1: "frames"}},
    )
    exported = onnx.load(own.model)
    front = json.loads((pathlib.Path(__file__).parent / "front.json").read_text(encoding="utf-8"))
    exported.metadata_props.add(key="soundproof.front", value=json.dumps(front))
    onnx.save(exported, own.model)


if __name__ == "__main__":
    main()

"""Spoken-digit classifiers with layer normalisation or attention pooling, for soundproof to certify.

    pip install torch torchaudio onnx
    python3 train.py norm MANIFEST norm.onnx
    python3 train.py attention MANIFEST attention.onnx
    soundproof certify --model norm.onnx --budget -70dB clip.wav

norm: a dense layer, LayerNorm, a GRU, the mean over time. attention: a bidirectional GRU, a softmax over time
of one score for each step, the sum of the steps so weighed. MANIFEST, the features and their description are
those of examples/crnn.
"""

import argparse
import json
import pathlib
import sys

import onnx
import torch

CRNN = pathlib.Path(__file__).resolve().parent.parent / "crnn"
sys.path.insert(0, str(CRNN))

from train import CLASSES, MELS, accuracy, batches, features, read  # noqa: E402  of examples/crnn


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(MELS, 24)
        self.norm = torch.nn.LayerNorm(24, eps=0.1)
        self.gru = torch.nn.GRU(24, 24, batch_first=True)
        self.head = torch.nn.Linear(24, CLASSES)

    def forward(self, x):
        x, _ = self.gru(self.norm(self.dense(x)))
        return self.head(x.mean(dim=1))


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(MELS, 16, batch_first=True, bidirectional=True)
        self.score = torch.nn.Linear(32, 1)
        self.head = torch.nn.Linear(32, CLASSES)

    def forward(self, x):
        x, _ = self.gru(x)
        share = torch.softmax(self.score(torch.tanh(x)), dim=1)
        return self.head((share * x).sum(dim=1))


NETWORKS = {"norm": Norm, "attention": Attention}


def train(model, clips, epochs, noise):
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        model.train()
        losses = []
        for samples, labels in batches(clips, 64):
            scale = noise * torch.rand(len(samples), 1)
            x = features(samples + scale * torch.empty_like(samples).uniform_(-1, 1))
            loss = torch.nn.functional.cross_entropy(model(x), labels, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        schedule.step()
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("manifest")
    parser.add_argument("model")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.003, help="largest amplitude of noise in training")
    own = parser.parse_args()
    torch.manual_seed(own.seed)
    clips = read(own.manifest)
    model = NETWORKS[own.network]()
    train(model, clips["train"], own.epochs, own.noise)
    for split in ("validation", "test"):
        if split in clips:
            print(f"{split}: {100 * accuracy(model, clips[split]):.1f} % right")
    model.eval()
    torch.onnx.export(
        model,
        (features(clips["train"][0][0][None]),),
        own.model,
        dynamo=False,
        opset_version=17,
        input_names=["features"],
        output_names=["logits"],
        dynamic_axes={"features": {1: "frames"}},
    )
    exported = onnx.load(own.model)
    front = json.loads((CRNN / "front.json").read_text(encoding="utf-8"))
    exported.metadata_props.add(key="soundproof.front", value=json.dumps(front))
    onnx.save(exported, own.model)


if __name__ == "__main__":
    main()

"""A keyword spotter as Keras users write it, for soundproof to certify: a GRU on windows of 32 frames of
log-mels, on the torch backend of Keras 3.

    pip install keras torch torchaudio onnx onnxscript
    python3 train.py MANIFEST spotter.onnx
    soundproof certify --model spotter.onnx --budget -70dB clip.wav

MANIFEST, the features and their description are those of examples/crnn. Words are shifted about in
their windows in training; a clip of more than 32 frames is heard window by window.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "torch"
CRNN = pathlib.Path(__file__).resolve().parent.parent / "crnn"
sys.path.insert(0, str(CRNN))

import keras  # noqa: E402
import numpy  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402
from train import CLASSES, MELS, features, read  # noqa: E402  of examples/crnn

FRAMES = 32
SAMPLES = 256 + (FRAMES - 1) * 128


def window(samples, random):
    """A stretch of the clip, or the clip with noise of a step or so around it."""
    spare = len(samples) - SAMPLES
    if spare >= 0:
        at = int(random.integers(0, spare + 1))
        return samples[at : at + SAMPLES]
    around = random.uniform(-2e-4, 2e-4, SAMPLES).astype("float32")
    at = int(random.integers(0, -spare + 1))
    around[at : at + len(samples)] = samples
    return torch.tensor(around)


def windows(clips, random, noise=0.0):
    samples = torch.stack([window(s, random) for s, _ in clips])
    scale = torch.tensor(random.uniform(0, noise, (len(clips), 1)), dtype=torch.float32)
    samples = samples + scale * torch.empty_like(samples).uniform_(-1, 1)
    return features(samples).numpy(), numpy.array([label for _, label in clips])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("model")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.003, help="largest amplitude of noise in training")
    own = parser.parse_args()
    keras.utils.set_random_seed(own.seed)
    random = numpy.random.default_rng(own.seed)
    clips = read(own.manifest)
    model = keras.Sequential(
        [
            keras.layers.Input((FRAMES, MELS)),
            keras.layers.Dense(24, activation="relu"),
            keras.layers.GRU(24),
            keras.layers.Dense(CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(3e-3), loss, metrics=["accuracy"])
    for epoch in range(own.epochs):
        model.optimizer.learning_rate = 3e-3 * (1 - epoch / own.epochs)
        x, y = windows(clips["train"], random, own.noise)
        seen = model.fit(x, y, batch_size=64, verbose=0).history
        print(f"epoch {epoch + 1}: loss {seen['loss'][0]:.3f}, {100 * seen['accuracy'][0]:.1f} % right", flush=True)
    x, y = windows(clips["test"], random)
    print(f"test: {100 * model.evaluate(x, y, verbose=0)[1]:.1f} % right")
    model.export(own.model, format="onnx", verbose=False)
    exported = onnx.load(own.model)
    front = json.loads((CRNN / "front.json").read_text(encoding="utf-8"))
    exported.metadata_props.add(key="soundproof.front", value=json.dumps(front))
    onnx.save(exported, own.model)


if __name__ == "__main__":
    main()

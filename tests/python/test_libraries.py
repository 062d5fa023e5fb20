"""Front ends and classifiers of other libraries, where these are installed (make check-libraries)."""

import functools
import json
import os
import subprocess
import tempfile
import wave as wav

import numpy as np
import pytest

import soundproof

MODEL = "examples/models/fsdd-certified.onnx"


def wave(seed, n=4000):
    """Floats [n] of full scale 1: a few tones that swell and fade."""
    rng = np.random.default_rng(seed)
    time = np.arange(n) / 8000.0
    parts = [np.sin(2 * np.pi * f * time) for f in rng.uniform(150, 3000, 4)]
    return np.round(8000 * np.sin(np.pi * np.arange(n) / n) * sum(parts) / 4) / 32768.0


def features(front, samples):
    """[frames, width] of a description, by the command."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/front.json", "w") as file:
            json.dump(front, file)
        with wav.open(f"{folder}/clip.wav", "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
        done = subprocess.run([os.environ.get("SOUNDPROOF", "build/soundproof"), "features", "--front",
                               f"{folder}/front.json", "--npy", f"{folder}/out.npy", f"{folder}/clip.wav"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return np.load(f"{folder}/out.npy")


def near(mine, theirs):
    assert mine.shape == theirs.shape
    assert abs(mine - theirs).max() <= 1e-5 * abs(theirs).max()


def torchaudio_transforms():
    torch = pytest.importorskip("torch")
    T = pytest.importorskip("torchaudio.transforms")
    mel = {"n_fft": 256, "hop_length": 100, "n_mels": 20}
    return {
        "mel": T.MelSpectrogram(8000, **mel),
        "odd mel": T.MelSpectrogram(8000, n_fft=200, win_length=160, hop_length=80, f_min=60.0, f_max=3500.0, pad=7,
                                    n_mels=15, window_fn=torch.hamming_window, power=1.0, normalized=True,
                                    pad_mode="constant", norm="slaney", mel_scale="slaney"),
        "dB": torch.nn.Sequential(T.MelSpectrogram(8000, **mel), T.AmplitudeToDB(top_db=60.0)),
        "mfcc": T.MFCC(8000, n_mfcc=13, melkwargs=mel),
        "log mfcc": T.MFCC(8000, n_mfcc=13, norm=None, log_mels=True, melkwargs=mel),
    }


@pytest.mark.parametrize("name", ["mel", "odd mel", "dB", "mfcc", "log mfcc"])
def test_transforms_of_torchaudio_are_descriptions(name):
    transform = torchaudio_transforms()[name]
    import torch

    samples = wave(1)
    theirs = transform(torch.tensor(samples, dtype=torch.float32)).numpy().T
    near(features(soundproof.front_of(transform), samples), theirs)


def test_functions_of_librosa_are_descriptions():
    librosa = pytest.importorskip("librosa")
    for function in (functools.partial(librosa.feature.mfcc, sr=8000, n_mfcc=13, n_fft=512, n_mels=30),
                     functools.partial(librosa.feature.melspectrogram, sr=8000, n_fft=400, power=1.0,
                                       window=np.hamming(400))):
        near(features(soundproof.front_of(function), wave(2)), function(y=wave(2)).T)


def test_functions_of_other_libraries_are_descriptions():
    speech = pytest.importorskip("python_speech_features")
    function = functools.partial(speech.mfcc, samplerate=8000, nfft=256)
    near(features(soundproof.front_of(function), wave(3)), function(np.round(wave(3) * 32768)))
    torch = pytest.importorskip("torch")
    kaldi = pytest.importorskip("torchaudio.compliance.kaldi")
    function = functools.partial(kaldi.fbank, sample_frequency=8000.0, num_mel_bins=30)
    near(features(soundproof.front_of(function), wave(4)),
         function(torch.tensor(wave(4)[None], dtype=torch.float64)).numpy())


def test_what_no_description_says_names_the_parameter():
    torch = pytest.importorskip("torch")
    T = pytest.importorskip("torchaudio.transforms")
    librosa = pytest.importorskip("librosa")
    changed = T.MelSpectrogram(8000, n_fft=256, n_mels=20)
    changed.mel_scale.fb[3, 0] += 0.1
    for wrong, words in ((T.MelSpectrogram(8000, n_fft=256, n_mels=20, power=None), "power"), (changed, "fb"),
                         (T.Spectrogram(), "Spectrogram"), (torch.nn.Sequential(changed, torch.nn.ReLU()), "fb"),
                         (functools.partial(librosa.feature.mfcc, wave(1)), "keywords"),
                         (functools.partial(librosa.feature.mfcc, n_fft=object()), "n_fft"),
                         (librosa.feature.chroma_stft, "chroma_stft"), (np.sin, "sin"), (3, "int")):
        with pytest.raises(soundproof.SoundproofError, match=words):
            soundproof.front_of(wrong)
    with pytest.raises(soundproof.SoundproofError, match="surprise"):
        soundproof.Pipeline(MODEL, front=functools.partial(librosa.feature.mfcc, surprise=1))


def test_art_predicts_certifies_and_attacks():
    art = pytest.importorskip("soundproof.art")
    pipeline = soundproof.Pipeline(MODEL)
    estimator = art.SoundproofClassifier(pipeline, clip_length=4000)
    x = np.stack([wave(1), wave(2)])
    logits = estimator.predict(x)
    assert logits[1] == pytest.approx(pipeline.logits(x[1]), rel=1e-5)
    y = np.eye(10)[logits.argmax(axis=1)]
    for verdict, clip in zip(estimator.certify(x, "-65dB", y), x):
        assert verdict.margin == pipeline.certify(clip, "-65dB").margin
    noisy = art.SoundproofAttack(estimator, "-10dB", steps=20, starts=2).generate(x, y)
    assert noisy.shape == x.shape
    for clip, noise in zip(x, noisy - x):
        assert abs(noise).max() <= 10 ** (-10 / 20) * abs(clip).max() * (1 + 1e-12)
    assert (estimator.predict(noisy).argmax(axis=1) != logits.argmax(axis=1)).any()
    with pytest.raises(soundproof.SoundproofError, match="labels of shape"):
        estimator.certify(x, "-65dB", np.zeros(3))

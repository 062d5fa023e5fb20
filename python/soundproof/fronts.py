"""Front ends as they stand in training code, turned into descriptions.

    soundproof.Pipeline("m.onnx", front=torchaudio.transforms.MFCC(16000, n_mfcc=13))
    soundproof.Pipeline("m.onnx", front=functools.partial(librosa.feature.mfcc, sr=8000))

What a description cannot say is an error that names the parameter; nothing is left out in silence.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Dict, List

import numpy as np

#: Functions of libraries, by module and name, and the presets that compute them.
PRESETS = {
    ("librosa.feature.spectral", "melspectrogram"): "librosa.melspectrogram",
    ("librosa.feature.spectral", "mfcc"): "librosa.mfcc",
    ("torchaudio.compliance.kaldi", "fbank"): "kaldi.fbank",
    ("torchaudio.compliance.kaldi", "mfcc"): "kaldi.mfcc",
    ("python_speech_features.base", "mfcc"): "python_speech_features.mfcc",
    ("python_speech_features.base", "logfbank"): "python_speech_features.logfbank",
}
#: What recordings are scaled to before these functions hear them, unless `scale` says otherwise.
SCALES = {"python_speech_features.mfcc": "int16", "python_speech_features.logfbank": "int16"}


def _error(words: str) -> Exception:
    from . import SoundproofError

    return SoundproofError(words)


def _plain(value: Any, name: str) -> Any:
    """As JSON has it: numbers, texts, lists of numbers."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): _plain(inner, f"{name}.{key}") for key, inner in value.items()}
    if hasattr(value, "detach") or isinstance(value, (np.ndarray, list, tuple)):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)
        if array.ndim == 1:
            return array.tolist()
    if callable(value) and getattr(value, "__name__", ""):
        return value.__name__
    raise _error(f"{name}: {type(value).__name__} is nothing that a description can say")


def _of_function(function: Any, scale: Any) -> Dict[str, Any]:
    given: Dict[str, Any] = {}
    while isinstance(function, functools.partial):
        if function.args:
            raise _error("a partial function names its parameters: give them as keywords")
        given = {**function.keywords, **given}
        function = function.func
    key = (getattr(function, "__module__", ""), getattr(function, "__name__", ""))
    if key not in PRESETS:
        raise _error(f"{'.'.join(map(str, key))} is no front end that soundproof knows: these are "
                     + ", ".join(sorted({f"{module}.{name}" for module, name in PRESETS}))
                     + " and torchaudio's MelSpectrogram and MFCC")
    preset = PRESETS[key]
    if preset.startswith("kaldi."):  # its default is random noise in some versions
        given.setdefault("dither", inspect.signature(function).parameters["dither"].default)
    return {"preset": preset, "scale": scale or SCALES.get(preset, "unit"),
            "parameters": {name: _plain(value, name) for name, value in given.items()}}


def _window(spectrogram: Any) -> Any:
    """Its name where it is torch.hann_window, else its numbers."""
    import torch

    window = spectrogram.window.detach().cpu()
    hann = torch.hann_window(len(window), dtype=window.dtype)
    return "hann_window" if torch.equal(window, hann) else window.double().tolist()


def _mel(transform: Any) -> Dict[str, Any]:
    """Parameters of a torchaudio.transforms.MelSpectrogram, as it holds them."""
    import torch
    from torchaudio import functional

    spectrogram, bank = transform.spectrogram, transform.mel_scale
    if spectrogram.power is None:
        raise _error("power: None gives complex numbers, 1 and 2 have bounds")
    made = functional.melscale_fbanks(spectrogram.n_fft // 2 + 1, bank.f_min, bank.f_max,
                                      bank.n_mels, bank.sample_rate, bank.norm, bank.mel_scale)
    if not torch.allclose(bank.fb.detach().cpu(), made):
        raise _error("mel_scale.fb is not the bank of these parameters: write the bank into the "
                     "description (docs/front-ends.md)")
    return {
        "sample_rate": transform.sample_rate, "n_fft": spectrogram.n_fft,
        "win_length": spectrogram.win_length, "hop_length": spectrogram.hop_length,
        "f_min": bank.f_min, "f_max": bank.f_max, "pad": spectrogram.pad,
        "n_mels": bank.n_mels, "window_fn": _window(spectrogram), "power": spectrogram.power,
        "normalized": spectrogram.normalized, "center": spectrogram.center,
        "pad_mode": spectrogram.pad_mode, "norm": bank.norm, "mel_scale": bank.mel_scale,
    }


def _decibels(transform: Any, power: float) -> Dict[str, Any]:
    """What a torchaudio.transforms.AmplitudeToDB adds to a mel spectrogram."""
    if transform.multiplier != (10.0 if power == 2.0 else 20.0):
        raise _error(f"stype: {transform.stype} behind a spectrogram of power {power:g}")
    said: Dict[str, Any] = {"log": "dB", "floor": {"at_least": transform.amin}}
    if transform.ref_value != 1.0:
        said["reference"] = transform.ref_value
    if transform.top_db is not None:
        said["top_db"] = transform.top_db
    return said


def _of_torchaudio(stages: List[Any], scale: Any) -> Dict[str, Any]:
    first, kind = stages[0], type(stages[0]).__name__
    said: Dict[str, Any] = {"preset": f"torchaudio.{kind}", "scale": scale or "unit"}
    if kind == "MFCC":
        if first.dct_type != 2:
            raise _error(f"dct_type: {first.dct_type}, torchaudio computes 2 only")
        if not first.log_mels and first.amplitude_to_DB.top_db != 80.0:
            raise _error(f"top_db: {first.amplitude_to_DB.top_db}, torchaudio's MFCC has 80")
        said["parameters"] = {
            "sample_rate": first.sample_rate, "n_mfcc": first.n_mfcc, "norm": first.norm,
            "log_mels": first.log_mels, "melkwargs": _mel(first.MelSpectrogram),
        }
        del said["parameters"]["melkwargs"]["sample_rate"]
    elif kind == "MelSpectrogram":
        said["parameters"] = _mel(first)
    else:
        raise _error(f"torchaudio.transforms.{kind} is no front end that soundproof knows: "
                     "MelSpectrogram and MFCC are")
    for stage in stages[1:]:
        name = type(stage).__name__
        if name != "AmplitudeToDB" or kind != "MelSpectrogram" or stage is not stages[1]:
            raise _error(f"{name} behind {type(stages[0]).__name__} is nothing that a preset says: "
                         "write it as members of the description (docs/front-ends.md)")
        said.update(_decibels(stage, float(first.spectrogram.power)))
    return said


def front_of(transform: Any, scale: Any = None) -> Dict[str, Any]:
    """The description, a dict, of a torchaudio.transforms.MelSpectrogram (also in a
    torch.nn.Sequential with AmplitudeToDB) or MFCC, or of a function of librosa,
    torchaudio.compliance.kaldi or python_speech_features, with its parameters in a
    functools.partial.

    scale  what the function hears: "unit", floats of full scale 1, or "int16"; unless given as the
           library's users have it: "int16" for python_speech_features, "unit" for the others
    """
    module = type(transform).__module__
    if module.startswith("torch.nn") and type(transform).__name__ == "Sequential":
        return _of_torchaudio(list(transform), scale)
    if module.startswith("torchaudio.transforms"):
        return _of_torchaudio([transform], scale)
    if callable(transform) and not isinstance(transform, type):
        return _of_function(transform, scale)
    raise _error(f"{type(transform).__name__} is no front end: a path, a description as a dict, a "
                 "transform of torchaudio, or a function with its parameters in functools.partial")

"""What libraries make of recordings: python library_features.py JOBS

A line of JOBS holds, separated by tabs: a description with a preset (JSON), a WAV file of 16 bits, and
the .npy file to write, [frames, features]. The library is called with the description's parameters.
"""
import json
import sys
import wave

import numpy


def samples_of(path, scale):
    with wave.open(path) as file:
        data = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    return data.astype(numpy.float64) / (1.0 if scale == "int16" else 32768.0)


def torchaudio_features(name, x, parameters):
    import torch
    import torchaudio

    torch.set_default_dtype(torch.float64)
    kwargs = dict(parameters)
    target = kwargs.get("melkwargs", kwargs)
    if "window_fn" in target:
        target["window_fn"] = getattr(torch, target["window_fn"])
    transform = getattr(torchaudio.transforms, name)(**kwargs)
    return transform(torch.from_numpy(x)).numpy().T


def librosa_features(name, x, parameters):
    import librosa

    return getattr(librosa.feature, name)(y=x, **parameters).T


def kaldi_features(name, x, parameters):
    import kaldi_native_fbank

    options = getattr(kaldi_native_fbank, {"fbank": "FbankOptions", "mfcc": "MfccOptions"}[name])()
    places = {
        "frame_opts": {
            "sample_frequency": "samp_freq", "frame_length": "frame_length_ms",
            "frame_shift": "frame_shift_ms", "preemphasis_coefficient": "preemph_coeff",
            "remove_dc_offset": "remove_dc_offset", "window_type": "window_type",
            "round_to_power_of_two": "round_to_power_of_two", "blackman_coeff": "blackman_coeff",
            "snip_edges": "snip_edges"},
        "mel_opts": {"num_mel_bins": "num_bins", "low_freq": "low_freq", "high_freq": "high_freq"}}
    options.frame_opts.dither = 0
    for key, value in parameters.items():
        for place, names in places.items():
            if key in names:
                setattr(getattr(options, place), names[key], value)
                break
        else:
            if key != "dither":
                setattr(options, key, value)
    online = getattr(kaldi_native_fbank, {"fbank": "OnlineFbank", "mfcc": "OnlineMfcc"}[name])(options)
    online.accept_waveform(options.frame_opts.samp_freq, x.tolist())
    online.input_finished()
    return numpy.stack([online.get_frame(i) for i in range(online.num_frames_ready)])


def psf_features(name, x, parameters):
    import python_speech_features

    kwargs = dict(parameters)
    if "winfunc" in kwargs:
        kwargs["winfunc"] = getattr(numpy, kwargs["winfunc"])
    return getattr(python_speech_features, name)(x, **kwargs)


LIBRARIES = {"torchaudio": torchaudio_features, "librosa": librosa_features, "kaldi": kaldi_features,
             "python_speech_features": psf_features}

if __name__ == "__main__":
    with open(sys.argv[1]) as jobs:
        for job in jobs:
            text, clip, out = job.rstrip("\n").split("\t")
            description = json.loads(text)
            library, name = description["preset"].split(".")
            x = samples_of(clip, description["scale"])
            y = LIBRARIES[library](name, x, description.get("parameters", {}))
            numpy.save(out, numpy.ascontiguousarray(y, dtype=numpy.float64))

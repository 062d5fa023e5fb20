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


def tensorflow_features(name, x, parameters):
    import tensorflow

    signal = tensorflow.signal
    kwargs = {"sample_rate": 8000, "fft_length": None, "window_fn": "hann_window", "pad_end": False,
              "num_mel_bins": 20, "lower_edge_hertz": 125.0, "upper_edge_hertz": 3800.0,
              "log_offset": 1e-6, "num_mfccs": None}
    kwargs.update(parameters)
    spectrum = signal.stft(x, kwargs["frame_length"], kwargs["frame_step"], kwargs["fft_length"],
                           getattr(signal, kwargs["window_fn"]), kwargs["pad_end"])
    bank = signal.linear_to_mel_weight_matrix(
        kwargs["num_mel_bins"], spectrum.shape[-1], kwargs["sample_rate"],
        kwargs["lower_edge_hertz"], kwargs["upper_edge_hertz"], tensorflow.float64)
    logs = tensorflow.math.log(tensorflow.abs(spectrum) @ bank + kwargs["log_offset"])
    if name == "mfccs_from_log_mel_spectrograms":
        logs = signal.mfccs_from_log_mel_spectrograms(logs)[:, :kwargs["num_mfccs"]]
    return logs.numpy()


def kaldi_deltas(y, reach, order):
    """After the text of Kaldi's DeltaFeatures: one filter for each order, frames clamped."""
    scales = [numpy.ones(1)]
    for _ in range(order):
        scales.append(numpy.convolve(scales[-1], numpy.arange(-reach, reach + 1) /
                                     sum(j * j for j in range(-reach, reach + 1))))
    frames = numpy.arange(len(y))
    return [sum(w * y[numpy.clip(frames + j - len(scale) // 2, 0, len(y) - 1)]
                for j, w in enumerate(scale)) for scale in scales]


def deltas(library, y, rule, reach, order):
    made = [y]
    if rule == "kaldi":
        return kaldi_deltas(y, reach, order)
    for i in range(1, order + 1):
        if rule == "librosa":
            import librosa

            made.append(librosa.feature.delta(y.T, width=2 * reach + 1, order=i).T)
        elif library == "torchaudio":
            import torch
            import torchaudio

            last = torch.from_numpy(numpy.ascontiguousarray(made[-1].T))
            made.append(torchaudio.functional.compute_deltas(last, 2 * reach + 1).numpy().T)
        else:
            import python_speech_features

            made.append(python_speech_features.delta(made[-1], reach))
    return made


def over_time(library, y, steps):
    for step in steps:
        if "deltas" in step:
            y = numpy.hstack(deltas(library, y, **step["deltas"]))
        elif "subtract" in step:
            y = y - y.mean(axis=0)
        else:
            left, right = step["context"]["left"], step["context"]["right"]
            mode = {"repeated": "edge", "zeros": "constant"}[step["context"]["edges"]]
            padded = numpy.pad(y, ((left, right), (0, 0)), mode)
            y = numpy.hstack([padded[i:i + len(y)] for i in range(left + right + 1)])
    return y


LIBRARIES = {"torchaudio": torchaudio_features, "librosa": librosa_features, "kaldi": kaldi_features,
             "python_speech_features": psf_features, "tf.signal": tensorflow_features}

if __name__ == "__main__":
    with open(sys.argv[1]) as jobs:
        for job in jobs:
            text, clip, out = job.rstrip("\n").split("\t")
            description = json.loads(text)
            library, name = description["preset"].rsplit(".", 1)
            x = samples_of(clip, description["scale"])
            y = LIBRARIES[library](name, x, description.get("parameters", {}))
            y = over_time(library, y, description.get("sequence", []))
            numpy.save(out, numpy.ascontiguousarray(y, dtype=numpy.float64))

"""The Python package, as its users call it. SOUNDPROOF names the command, which the same questions
are put to."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import wave

import numpy as np
import pytest

import soundproof

MODEL = "examples/models/fsdd-certified.onnx"
COMMAND = os.environ.get("SOUNDPROOF", "build/soundproof")


@pytest.fixture(scope="module")
def pipeline():
    return soundproof.Pipeline(MODEL)


def tones(seed, n=4000):
    """int16 samples [n]: a few tones that swell and fade."""
    rng = np.random.default_rng(seed)
    time = np.arange(n) / 8000.0
    parts = [np.sin(2 * np.pi * f * time + p) for f, p in zip(rng.uniform(150, 3000, 4), rng.uniform(0, 6, 4))]
    return np.round(8000 * np.sin(np.pi * np.arange(n) / n) * sum(parts) / 4).astype(np.int16)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A path of a wav file."""
    path = tmp_path_factory.mktemp("clips") / "tones.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tones(1).tobytes())
    return path


def command(*arguments):
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[0])


@pytest.mark.parametrize("method, norm, budget", [
    ("ibp", "inf", "-100dB"), ("exact", "inf", "-90dB"), ("exact", "inf", "-65dB"),
    ("exact", "2", "-65dB"), ("exact", "1", "-65dB"), ("opt", "inf", "-65dB"), ("opt", "2", "-65dB"),
])
def test_verdicts_are_those_of_the_command_to_the_bit(clip, method, norm, budget):
    verdict = soundproof.Pipeline(MODEL, method=method).certify(clip, budget, norm=norm)
    said = command("certify", "--json", "--model", MODEL, "--method", method, "--norm", norm,
                   f"--budget={budget}", clip)
    assert verdict.outcome == said["verdict"]
    assert verdict.answer == said["predicted"] and verdict.label == said["label"]
    assert verdict.margin == said["margin"]
    for mine, theirs in zip(verdict.margins, said["margins"]):
        assert mine == theirs or (theirs is None and np.isnan(mine))
    assert list(verdict.logits) == said["logits"]
    assert verdict.eps == said["eps"] and verdict.frames == said["frames"]
    assert verdict.vacuous == said["vacuous"]


def test_arrays_are_clips(pipeline, clip):
    by_path = pipeline.certify(clip, "-60dB")
    samples = tones(1)
    for array in (samples, samples.astype(np.int32) * 65536, samples / 32768.0,
                  (samples / 32768.0).astype(np.float32), list(samples / 32768.0)):
        verdict = pipeline.certify(array, "-60dB")
        assert verdict.margin == by_path.margin
        assert verdict.clip is None and by_path.clip == os.fspath(clip)


def test_lists_keep_their_order_and_lose_nothing(pipeline, clip):
    clips = [tones(1), clip, "absent.wav", tones(2), np.zeros((2, 9))]
    verdicts = pipeline.certify(clips, "-60dB")
    assert [v.outcome == "error" for v in verdicts] == [False, False, True, False, True]
    assert "absent.wav" in verdicts[2].reason and "(2, 9)" in verdicts[4].reason
    for got, one in zip(verdicts, clips):
        if got.outcome != "error":
            assert got.margin == pipeline.certify(one, "-60dB").margin
    with pytest.raises(soundproof.SoundproofError, match="5 clips have 2 labels"):
        pipeline.certify(clips, "-60dB", label=[1, 2])


def test_features_and_logits_of_the_clip_without_noise(pipeline, clip):
    features = pipeline.features(clip)
    verdict = pipeline.certify(clip, "-90dB")
    assert features.shape == (verdict.frames, 10) and np.isfinite(features).all()
    assert (pipeline.logits(clip) == verdict.logits).all()
    assert pipeline.rate == 8000 and pipeline.classes == 10


def test_bounds_hold_what_noise_attains(pipeline):
    samples = tones(5).astype(float)
    boxes = pipeline.bounds(samples / 32768.0, "-50dB")
    radius = 10 ** (-50 / 20) * abs(samples).max()
    assert boxes[0].kind == "features" and boxes[-1].upper.shape == (1, pipeline.classes)
    rng = np.random.default_rng(1)
    for _ in range(50):
        noisy = (samples + radius * rng.choice([-1.0, 1.0], samples.size)) / 32768.0
        features, logits = pipeline.features(noisy), pipeline.logits(noisy)
        assert (boxes[0].lower <= features).all() and (features <= boxes[0].upper).all()
        assert (boxes[-1].lower <= logits).all() and (logits <= boxes[-1].upper).all()


def test_dumped_bounds_are_those_of_the_package(pipeline, clip, tmp_path):
    boxes = pipeline.bounds(clip, "-60dB")
    said = ("certify", "--json", "--model", MODEL, "--budget=-60dB", "--budget=3lsb", clip)
    command(*said, "--dump-bounds", tmp_path / "boxes.npz")
    command(*said, "--dump-bounds", tmp_path / "boxes.json")
    arrays = np.load(tmp_path / "boxes.npz")
    objects = json.loads((tmp_path / "boxes.json").read_text())
    assert len(arrays) == 4 * len(boxes) and len(objects) == 2 * len(boxes)
    for box, entry in zip(boxes, [o for o in objects if o["budget"] == "-60dB"]):
        assert (entry["clip"], entry["node"], entry["kind"]) == ("tones.wav", box.node, box.kind)
        for end, values in ("lower", box.lower), ("upper", box.upper):
            assert (np.array(entry[end]) == values).all()
            assert (arrays[f"tones.wav|-60dB|{box.node:02d} {box.kind}|{end}"] == values).all()


def test_rounded_clips_have_the_verdicts_of_the_command(pipeline, clip):
    verdict = pipeline.certify(clip, "2.6lsb", deployed="int16")
    said = command("certify", "--json", "--model", MODEL, "--budget=2.6lsb", "--deployed", "int16", clip)
    assert verdict.margin == said["margin"] and said["heard_eps"] == 3
    assert verdict.margin < pipeline.certify(clip, "2.6lsb").margin
    with pytest.raises(soundproof.SoundproofError):
        pipeline.certify(clip, "2.6lsb", deployed="int8")


def test_attacks_of_arrays_return_noise_within_the_budget(pipeline):
    samples = tones(1)
    noisy, verdict = pipeline.attack(samples, "-10dB")
    assert verdict.outcome == "broken"
    assert abs(noisy - samples).max() <= 10 ** (-10 / 20) * abs(samples.astype(float)).max() * (1 + 1e-12)
    assert pipeline.logits(noisy / 32768.0).argmax() != verdict.answer
    noisy, verdict = pipeline.attack(samples, "-120dB", steps=3, starts=1)
    assert verdict.outcome == "unknown" and noisy.shape == samples.shape


def test_attacks_of_files_keep_the_file(pipeline, clip, tmp_path):
    out = tmp_path / "noisy.wav"
    _, verdict = pipeline.attack(clip, "-10dB", out=out)
    assert verdict.outcome == "broken"
    assert pipeline.logits(out).argmax() != verdict.answer
    with pytest.raises(soundproof.SoundproofError, match="clip in memory"):
        pipeline.attack(tones(1), "-10dB", out=out)


def test_the_radius_lies_between_its_edges(pipeline, clip):
    radius = pipeline.radius(clip, tolerance=1.0)
    assert radius.certified_db < radius.broken_db
    assert pipeline.certify(clip, f"{radius.certified_db}dB").certified
    assert radius.as_dict()["certified_db"] == radius.certified_db


@pytest.mark.parametrize("wrong, words", [
    (lambda p: p.certify("absent.wav", "-60dB"), "absent.wav"),
    (lambda p: p.certify(tones(1), "loud"), "-70dB"),
    (lambda p: p.certify(tones(1), "-60dB", norm=3), "inf, 2 or 1"),
    (lambda p: p.certify(tones(1), "-60dB", label=10), "0 to 9"),
    (lambda p: p.certify(tones(1), "-60dB", label="three"), "label"),
    (lambda p: p.certify(tones(1), "-60dB", label=True), "label"),
    (lambda p: p.certify(tones(1), "-60dB", label=[1]), "label"),
    (lambda p: p.certify(tones(1), "-60dB", timeout=-1.0), "time limits"),
    (lambda p: p.certify(tones(1), "-60dB", rate=16000), "16000 Hz"),
    (lambda p: p.certify(np.zeros(4000), "-60dB"), "silent"),
    (lambda p: p.certify(np.full(4000, np.nan), "-60dB"), "finite"),
    (lambda p: p.certify(np.zeros(4000, np.uint8), "-60dB"), "uint8"),
    (lambda p: p.certify(np.zeros(4000, complex), "-60dB"), "complex128"),
    (lambda p: p.certify([], "-60dB") or p.certify(np.zeros(0), "-60dB"), "samples"),
    (lambda p: p.radius(tones(1), tolerance=0.0), "tolerance"),
    (lambda p: soundproof.Pipeline("absent.onnx"), "absent.onnx"),
    (lambda p: soundproof.Pipeline(MODEL, front={"surprise": 1}), "surprise"),
    (lambda p: soundproof.Pipeline(MODEL, method="magic"), "magic"),
])
def test_what_is_wrong_is_an_error_with_a_line(pipeline, wrong, words):
    with pytest.raises(soundproof.SoundproofError) as caught:
        wrong(pipeline)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_interrupts_end_a_call_and_later_ones_work(pipeline):
    slow = soundproof.Pipeline(MODEL, method="opt")
    long_clip = np.concatenate([tones(seed) for seed in range(12)])
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        slow.certify(long_clip, "-60dB")
    assert time.monotonic() - start < 20.0
    assert pipeline.certify(tones(1), "-60dB").outcome != "timeout"


def test_the_example_certifies(clip):
    done = subprocess.run([sys.executable, "examples/certify.py", MODEL, str(clip), "absent.wav"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.count("absent.wav: no such file") == 4
    for line in done.stdout.splitlines():
        verdict = soundproof.Pipeline(MODEL).certify(clip, line.split(":")[0])
        words = f" 1 of 2, least margin {verdict.margin:.3f}" if verdict.certified else " 0 of 2"
        assert line.endswith(": certified" + words)


def test_the_header_and_the_library_have_one_version():
    assert soundproof.version() == "0.1.0"

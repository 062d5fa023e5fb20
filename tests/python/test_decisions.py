"""Many decisions at once, asked from Python: the verdicts are those of the command to the bit.
SOUNDPROOF_ROWS_MODEL names a model with three sigmoids at every frame, which tests/cli/test_python.c
writes."""

import json
import os
import subprocess

import numpy as np
import pytest

import soundproof
from test_package import COMMAND, clip, tones  # noqa: F401

MODEL = os.environ.get("SOUNDPROOF_ROWS_MODEL", "")
FRONT = "examples/fronts/fsdd.json"

pytestmark = pytest.mark.skipif(not MODEL, reason="SOUNDPROOF_ROWS_MODEL is not set")


def said(clip, command, *options):
    done = subprocess.run([COMMAND, command, "--json", "--model", MODEL, "--front", FRONT,
                           *options, str(clip)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[0])


def same(mine, theirs):
    return len(mine) == len(theirs) and all(
        a == b or (b is None and np.isnan(a)) for a, b in zip(mine, theirs))


@pytest.mark.parametrize("output, asked, threshold, written", [
    ("p@all", "answer", None, None),
    ("p@all", "outputs", None, None),
    ("p@all", "outputs", [0.45, 0.5, 0.55], "0.45,0.5,0.55"),
    ("p@last", "outputs", 0.5, "0.5"),
    ("p@last", "outputs", "logit:0.1", "logit:0.1"),
    ("p@last", "outputs", ["logit:0.1", 0.5, np.float32(0.5)], "logit:0.1,0.5,0.5"),
    ("p[1]@last", "answer", 0.45, "0.45"),
])
@pytest.mark.parametrize("budget", ["-90dB", "-40dB"])
def test_verdicts_are_those_of_the_command(clip, output, asked, threshold, written, budget):
    pipeline = soundproof.Pipeline(MODEL, FRONT, output="p@first")
    verdict = pipeline.certify(clip, budget, property=asked, threshold=threshold, output=output)
    options = ["--output", output, "--property", asked, f"--budget={budget}"]
    theirs = said(clip, "certify", *options,
                  *(["--threshold", written] if written else []))
    assert verdict.outcome == theirs["verdict"] and verdict.margin == theirs["margin"]
    assert same(verdict.margins, theirs["margins"]) and same(verdict.logits, theirs["logits"])
    assert verdict.label == theirs["label"] and verdict.outputs == theirs.get("outputs")
    if verdict.outputs:
        assert verdict.margins.reshape(-1, verdict.outputs).shape[1] == 3
        assert verdict.weakest == (theirs.get("weakest_frame", 0), theirs["weakest_output"])
        assert verdict.as_dict()["outputs"] == 3


def test_radius_and_attack_ask_it_too(clip):
    pipeline = soundproof.Pipeline(MODEL, FRONT, output="p@all")
    radius = pipeline.radius(clip, property="outputs", threshold=[0.45, 0.5, 0.55], tolerance=4.0)
    theirs = said(clip, "radius", "--output", "p@all", "--property", "outputs",
                  "--threshold", "0.45,0.5,0.55", "--tol", "4")
    assert radius.certified_db == theirs["certified_db"]
    wave, verdict = pipeline.attack(tones(1), "-3dB", property="outputs", threshold=0.5)
    assert verdict.outcome == "broken" and "across its threshold" in verdict.reason
    logits = pipeline.logits(wave / 32768.0)
    assert ((logits >= 0.0) != (verdict.logits >= 0.0)).any()


@pytest.mark.parametrize("options, words", [
    ({"property": "sides"}, "answer or outputs"),
    ({"property": "outputs", "threshold": 1.5}, "no probability"),
    ({"property": "outputs", "threshold": float("nan")}, "needs a number"),
    ({"property": "outputs", "threshold": []}, "needs a number"),
    ({"property": "outputs", "threshold": [0.5, 0.5]}, "each of 3"),
    ({"property": "outputs", "label": 1}, "many decisions"),
    ({"threshold": 0.5}, "knows no threshold"),
    ({"output": "q@all"}, "q"),
])
def test_questions_that_make_no_sense_are_errors(options, words):
    pipeline = soundproof.Pipeline(MODEL, FRONT, output="p@last")
    with pytest.raises(soundproof.SoundproofError) as caught:
        pipeline.certify(tones(1), "-90dB", **options)
    assert words in str(caught.value) and "\n" not in str(caught.value)

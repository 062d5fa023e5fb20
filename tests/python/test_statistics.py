"""The statistics of compare against SciPy's, out of the same lines of JSON."""

import json
import os
import subprocess

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats")

MODEL = "examples/models/fsdd-certified.onnx"
COMMAND = os.environ.get("SOUNDPROOF", "build/soundproof")
BUDGETS = ["-90dB", "-70dB", "-60dB"]
METHODS = ["ibp", "ibp@r2"]


def sounds(folder, count):
    """Tones that swell and fade, no two alike."""
    import wave

    for seed in range(count):
        rng = np.random.default_rng(seed)
        n = 1800 + 40 * seed
        time = np.arange(n) / 8000.0
        parts = [np.sin(2 * np.pi * f * time + p) for f, p in zip(rng.uniform(150, 3000, 4), rng.uniform(0, 6, 4))]
        samples = np.round(8000 * np.sin(np.pi * np.arange(n) / n) * sum(parts) / 4).astype("<i2")
        path = os.path.join(folder, f"tones{seed}.wav")
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
        yield path


@pytest.fixture(scope="module", params=[9, 70])  # every sign counted, and the normal distribution
def lines(request, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("clips"))
    budgets = [word for budget in BUDGETS for word in ("--budget", budget)]
    run = subprocess.run(
        [COMMAND, "compare", "--model", MODEL, "--methods", ",".join(METHODS), *budgets, "--no-attack", "--json",
         *sounds(folder, request.param)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def margins(lines, method, budget):
    return np.array([line["margin"] for line in lines
                     if "clip" in line and line["method"] == method and line["budget_db"] == float(budget[:-2])])


def radii(lines, method):
    best = {}
    for line in lines:
        if "clip" in line and line["method"] == method:
            size = 10 ** (line["budget_db"] / 20) if line["verdict"] == "certified" else 0.0
            best[line["clip"]] = max(size, best.get(line["clip"], 0.0))
    return np.array(list(best.values()))


def close(a, b, tolerance=1e-9):
    return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b))


def test_means_and_deviations(lines):
    for line in lines:
        if "summary" in line:
            values = margins(lines, line["method"], line["summary"])
            assert close(line["mean_margin"], values.mean())
            assert close(line["margin_deviation"], values.std(ddof=1))
            assert close(line["share_of_all"], 100 * line["certified"] / line["clips"])
        if "radii" in line:
            values = radii(lines, line["radii"])
            assert line["clips"] == len(values) and line["none"] == int((values == 0).sum())
            assert close(line["mean_radius"], values.mean())
            assert close(line["radius_deviation"], values.std(ddof=1))
            assert np.allclose(line["radius_quantiles"], np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))


def test_signed_ranks(lines):
    compared = 0
    for line in lines:
        if "paired" not in line:
            continue
        if line["measure"] == "margin":
            difference = margins(lines, line["paired"], line["budget"]) - margins(lines, line["method"], line["budget"])
        else:
            difference = radii(lines, line["paired"]) - radii(lines, line["method"])
        assert line["pairs"] == len(difference)
        assert (line["larger"], line["equal"], line["smaller"]) == (
            int((difference > 0).sum()), int((difference == 0).sum()), int((difference < 0).sum()))
        assert close(line["mean_difference"], difference.mean())
        assert close(line["difference_deviation"], difference.std(ddof=1))
        unequal = difference[difference != 0]
        if len(unequal) == 0:
            assert line["p"] is None
            continue
        tied = len(set(abs(unequal))) < len(unequal)
        assert line["exact"] == (len(unequal) <= 50)
        if line["exact"] and tied and len(unequal) > 13:
            continue  # SciPy would take the normal distribution
        method = ("approx" if not line["exact"] else "exact" if not tied
                  else stats.PermutationMethod(n_resamples=np.inf))
        test = stats.wilcoxon(unequal, method=method)
        assert close(line["rank_sum"], float(test.statistic))
        assert close(line["p"], float(test.pvalue), 1e-7)
        compared += 1
    assert compared >= 2

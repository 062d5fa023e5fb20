#!/usr/bin/env python3
"""A proof made by an engine with a planted fault is refused.

    mutant_engine.py [--programs DIR] [--build FOLDER] [--only N,...]

Builds the command once, in a copy of the tree, with all faults below inside, each of which is there
only where SOUNDPROOF_FAULT is its number. For each model the loudest budget that the engine itself
certifies on a synthetic clip is found; then every fault in turn certifies louder ones. What it
claims there must be refused by soundproof-check. Fails when a claim is accepted, or when a fault
makes none, so that nothing was shown about it. Takes minutes."""
import argparse
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import wave

MODELS = [f"examples/models/fsdd-{name}.onnx" for name in ("certified", "loud")]
FRONT = "examples/fronts/fsdd.json"  # of the models that are made here
FIRST = -90.0  # dB, where all models are certified
LOUDER = [0.016, 0.04, 0.1, 0.4, 1.5, 6.0]  # dB above the engine's own edge
# Of ReLU behind ReLU other slopes, which a fault leads to, may prove a little more than the engine
# does: those claims are true. Nothing of the kind was seen from here on.
POOLED_LOUDER = LOUDER[2:]
# what, file, text, what stands for it; FAULT: whether the fault is there
FAULTS = [
    ("planes are a tenth of their gap too high", "relax/plane/plane_offset.h",
     "    const double reach = fabs(a) * sp_iv_mag(d->x)",
     "    if (FAULT) {\n        c += 0.1 * (sp_spot_gap(&spot[0], a, b) + sp_spot_gap(&spot[2], a, b)"
     " - 2.0 * c);\n    }\n    const double reach = fabs(a) * sp_iv_mag(d->x)"),
    ("ReLU's upper line is a fifth too low", "relax/r2/line_r2.h",
     "r.upper.c = sp_relax_max(sp_line_above_end(0.0, w, x.lo)",
     "r.upper.c = (FAULT ? 0.8 : 1.0) * sp_relax_max(sp_line_above_end(0.0, w, x.lo)"),
    ("the upper line of the logarithm is too low", "preprocess/bound/front_joint.c",
     "sp_above(sp_above(w * top) - 1.0)",
     "sp_above(sp_above(w * top) - 1.0 - (FAULT ? 0.2 * w * e->reach : 0.0))"),
    ("the lower line of the logarithm is too high", "preprocess/bound/front_joint.c",
     "from = fmin(least, r1);", "from = fmin(FAULT ? 0.5 * (least + r1) : least, r1);"),
    ("the squares of the noise are left out", "preprocess/bound/front_joint.c",
     "sp_above(line.c + sp_above(w * e->square))",
     "sp_above(line.c + (FAULT ? 0.0 : sp_above(w * e->square)))"),
    ("the energy's peaks are 2 % too low", "preprocess/bound/front_energy.c",
     "sp_above(weight / energy->weight[k]) : 0.0",
     "(FAULT ? 0.98 : 1.0) * sp_above(weight / energy->weight[k]) : 0.0"),
    ("samples that frames share count against each other", "lstm/backsub/source_walk.c",
     "(sp_backsub_rows){walk->ws->carry, keep}, false, end);",
     "(sp_backsub_rows){walk->ws->carry, keep}, FAULT, end);"),
    ("the last term of every dense layer is dropped", "lstm/backsub/walk.c",
     ".k = k,\n" + 67 * " " + ".a = a.at.on,", ".k = FAULT ? k - 1 : k, .a = a.at.on,"),
    ("a negative margin loses its sign", "lstm/boxes/boxes.c",
     "lower[r] = bound > lower[r] ? bound : lower[r];",
     "lower[r] = bound > lower[r] ? bound : FAULT ? fabs(lower[r]) : lower[r];"),
    ("the reach of a band is half of what it is", "preprocess/bound/band_energy.c",
     "e.reach = sp_iv_mag(", "e.reach = (FAULT ? 0.5 : 1.0) * sp_iv_mag("),
    ("the noise is 5 % too quiet", "audio/noise_make.c",
     "noise->radius[i] = eps;", "noise->radius[i] = (FAULT ? 0.95 : 1.0) * eps;"),
    ("the threshold of one logit is a little off", "certify/pipeline.c",
     "weight[2 * r] * pipeline->threshold : 0.0;",
     "weight[2 * r] * pipeline->threshold + (FAULT ? 0.02 : 0.0) : 0.0;"),
]
# Certificates stay without a rehearsal.
UNREHEARSED = ("cli/job/certificates.c", "if (status == SP_OK && margin < THIN_MARGIN) {",
               "atomic_store(&one->proof->told->yes, true);\n    if (status == SP_OK && margin < 0.0) {")
HEADER = """#ifndef SP_FAULT_H
#define SP_FAULT_H
#include <stdlib.h>
static inline int sp_fault(int number) {
    static int fault = -1;
    if (fault < 0) {
        const char *text = getenv("SOUNDPROOF_FAULT");
        fault = text ? atoi(text) : 0;
    }
    return fault == number;
}
#endif
"""


def write_clip(path):
    source, samples = random.Random(5), []
    for i in range(2200):
        tone = 9000.0 * math.exp(-0.0006 * i) * (math.sin(0.21 * i) + 0.4 * math.sin(0.53 * i))
        samples.append(int(tone + source.uniform(-200.0, 200.0)))
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def message(*fields):
    """Protobuf: (number, text, bytes or a whole number) each."""
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
    out = b""
    for number, value in fields:
        data = value.encode() if isinstance(value, str) else value
        out += (varint(number << 3) + varint(data) if isinstance(data, int)
                else varint(number << 3 | 2) + varint(len(data)) + data)
    return out


def make_tensor(source, name, scale, *dims):
    count = math.prod(dims)
    data = struct.pack(f"<{count}f", *(source.uniform(-scale, scale) for _ in range(count)))
    return 5, message(*((1, d) for d in dims), (2, 1), (8, name), (9, data))


def make_node(kind, inputs, outputs, *attributes):
    return 1, message(*((1, i) for i in inputs), *((2, o) for o in outputs), (4, kind),
                      *((5, a) for a in attributes))


def make_floats(name, *values):
    return message((1, name), (7, struct.pack(f"<{len(values)}f", *values)), (20, 6))


def make_value(name, *dims):
    shape = message(*((1, message((1, d) if d else (2, "T"))) for d in dims))
    return message((1, name), (2, message((1, message((1, 1), (2, shape))))))


def write_model(path, *graph):
    with open(path, "wb") as file:
        file.write(message((1, 8), (7, message((2, "graph"), *graph)),
                           (8, message((1, ""), (2, 14)))))


def write_single(path, features=10, width=6):
    """A wake-word model: a GRU with hard sigmoids and without a curve, and one logit."""
    source = random.Random(11)
    write_model(
        path,
        make_node("GRU", "xWRB", ["", "h"], message((1, "hidden_size"), (3, width), (20, 2)),
                  message((1, "activations"), (9, "HardSigmoid"), (9, "Affine"), (20, 8)),
                  make_floats("activation_alpha", 0.2, 1.0),
                  make_floats("activation_beta", 0.5, 0.0)),
        make_node("Squeeze", ["h", "axis"], ["last"]),
        make_node("Gemm", ["last", "V", "b"], ["logit"]),
        make_tensor(source, "W", 0.05, 1, 3 * width, features),
        make_tensor(source, "R", 0.3, 1, 3 * width, width),
        make_tensor(source, "B", 0.3, 1, 6 * width),
        make_tensor(source, "V", 1.0, width, 1), make_tensor(source, "b", 0.1, 1),
        (5, message((1, 1), (2, 7), (8, "axis"), (9, struct.pack("<q", 0)))),
        (11, make_value("x", 0, 1, features)), (12, make_value("logit", 1, 1)))


def write_pooled(path, features=10, width=8, classes=3):
    """A layer that is added to what it reads, and the maximum of all steps."""
    source = random.Random(12)
    write_model(
        path,
        make_node("MatMul", "xA", "p"), make_node("Add", "pa", "q"), make_node("Relu", "q", "y"),
        make_node("MatMul", "yC", "r"), make_node("Add", "rc", "s"), make_node("Tanh", "s", "t"),
        make_node("Add", "ty", "z"),
        make_node("ReduceMax", "z", "m", message((1, "axes"), (8, 0), (20, 7)),
                  message((1, "keepdims"), (3, 0), (20, 2))),
        make_node("Gemm", "mVb", "l"),
        make_tensor(source, "A", 0.1, features, width), make_tensor(source, "a", 0.3, width),
        make_tensor(source, "C", 0.5, width, width), make_tensor(source, "c", 0.3, width),
        make_tensor(source, "V", 1.0, width, classes), make_tensor(source, "b", 0.1, classes),
        (11, make_value("x", 0, 1, features)), (12, make_value("l", 1, classes)))


def build(folder):
    """The command with all faults; objects that they do not touch come from ccache, if any."""
    tree = os.path.abspath(os.path.join(folder, "tree"))
    for name in subprocess.run(["git", "ls-files"], stdout=subprocess.PIPE, check=True,
                               text=True).stdout.split():
        if not name.startswith(("tests/", "docs/")) and os.path.isfile(name):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy(name, os.path.join(tree, name))
    with open(os.path.join(tree, "base/fault.h"), "w", encoding="utf-8") as header:
        header.write(HEADER)
    for number, (_, file, old, new) in enumerate([*FAULTS, ("", *UNREHEARSED)], 1):
        path = os.path.join(tree, file)
        with open(path, encoding="utf-8") as source:
            text = source.read()
        if text.count(old) != 1:
            sys.exit(f"mutant_engine: {file} has '{old}' {text.count(old)} times")
        text = text.replace(old, new.replace("FAULT", f"sp_fault({number})"))
        include = '#include "base/fault.h"\n'
        with open(path, "w", encoding="utf-8") as source:
            source.write(text if text.startswith(include) else include + text)
    command = ["make", "-s", "-C", tree, "build/soundproof", "CUDA=no", "CFLAGS=-w"]
    if shutil.which("ccache"):
        command.append("CC=ccache gcc")
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return os.path.join(tree, "build/soundproof")


def front_of(model):
    return [] if model in MODELS else ["--front", FRONT]


def certified(program, fault, model, clip, budgets, proofs=None):
    """Those of the budgets, in dB, that are certified."""
    command = [program, "certify", "--model", model, "--method", "exact", clip, *front_of(model)]
    command += [f"--budget={b:.3f}dB" for b in budgets] + (["--proof", proofs] if proofs else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                          text=True, env=dict(os.environ, SOUNDPROOF_FAULT=str(fault)))
    return [b for b in budgets if f"\n{b:.3f}dB: certified 1 of 1" in done.stdout]


def edge(program, model, clip):
    """The loudest budget that the engine certifies, to 0.016 dB."""
    least, step = FIRST, 8.0
    while step > 0.01:
        yes = certified(program, 0, model, clip, [least + k * step for k in range(8)])
        if not yes:
            sys.exit(f"mutant_engine: {model} is not certified at {least} dB")
        least, step = max(yes), step / 8.0
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--programs", default="build")
    parser.add_argument("--build", default="build/mutant-engine")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    only = [int(n) for n in options.only.split(",") if n] or range(1, len(FAULTS) + 1)
    os.makedirs(options.build, exist_ok=True)
    clip = os.path.join(options.build, "clip.wav")
    single = os.path.join(options.build, "single.onnx")
    pooled = os.path.join(options.build, "pooled.onnx")
    write_clip(clip)
    write_single(single)
    write_pooled(pooled)
    models = [*MODELS, single, pooled]
    program, good = build(options.build), True
    edges = {model: edge(f"{options.programs}/soundproof", model, clip) for model in models}
    print("the engine certifies up to", ", ".join(f"{edges[m]:.2f} dB ({os.path.basename(m)})"
                                                  for m in models), flush=True)
    for number in only:
        claims, refused, accepted = 0, 0, []
        for model in models:
            proofs = os.path.join(options.build, f"proofs{number}-{os.path.basename(model)}")
            shutil.rmtree(proofs, ignore_errors=True)
            louder = [edges[model] + more
                      for more in (POOLED_LOUDER if model == pooled else LOUDER)]
            for budget in certified(program, number, model, clip, louder, proofs):
                claims += 1
                done = subprocess.run([f"{options.programs}/soundproof-check", "--model", model,
                                       "--clip", clip, *front_of(model),
                                       f"{proofs}/clip_{budget:.3f}dB.proof"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                                      text=True)
                refused += done.returncode == 1
                if done.returncode != 1:
                    accepted.append(f"{os.path.basename(model)} at {budget:.3f} dB: {done.stdout}")
        print(f"{FAULTS[number - 1][0]}: {claims} claims, {refused} refused", *accepted, sep="\n  ",
              flush=True)
        good = good and claims > 0 and refused == claims
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A proof made by an engine with a wrong sign is refused.

    mutant_engine.py [--programs DIR] [--build FOLDER]

Builds the command once for each change below, in a copy of the tree, and certifies a synthetic clip
with a shipped model by it at budgets from quiet to loud. Whatever verdict a mutant claims that the
engine itself does not give must be refused by soundproof-check; what both certify may be accepted:
the checker finds offsets and bounds itself, so that the claim is proved either way. Fails when
something else is accepted, or nothing is refused at all. Takes minutes."""
import argparse
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import wave

MODELS = ["examples/models/fsdd-certified.onnx", "examples/models/fsdd-plain.onnx"]
BUDGETS = [f"-{d}dB" for d in range(80, 40, -2)]
# file, text, what stands for it
MUTANTS = [
    ("lstm/boxes/boxes.c",  # a negative margin loses its sign
     "lower[r] = bound > lower[r] ? bound : lower[r];",
     "lower[r] = bound > lower[r] ? bound : fabs(lower[r]);"),
    ("lstm/backsub/source_walk.c",  # samples that two frames share count against each other
     "sp_walk_add(walk, rows, keep, end, (sp_backsub_rows){walk->ws->carry, keep}, false, end);",
     "sp_walk_add(walk, rows, keep, end, (sp_backsub_rows){walk->ws->carry, keep}, true, end);"),
    ("relax/plane/plane_offset.h",  # planes that cross the product
     "return spot->f - a * spot->x - b * spot->y;", "return spot->f - a * spot->x + b * spot->y;"),
]


def write_clip(path):
    source, samples = random.Random(5), []
    for i in range(3200):
        tone = 9000.0 * math.exp(-0.0006 * i) * (math.sin(0.21 * i) + 0.4 * math.sin(0.53 * i))
        samples.append(int(tone + source.uniform(-200.0, 200.0)))
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def build(folder, number):
    """The command with this change; objects that it does not touch come from ccache, if any."""
    file, old, new = MUTANTS[number]
    tree = os.path.join(folder, f"mutant{number}")
    shutil.rmtree(tree, ignore_errors=True)
    for name in subprocess.run(["git", "ls-files"], stdout=subprocess.PIPE, check=True,
                               text=True).stdout.split():
        if not name.startswith(("tests/", "docs/")) and os.path.isfile(name):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy(name, os.path.join(tree, name))
    with open(os.path.join(tree, file), encoding="utf-8") as source:
        text = source.read()
    if text.count(old) != 1:
        sys.exit(f"mutant_engine: {file} has no '{old}'")
    with open(os.path.join(tree, file), "w", encoding="utf-8") as source:
        source.write(text.replace(old, new))
    command = ["make", "-s", "-C", tree, "build/soundproof", "CUDA=no"]
    if shutil.which("ccache"):
        command.append("CC=ccache gcc")
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return os.path.join(tree, "build/soundproof")


def certified(program, model, clip, proofs):
    command = [program, "certify", "--model", model, "--method", "exact", "--proof", proofs, clip]
    for budget in BUDGETS:
        command += ["--budget", budget]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    found = set()
    for budget in BUDGETS:
        if os.path.exists(f"{proofs}/clip_{budget}.proof"):
            found.add(budget)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--programs", default="build")
    parser.add_argument("--build", default="build/mutant-engine")
    options = parser.parse_args()
    os.makedirs(options.build, exist_ok=True)
    clip = os.path.join(options.build, "clip.wav")
    write_clip(clip)
    wrong = caught = 0
    for number, (file, old, new) in enumerate(MUTANTS):
        program, claims, refused, harmless, accepted = build(options.build, number), 0, 0, 0, []
        for model in MODELS:
            proofs = os.path.join(options.build, f"proofs{number}-{os.path.basename(model)}")
            truth = certified(f"{options.programs}/soundproof", model, clip, proofs + "-engine")
            shutil.rmtree(proofs, ignore_errors=True)
            for budget in sorted(certified(program, model, clip, proofs)):
                claims += 1
                done = subprocess.run([f"{options.programs}/soundproof-check", "--model", model,
                                       "--clip", clip, f"{proofs}/clip_{budget}.proof"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                if done.returncode == 1:
                    refused += 1
                elif budget in truth:
                    harmless += 1
                else:
                    accepted.append(f"{model} at {budget}")
        print(f"{file}: {new}\n    {claims} certificates, {refused} refused, {harmless} accepted "
              f"that the engine proves as well, {len(accepted)} others accepted {accepted}")
        sys.stdout.flush()
        wrong += len(accepted)
        caught += refused
    sys.exit(1 if wrong or caught == 0 else 0)


if __name__ == "__main__":
    main()

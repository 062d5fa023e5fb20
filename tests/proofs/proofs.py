#!/usr/bin/env python3
"""Certificates of all certified clips of FSDD's test set: written, then checked.

    proofs.py [--models M.onnx,...] [--budgets -80dB,-60dB] [--journal F.tsv] [--programs DIR]

Every outcome is written to the journal as soon as it is there, and what stands in it is not done
again: a run that is stopped goes on where it was. Prints a table, and fails unless every
certificate was accepted. Certificates are removed after the check (--keep DIR keeps them).
Needs SOUNDPROOF_DATA (docs/data.md). CPU seconds are those of one process each, user and system."""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

FIELDS = ["model", "clip", "budget", "verdict", "checked", "frames", "bytes", "seconds", "claimed",
          "proved"]


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_journal(path):
    rows = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                part = line.rstrip("\n").split("\t")
                if len(part) == len(FIELDS) and part != FIELDS:
                    row = dict(zip(FIELDS, part))
                    rows[row["model"], row["clip"], row["budget"]] = row
    return rows


def certify(options, model, clip, budgets, folder):
    """The verdict of each budget."""
    command = [f"{options.programs}/soundproof", "--threads", "1", "certify", "--model", model,
               "--method", "exact", "--proof", folder, "--json"]
    for budget in budgets:
        command += ["--budget", budget]
    done = subprocess.run(command + [clip], stdout=subprocess.PIPE, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    verdicts = [line for line in lines if "verdict" in line]
    if done.returncode != 0 or len(verdicts) != len(budgets):
        sys.exit(f"proofs: {' '.join(command)} {clip} ends with {done.returncode}")
    return dict(zip(budgets, verdicts))


def check(options, row, model, clip, proof):
    """Fills in what the checker says of a certificate."""
    with open(proof, "rb") as file:
        file.readline()
        header = json.loads(file.readline())
    before = cpu()
    done = subprocess.run([f"{options.programs}/soundproof-check", "--threads", "1", "--model",
                           model, "--clip", clip, proof], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True)
    row["seconds"] = f"{cpu() - before:.2f}"
    row["frames"] = str(int(header["frames"]))
    row["bytes"] = str(os.path.getsize(proof))
    row["claimed"] = f"{header['margin']:.9g}"
    row["checked"] = "accepted" if done.returncode == 0 else done.stdout.strip()
    if done.returncode == 0:
        row["proved"] = done.stdout.split("; margin ")[1].split()[0]


def run(options, clips, rows):
    with open(options.journal, "a", encoding="utf-8") as journal:
        for model in options.models.split(","):
            name = os.path.basename(model)
            for clip in clips:
                base = os.path.basename(clip)
                left = [b for b in options.budgets if (name, base, b) not in rows]
                if not left:
                    continue
                with tempfile.TemporaryDirectory() as scratch:
                    folder = options.keep or scratch
                    for budget, verdict in certify(options, model, clip, left, folder).items():
                        row = dict.fromkeys(FIELDS, "-")
                        row.update(model=name, clip=base, budget=budget,
                                   verdict=verdict["verdict"])
                        if verdict["verdict"] == "certified":
                            proof = f"{folder}/{base[:-4]}_{budget}.proof"
                            check(options, row, model, clip, proof)
                        journal.write("\t".join(row[f] for f in FIELDS) + "\n")
                        journal.flush()
                        rows[name, base, budget] = row


def tell(options, rows):
    """The table; whether all were accepted."""
    good = True
    print("| model | budget | clips | certified | accepted | frames | size, kB | CPU s to check | "
          "largest gap of margins |\n|---|---|---|---|---|---|---|---|---|")
    for model in options.models.split(","):
        name = os.path.basename(model)
        for budget in options.budgets:
            of = [r for r in rows.values() if r["model"] == name and r["budget"] == budget]
            certified = [r for r in of if r["verdict"] == "certified"]
            accepted = [r for r in certified if r["checked"] == "accepted"]
            good = good and len(accepted) == len(certified)
            for row in certified:
                if row["checked"] != "accepted":
                    print(f"proofs: {name}, {row['clip']} at {budget}: {row['checked']}",
                          file=sys.stderr)
            if not accepted:
                print(f"| {name} | {budget} | {len(of)} | {len(certified)} | 0 | | | | |")
                continue

            def both(field, scale=1.0, digits=0, accepted=accepted):
                numbers = [float(r[field]) / scale for r in accepted]
                return f"{statistics.median(numbers):.{digits}f}, {max(numbers):.{digits}f}"
            gap = max(float(r["claimed"]) - float(r["proved"]) for r in accepted)
            print(f"| {name} | {budget} | {len(of)} | {len(certified)} | {len(accepted)} | "
                  f"{both('frames')} | {both('bytes', 1000.0)} | {both('seconds', 1.0, 1)} | "
                  f"{gap:.1g} |")
    print("\nTwo numbers are the median and the largest one.")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--models", default="examples/models/fsdd-certified.onnx,"
                                            "examples/models/fsdd-plain.onnx")
    parser.add_argument("--budgets", default="-80dB,-60dB", type=lambda text: text.split(","))
    parser.add_argument("--journal", default="build/proofs.tsv")
    parser.add_argument("--programs", default="build")
    parser.add_argument("--keep", help="a folder for the certificates")
    # argparse takes "-80dB" behind an option for another option: --budgets=-80dB,-60dB
    options = parser.parse_args()
    data = os.environ.get("SOUNDPROOF_DATA", "") + "/fsdd"
    if not os.path.isdir(data):
        sys.exit("proofs: SOUNDPROOF_DATA names no folder with fsdd/ (docs/data.md)")
    clips = [f"{data}/{digit}_{speaker}_{index}.wav" for digit in range(10)
             for speaker in ("jackson", "nicolas", "theo", "yweweler") for index in range(5)]
    rows = read_journal(options.journal)
    run(options, clips, rows)
    sys.exit(0 if tell(options, rows) else 1)


if __name__ == "__main__":
    main()

"""What the experiments share: runs of soundproof that are kept, tables, charts."""

import json
import os
import subprocess
import sys

SOUNDPROOF = os.environ.get("SOUNDPROOF", "build/soundproof")
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777", "#000000",
           "#ee7733", "#0077bb", "#009988")
LINES, MARKERS = ("-", "--"), "osv^DPX"


class Refusal(Exception):
    """Ends an experiment with one line on stderr."""


def run_command(arguments):
    """What a command of soundproof prints; 2 is its code where some clip could not be used."""
    done = subprocess.run([SOUNDPROOF, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refusal(f"{' '.join(arguments[:3])} ...: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def kept(folder, name, arguments, clips, at_once=8):
    """The JSON objects of a command on these clips, some clips at a time. What was done is kept in
    the folder, under this name: a run that was stopped goes on where it was."""
    os.makedirs(folder, exist_ok=True)
    found = []
    for first in range(0, len(clips), at_once):
        some = clips[first:first + at_once]
        asked = json.dumps([arguments, some])
        path = os.path.join(folder, f"{name}-{first}.jsonl")
        lines = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        if not lines or lines[0] != asked:
            print(f"{name}: {first + len(some)} of {len(clips)}", file=sys.stderr)
            lines = [asked, *run_command([*arguments, "--json", *some]).splitlines()]
            with open(path + ".part", "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            os.replace(path + ".part", path)
        found += [json.loads(line) for line in lines[1:]]
    return [item for item in found if "clip" in item]


def asked_budgets(verdicts, budgets):
    """Notes at each verdict which budget it is about: they come in the order asked for."""
    seen = {}
    for verdict in verdicts:
        at = seen[verdict["clip"]] = seen.get(verdict["clip"], -1) + 1
        verdict["asked"] = budgets[at]
    return verdicts


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else float("nan")


def percent(part, whole):
    return f"{100 * part / whole:.1f}" if whole else "-"


def table(head, rows):
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def chart(path, title, x_label, y_label, places, series):
    """Lines. places: what stands along the x axis, numbers or texts; series: {name: a number or
    None at each}."""
    try:
        from matplotlib import rcParams
        from matplotlib.figure import Figure
    except ImportError:
        raise Refusal("--chart draws with matplotlib: pip install matplotlib") from None
    rcParams["svg.hashsalt"] = title  # equal runs give equal files
    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=x_label, ylabel=y_label)
    for k, (name, line) in enumerate(series.items()):
        axes.plot(places, [float("nan") if y is None else y for y in line], LINES[k // 7 % 2],
                  marker=MARKERS[k % len(MARKERS)], markersize=5, color=COLOURS[k % len(COLOURS)],
                  label=name)
    axes.set_ylim(bottom=0)
    axes.set_xticks(places)
    axes.grid(color="#dddddd")
    figure.legend(loc="outside right upper", frameon=False)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def run(name, main):
    """Exit codes as those of soundproof."""
    try:
        sys.exit(main())
    except Refusal as reason:
        print(f"{name}: {reason}", file=sys.stderr)
    except OSError as error:
        print(f"{name}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{name}: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    sys.exit(2)

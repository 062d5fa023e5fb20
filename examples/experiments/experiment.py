"""What the experiments share: runs of soundproof that are kept, tables, charts."""

import html
import json
import os
import subprocess
import sys

SOUNDPROOF = os.environ.get("SOUNDPROOF", "build/soundproof")
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777", "#000000",
           "#ee7733", "#0077bb", "#009988")


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
    """Lines as SVG. places: texts along the x axis; series: {name: a number or None at each}."""
    width, height, left, top, right, bottom = 760, 420, 70, 40, 190, 60
    values = [y for line in series.values() for y in line if y is not None]
    most = max(values) * 1.05 if values and max(values) > 0 else 1.0
    step = (width - left - right) / max(len(places) - 1, 1)

    def x_of(i):
        return left + i * step

    def y_of(y):
        return height - bottom - (height - top - bottom) * y / most

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="22" font-size="15">{html.escape(title)}</text>']
    for k in range(5):
        y = most * k / 4
        out.append(f'<path d="M{left} {y_of(y):.1f}H{width - right}" stroke="#dddddd"/>'
                   f'<text x="{left - 6}" y="{y_of(y) + 4:.1f}" text-anchor="end">{y:.3g}</text>')
    for i, place in enumerate(places):
        out.append(f'<text x="{x_of(i):.1f}" y="{height - bottom + 18}" text-anchor="middle">'
                   f"{html.escape(str(place))}</text>")
    out.append(f'<text x="{(left + width - right) / 2}" y="{height - 14}" text-anchor="middle">'
               f"{html.escape(x_label)}</text>"
               f'<text transform="translate(18 {(top + height - bottom) / 2}) rotate(-90)" '
               f'text-anchor="middle">{html.escape(y_label)}</text>')
    for k, (name, line) in enumerate(series.items()):
        colour, dash = COLOURS[k % len(COLOURS)], ' stroke-dasharray="5 4"' if k >= 7 else ""
        points = [(x_of(i), y_of(y)) for i, y in enumerate(line) if y is not None]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="'
                   + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        at = top + 8 + 18 * k
        out.append(f'<path d="M{width - right + 14} {at}h24" stroke="{colour}" '
                   f'stroke-width="2"{dash}/>'
                   f'<text x="{width - right + 44}" y="{at + 4}">{html.escape(name)}</text>')
    out.append("</svg>\n")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out))


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

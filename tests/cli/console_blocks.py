#!/usr/bin/env python3
"""Runs the console blocks of a page of the manual and compares what they print.

    tests/cli/console_blocks.py FOLDER PAGE.md            one page, in a tree of links in FOLDER
    tests/cli/console_blocks.py --update FOLDER PAGE.md   writes what was printed into the page

docs/README.md says how a block is read. SOUNDPROOF is the command, SOUNDPROOF_DATA the folder of the
data, SOUNDPROOF_INSTALLED one in which `make install DESTDIR=` has put everything below /usr/local;
SOUNDPROOF_LONG=1 also runs the blocks that take minutes. A block "```c NAME" is examples/NAME. Prints a line "skipped PAGE:LINE:
reason" for every block that is not run, or whose synthetic clips are others than the page's; fails when
a command fails or prints something else."""

import glob
import os
import re
import shutil
import subprocess
import sys

NUMBER = re.compile(r"^[-−+]?\d+(\.\d+)?(e[-+]?\d+)?$")
# What datasets/synthetic says where another espeak-ng speaks.
OTHER_VOICES = re.compile(r"^synthetic: the clips of .* are not those that espeak-ng ")
# What another machine prints otherwise.
MASKS = [
    (re.compile(r'"(seconds|error_term)":[-+.e\d]+'), r'"\1":0'),
    (re.compile(r"\b\d[\d.]* s\b"), "0 s"),
    (re.compile(r"\bon \d+ threads?\b"), "on N threads"),
]


class Block:
    """What stands between two fences: a note, and commands with what they print."""

    def __init__(self, line):
        self.line, self.note, self.steps = line, "", []


def read_blocks(lines):
    """The console blocks of a page, with the numbers of their lines."""
    blocks, block = [], None
    for number, line in enumerate(lines):
        if block is None:
            if line.strip() == "```console":
                block = Block(number + 1)
        elif line.strip() == "```":
            blocks.append(block)
            block = None
        elif line.startswith("# ") and not block.steps:
            block.note = line[2:].strip()
        elif line.startswith("$ "):
            block.steps.append([[line[2:]], number + 1, []])
        elif not block.steps[-1][2] and (line.startswith("> ") or
                                         block.steps[-1][0][-1].endswith("\\")):
            block.steps[-1][0].append(line[2:] if line.startswith("> ") else line)
            block.steps[-1][1] = number + 1
        else:
            block.steps[-1][2].append(line)
    return blocks


def link_tree(root, folder):
    """A tree like a clone's, in which build/ holds nothing but the command."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "build"))
    for entry in os.listdir(root):
        if entry not in ("build", ".git"):
            os.symlink(os.path.join(root, entry), os.path.join(folder, entry))
    os.symlink(os.path.abspath(os.environ.get("SOUNDPROOF") or "build/soundproof"),
               os.path.join(folder, "build", "soundproof"))


def installed_tree(root, folder):
    """An empty folder with the C programs, and the environment of one who has only these."""
    where = os.path.join(folder, "elsewhere")
    os.makedirs(where)
    for program in glob.glob(os.path.join(root, "examples", "*.c")):
        shutil.copy(program, where)
    copy = os.environ["SOUNDPROOF_INSTALLED"]
    return where, {"PATH": f"{copy}/usr/local/bin:{os.environ['PATH']}", "HOME": where,
                   "LD_LIBRARY_PATH": f"{copy}/usr/local/lib", "PKG_CONFIG_SYSROOT_DIR": copy,
                   "PKG_CONFIG_PATH": f"{copy}/usr/local/lib/pkgconfig"}


def wrong_programs(page, lines):
    """The number of C programs in a page that are not those of examples/."""
    wrong = 0
    for match in re.finditer(r"^```c (\S+)\n(.*?)^```$", "\n".join(lines), re.M | re.S):
        with open(os.path.join("examples", match.group(1)), encoding="utf-8") as file:
            if file.read() != match.group(2):
                print(f"{page}: {match.group(1)} is not that of examples/")
                wrong += 1
    return wrong


def reason_to_skip(block, environment):
    """Why a block is not run here; "" when it is."""
    if block.note == "not run":
        return "takes longer than tests may"
    if block.note == "minutes" and environment.get("SOUNDPROOF_LONG") != "1":
        return "takes minutes, make check-long runs it"
    if block.note == "installed" and not environment.get("SOUNDPROOF_INSTALLED"):
        return "nothing is installed, make test does that"
    if block.note not in ("", "minutes", "installed"):
        raise SystemExit(f"line {block.line}: the note '# {block.note}' is unknown")
    commands = "\n".join("\n".join(step[0]) for step in block.steps)
    for path in re.findall(r"\$SOUNDPROOF_DATA/([\w./-]+)", commands):
        if not glob.glob(os.path.join(environment["SOUNDPROOF_DATA"], path) + "*"):
            return f"no {path} below SOUNDPROOF_DATA"
    return ""


class Shell:
    """One bash for all commands of a page."""

    def __init__(self, folder, environment, data):
        self.data = data
        self.bash = subprocess.Popen(["bash"], cwd=folder, env=environment, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)

    def run(self, command):
        """The lines that a command prints, and how it ended."""
        self.bash.stdin.write(f"{{\n{command}\n}} </dev/null\nprintf '\\n<end %d>\\n' $?\n")
        self.bash.stdin.flush()
        printed = []
        while True:
            line = self.bash.stdout.readline()
            end = re.match(r"^<end (\d+)>$", line)
            if end or line == "":
                break
            printed.append(line.rstrip().replace(self.data, "$SOUNDPROOF_DATA"))
        while printed and printed[-1] == "":
            printed.pop()
        return printed, int(end.group(1)) if end else -1


def masked(lines):
    """The words of every line, without what another machine prints otherwise."""
    result, times = [], ""
    for line in lines:
        for pattern, text in MASKS:
            line = pattern.sub(text, line)
        words = line.split()
        if not words:
            times = ""
        elif words[-1] == "seconds":
            times = "last"
        elif words[0] == "seconds":
            times = "all"
        elif times:
            first = len(words) - 1 if times == "last" else 1
            words[first:] = ["0" if NUMBER.match(word) else word for word in words[first:]]
        result.append(words)
    return result


def same_word(a, b):
    """Equal, or figures whose last digits differ by one, long ones by a millionth."""
    if a == b:
        return True
    figures = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
    if figures.sub("#", a) != figures.sub("#", b):
        return False
    for left, right in zip(figures.findall(a), figures.findall(b)):
        digits = len(left.split("e")[0].partition(".")[2])
        least = 10.0 ** -digits if digits else 0.0
        x, y = float(left), float(right)
        if not abs(x - y) <= max(1.01 * least, 1e-6 * abs(x) if digits > 6 else 0.0):
            return False
    return True


def same_lines(expected, printed):
    """Line by line; "..." stands for any number of them."""
    if not expected:
        return not printed
    if expected[0] == ["..."]:
        return any(same_lines(expected[1:], printed[i:]) for i in range(len(printed) + 1))
    return bool(printed) and len(expected[0]) == len(printed[0]) and \
        all(map(same_word, expected[0], printed[0])) and same_lines(expected[1:], printed[1:])


def run_page(page, folder, update):
    """Runs the blocks of a page; the number of commands that do not print what it says."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}  # of the make that runs this
    environment["SOUNDPROOF_DATA"] = os.path.abspath(environment.get("SOUNDPROOF_DATA") or
                                                     "../shared/data")
    with open(page, encoding="utf-8") as file:
        lines = file.read().split("\n")
    link_tree(os.getcwd(), folder)
    shells, wrong, changes = {}, wrong_programs(page, lines), []
    others = False  # the clips of the page are not those that its figures are of
    for block in read_blocks(lines):
        reason = reason_to_skip(block, environment)
        if reason:
            print(f"skipped {page}:{block.line}: {reason}")
            continue
        kind = "installed" if block.note == "installed" else ""
        if kind not in shells:
            place = installed_tree(os.getcwd(), folder) if kind else (folder, environment)
            shells[kind] = Shell(*place, environment["SOUNDPROOF_DATA"])
        for command, number, expected in block.steps:
            printed, status = shells[kind].run("\n".join(command))
            others = others or any(OTHER_VOICES.match(line) for line in printed)
            same = others or same_lines(masked(expected), masked(printed))
            if not same and update:
                changes.append((number, len(expected), printed))
            if status != 0 or not (same or update):
                wrong += 1
                print(f"{page}:{number}: exit status {status}; printed:\n" + "\n".join(printed))
        if others:
            print(f"skipped {page}:{block.line}: run, not compared: espeak-ng speaks otherwise here")
    for number, count, printed in reversed(changes):
        lines[number:number + count] = printed
    if changes:
        with open(page, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
    return wrong


def main():
    arguments = sys.argv[1:]
    update = arguments[:1] == ["--update"]
    folder, page = arguments[1:] if update else arguments
    return 1 if run_page(page, os.path.abspath(folder), update) else 0


if __name__ == "__main__":
    sys.exit(main())

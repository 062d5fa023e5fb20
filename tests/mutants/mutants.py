#!/usr/bin/env python3
"""Which wrong signs, wrong ends of intervals and missing error terms do the tests notice?

    mutants.py [--seconds S] [--jobs N] [--seed N] [--only KIND,...] [--list] ROOM...

All mutants of a room are built at once, in a copy of the tree under build/mutants/: every place
that is changed asks for the number of the mutant at hand (SOUNDPROOF_MUTANT). The room's tests then
run once for each number; what no test notices is a survivor. Nothing in the working tree is
touched. Kinds, which take turns:
    end      outward rounding to the wrong side
    error    an error term, or its constant, is zero
    step     no outward rounding
    extreme  min for max, max for min, no absolute value
    half     the other half of the line: x < 0 for x >= 0
    sign     plus for minus, minus for plus
Survivors are written to build/mutants/survivors.txt."""
import argparse
import collections
import concurrent.futures
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import time

KINDS = ["end", "error", "step", "extreme", "half", "sign"]
HEADER = """char *getenv(const char *name);
int atoi(const char *text);
#define SP_MUTANT(n) (sp_mutant == (n))
#define SP_MUTANT_SIGN(n) (sp_mutant == (n) ? -1.0 : 1.0)
#define SP_MUTANT_ZERO(n) (sp_mutant == (n) ? 0.0 : 1.0)
__attribute__((weak)) int sp_mutant;
__attribute__((weak, constructor)) void sp_mutant_take(void);
__attribute__((weak, constructor)) void sp_mutant_take(void) {
    const char *text = getenv("SOUNDPROOF_MUTANT");
    sp_mutant = text ? atoi(text) : 0;
}
static inline double sp_mutant_same(double x) {
    return x;
}
"""
# A function in front of its arguments: kind, name, what stands for it.
FUNCTIONS = [("end", "sp_below", "sp_above"), ("step", "sp_below", "sp_mutant_same"),
             ("end", "sp_above", "sp_below"), ("step", "sp_above", "sp_mutant_same"),
             ("extreme", "fmin", "fmax"), ("extreme", "fmax", "fmin"),
             ("extreme", "sp_relax_min", "sp_relax_max"),
             ("extreme", "sp_relax_max", "sp_relax_min"), ("extreme", "fabs", "sp_mutant_same")]
NAMES = re.compile(r"\b(sp_below|sp_above|fmin|fmax|sp_relax_min|sp_relax_max|fabs)\(")
TERMS = re.compile(r"\b(?:sp_gamma|sp_gamma_single|sp_gamma_of)\(|"
                   r"(?<=\* )(?:0x1p-\d+|SP_RELAX_STEP|SP_RELAX_MARGIN)\b|"
                   r"(?<=\+ )0x1p-10\d\d\b")
HALVES = re.compile(r" (>=|<=|>|<) 0\.0")
BINARY = re.compile(r"(?<=[\w\])] )[+-] (?=[\w(-])")
UNARY = re.compile(r"(?:(?<=[=(,?:] )|(?<=\()|(?<=return ))-(?=[A-Za-z(])")
ADDS = re.compile(r"^\s*[^=;]*[^=;+\-*/ ] [+-]= (?P<sum>[^;]*);\s*$")
ERRORS = re.compile(r"err|mass|slack|spread|lost|absolute|omega|abs_")
# Lines about sizes, places and memory, where a sign is no matter of bounds.
PLAIN = re.compile(r"^\s*(for \(|#|static const|case |enum |return sp_fail)|size_t|sizeof|alloc\(|"
                   r"memcpy|memset|sp_fail|arena|\*\w+ = \w+ [+-] |double \*")

Place = collections.namedtuple("Place", "at end text")  # text instead of [at, end) of a line
Mutant = collections.namedtuple("Mutant", "number kind path line old new")


def blank(text):
    """The text with comments and strings as blanks, place by place."""
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"",
                  lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)


def in_brackets(line, at):
    return line[:at].count("[") > line[:at].count("]")


class Room:
    """The mutants of a room's files, and the files with all of them inside."""

    def __init__(self, room, kinds, off):
        self.kinds, self.off = kinds, off
        self.mutants, self.files = [], {}
        for path in sorted(glob.glob(f"{room}/**/*.[ch]", recursive=True)):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            lines = text.split("\n")
            for number, bare in enumerate(blank(text).split("\n")):
                lines[number] = self.change(path, number, lines[number], bare)
            self.files[path] = "\n".join(lines)

    def number(self, kind, path, line, old, at, end, new):
        self.mutants.append(Mutant(len(self.mutants) + 1, kind, path, line + 1, old.strip(),
                                   (old[:at] + new + old[end:]).strip()))
        return len(self.mutants)

    def change(self, path, line, old, bare):
        if (path, line + 1) in self.off or re.match(r"\s*#", bare):
            return old
        places = []

        def add(kind, at, end, shown, text):
            if kind in self.kinds:
                places.append(Place(at, end, text.format(self.number(kind, path, line, old, at, end,
                                                                     shown))))

        for match in NAMES.finditer(bare):
            chosen = ""
            for kind, name, other in FUNCTIONS:
                if name == match.group(1) and kind in self.kinds:
                    n = self.number(kind, path, line, old, *match.span(1),
                                    "" if other == "sp_mutant_same" else other)
                    chosen += f"SP_MUTANT({n}) ? {other} : "
            if chosen:
                places.append(Place(*match.span(1), f"({chosen}{match.group(1)})"))
        for match in TERMS.finditer(bare):
            word = match.group(0)
            add("error", match.start(), match.end(), "0.0 * " + word,
                "SP_MUTANT_ZERO({}) * " + word)
        plain = PLAIN.search(bare)
        for match in HALVES.finditer("" if plain else bare):
            other = {">=": "<", "<=": ">", ">": "<=", "<": ">="}[match.group(1)]
            add("half", match.start(), match.end(), f" {other} 0.0",
                " * SP_MUTANT_SIGN({})" + match.group(0))
        for match in BINARY.finditer("" if plain else bare):
            if not in_brackets(bare, match.start()):
                other = {"+ ": "- ", "- ": "+ "}[match.group(0)]
                add("sign", match.start(), match.end(), other,
                    match.group(0) + "SP_MUTANT_SIGN({}) * ")
        for match in UNARY.finditer("" if plain else bare):
            if not in_brackets(bare, match.start()):
                add("sign", match.start(), match.end(), "", "-SP_MUTANT_SIGN({}) * ")
        adds = None if plain else ADDS.match(bare)
        if adds:
            at, end, word = *adds.span("sum"), old[adds.start("sum"):adds.end("sum")]
            if "error" in self.kinds and ERRORS.search(bare[:at]):
                add("error", at, at, "0.0 * ", "SP_MUTANT_ZERO({}) * ")
            add("sign", at, at, "-", "SP_MUTANT_SIGN({}) * (")
            if "sign" in self.kinds:
                places.append(Place(end, end, ")"))
            else:
                places.append(Place(at, at, "("))
                places.append(Place(end, end, ")"))
            assert word
        for place in sorted(reversed(places), key=lambda p: (p.at, p.end), reverse=True):
            old = old[:place.at] + place.text + old[place.end:]
        return old


def copy_tree(tree):
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name and os.path.isfile(name):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy2(name, os.path.join(tree, name))


def build(tree, room, programs, kinds):
    """The room with all mutants that compile; returns them and the folder of the programs."""
    with open(f"{tree}/mutant.h", "w", encoding="utf-8") as file:
        file.write(HEADER)
    make = ["make", "-s", "-k", "CUDA=no", "OPTIMISE=-O1", "CFLAGS=-include mutant.h"]
    found = subprocess.run(make + ["-pn"], cwd=tree, capture_output=True, text=True, check=False)
    folder = re.search(r"^B := (\S+)", found.stdout, re.M).group(1)
    off = set()
    while True:
        changed = Room(room, kinds, off)
        for path, text in changed.files.items():
            there = os.path.join(tree, path)
            with open(there, encoding="utf-8") as file:
                same = file.read() == text
            if not same:
                with open(there, "w", encoding="utf-8") as file:
                    file.write(text)
        made = subprocess.run(make + [f"{folder}/tests/{p}" for p in programs], cwd=tree,
                              capture_output=True, text=True, check=False)
        if made.returncode == 0:
            return changed.mutants, folder
        wrong = {(m.group(1), int(m.group(2)))
                 for m in re.finditer(r"^\.?/?([\w/.]+):(\d+):\d+: error", made.stderr, re.M)}
        if not wrong - off:
            sys.exit(made.stderr)
        off |= wrong


class Runner:
    def __init__(self, tree, folder):
        self.tree, self.folder, self.seconds = tree, folder, {}

    def passes(self, program, mutant, limit, quick=False):
        environment = dict(os.environ, SOUNDPROOF_MUTANT=str(mutant),
                           SOUNDPROOF_SANITIZED=str(int(quick)),
                           SOUNDPROOF_SCRATCH=f"{self.tree}/scratch/{mutant}")
        try:
            return subprocess.run([f"{self.folder}/tests/{program}"], cwd=self.tree,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  stdin=subprocess.DEVNULL, env=environment, timeout=limit,
                                  check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            shutil.rmtree(f"{self.tree}/scratch/{mutant}", ignore_errors=True)

    def measure(self, programs):
        for program in programs:
            start = time.monotonic()
            if not self.passes(program, 0, 900):
                sys.exit(f"{program} fails without any mutant")
            self.seconds[program] = time.monotonic() - start

    def killer(self, programs, mutant):
        """The first program, the quickest first, that notices; "": none does. Fewer samples do for
        most mutants."""
        for quick in (True, False):
            for program in sorted(programs, key=self.seconds.get):
                if not self.passes(program, mutant, 10 * self.seconds[program] + 10, quick):
                    return program
        return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0, help="for each room")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rooms", nargs="+", metavar="ROOM")
    options = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    kinds = options.only.split(",")
    os.makedirs("build/mutants", exist_ok=True)
    report = open("build/mutants/survivors.txt", "w", encoding="utf-8")
    totals = []
    for room in options.rooms:
        if options.list:
            for m in Room(room, kinds, set()).mutants:
                print(f"{m.kind:8} {m.path}:{m.line}: {m.old}  ->  {m.new}")
            continue
        programs = [f"{room}/{os.path.basename(p)[:-2]}" for p in glob.glob(f"tests/{room}/test_*.c")]
        tree = os.path.abspath(f"build/mutants/{room}")
        copy_tree(tree)
        mutants, folder = build(tree, room, programs, kinds)
        runner = Runner(tree, folder)
        runner.measure(programs)
        random.Random(options.seed).shuffle(mutants)
        seen = collections.Counter()
        turn = {m.number: seen.update([m.kind]) or seen[m.kind] for m in mutants}
        mutants.sort(key=lambda m: (turn[m.number], KINDS.index(m.kind)))
        deadline = time.monotonic() + options.seconds
        counts = collections.Counter()

        def judge(mutant):
            late = time.monotonic() > deadline
            return mutant, None if late else runner.killer(programs, mutant.number)

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for m, killer in pool.map(judge, mutants):
                outcome = "not tried" if killer is None else "killed" if killer else "survived"
                counts[m.kind, outcome] += 1
                if outcome == "survived":
                    report.write(f"{m.kind} {m.path}:{m.line}: {m.old}  ->  {m.new}\n")
                    report.flush()
        for kind in kinds:
            row = [counts[kind, outcome] for outcome in ("killed", "survived", "not tried")]
            totals.append("%-10s %-8s %4d killed, %3d survived, %3d not tried" % (room, kind, *row))
            print(totals[-1], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

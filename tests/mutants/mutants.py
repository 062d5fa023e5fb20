#!/usr/bin/env python3
"""Which wrong signs, wrong ends of intervals and missing error terms do the tests notice?

    mutants.py [--seconds S] [--jobs N] [--seed N] [--only KIND,...] [--slowest S] [--all]
               [--again] [--tests PROGRAM,...] [--list] ROOM...

All mutants of a room are built at once, in a copy of the tree under build/mutants/: every place
that is changed asks for the number of the mutant at hand (SOUNDPROOF_MUTANT). Nothing in the
working tree is touched. A first build counts instead: each test runs once, alone, and says which
mutants it reaches. Then, for each mutant, the tests that reach it run one by one until one fails,
those first that have noticed most in the least time. What no test notices is a survivor. Samples
are few (SOUNDPROOF_SANITIZED), tests of more than --slowest seconds are left out; --all tries the
survivors again with all tests and all samples. Kinds, which take turns:
    end      outward rounding to the wrong side
    error    an error term, or its constant, is zero
    step     no outward rounding
    extreme  min for max, max for min, no absolute value
    half     the other half of the line: x < 0 for x >= 0
    sign     plus for minus, minus for plus
Outcomes are written to build/mutants/results.tsv as they come, and a mutant that stands there is
not tried again. --again: survivors are, after tests were added; with --tests by these programs
alone. build/mutants/survivors.txt lists what survived."""
import argparse
import collections
import concurrent.futures
import glob
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

KINDS = ["end", "error", "step", "extreme", "half", "sign"]
HEADER = """char *getenv(const char *name);
int atoi(const char *text);
void cmocka_set_test_filter(const char *pattern) __attribute__((weak));
__attribute__((weak)) int sp_mutant;
#ifdef SP_MUTANT_COUNT
#include <stdio.h>
__attribute__((weak)) unsigned char sp_mutant_reached[SP_MUTANT_COUNT];
static inline int sp_mutant_is(int n) {
    sp_mutant_reached[n] = 1;
    return 0;
}
__attribute__((weak, destructor)) void sp_mutant_tell(void);
__attribute__((weak, destructor)) void sp_mutant_tell(void) {
    const char *path = getenv("SOUNDPROOF_REACHED");
    FILE *file = path && sp_mutant >= 0 ? fopen(path, "a") : NULL;
    for (int n = 0; file && n < SP_MUTANT_COUNT; n++) {
        if (sp_mutant_reached[n]) {
            fprintf(file, "%d\\n", n);
        }
    }
    sp_mutant = -1;
    if (file) {
        fclose(file);
    }
}
#define SP_MUTANT(n) sp_mutant_is(n)
#else
#define SP_MUTANT(n) (sp_mutant == (n))
#endif
#define SP_MUTANT_SIGN(n) (SP_MUTANT(n) ? -1.0 : 1.0)
#define SP_MUTANT_ZERO(n) (SP_MUTANT(n) ? 0.0 : 1.0)
__attribute__((weak, constructor)) void sp_mutant_take(void);
__attribute__((weak, constructor)) void sp_mutant_take(void) {
    const char *text = getenv("SOUNDPROOF_MUTANT"), *test = getenv("SOUNDPROOF_TEST");
    sp_mutant = text ? atoi(text) : 0;
    if (test && cmocka_set_test_filter) {
        cmocka_set_test_filter(test);
    }
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
    names = tracked.decode().split("\0")
    for old in glob.glob(f"{tree}/*/**/*.[ch]", recursive=True):  # of an earlier run
        name = os.path.relpath(old, tree)
        if name not in names and not name.startswith("build/"):
            os.remove(old)
    for name in names:
        if name and os.path.isfile(name):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            with open(name, "rb") as file:
                write(os.path.join(tree, name), file.read())
            shutil.copymode(name, os.path.join(tree, name))
    # Half the time of the tests: the emulator hides its memory from the program between kernels.
    emulator = os.path.join(tree, "gpu/device/emulator.c")
    with open(emulator, "rb") as file:
        write(emulator, file.read().replace(b"mprotect(device.memory, device.bytes, PROT_NONE);",
                                            b""))


def write(path, content):
    """Nothing where it is there already, so that make builds what has changed only."""
    if os.path.exists(path):
        with open(path, "rb") as file:
            if file.read() == content:
                return
    with open(path, "wb") as file:
        file.write(content)


def build(tree, room, programs, kinds):
    """The room with all mutants that compile, once to count and once to try; returns the mutants
    and both folders of programs."""
    write(f"{tree}/mutant.h", HEADER.encode())
    off, folders = set(), []
    while len(folders) < 2:
        changed = Room(room, kinds, off)
        for path, text in changed.files.items():
            write(os.path.join(tree, path), text.encode())
        count = f" -DSP_MUTANT_COUNT={len(changed.mutants) + 1}" if not folders else ""
        make = ["make", "-s", "-k", "CUDA=no", "OPTIMISE=-O2",
                f"CFLAGS=-w -D_DEFAULT_SOURCE -include mutant.h{count}", f"CC={os.environ.get('CC', 'gcc')}"]
        found = subprocess.run(make + ["-pn"], cwd=tree, capture_output=True, text=True,
                               check=False)
        folder = re.search(r"^B := (\S+)", found.stdout, re.M).group(1)
        made = subprocess.run(make + [f"{folder}/tests/{p}" for p in programs], cwd=tree,
                              capture_output=True, text=True, check=False)
        if made.returncode == 0:
            folders.append(folder)
            continue
        wrong = {(m.group(1), int(m.group(2)))
                 for m in re.finditer(r"^\.?/?([\w/.]+):(\d+):\d+: error", made.stderr, re.M)}
        if not wrong - off or folders:
            sys.exit(made.stderr)
        off |= wrong
    return changed.mutants, folders


class Test:
    """One test of a program: its seconds of a processor, and the mutants that it reaches."""

    def __init__(self, program, name):
        self.program, self.name = program, name
        self.seconds, self.reached = None, set()
        self.tried, self.noticed = 0, 0

    def worth(self):
        return -(self.noticed + 0.5) / (self.tried + 1.0) / (self.seconds + 0.02)

    def __str__(self):
        return f"{os.path.basename(self.program)}.{self.name}"


class Runner:
    def __init__(self, tree, folders, options):
        self.tree, self.folders, self.tests = tree, folders, []
        self.all, self.slowest = options.all, options.slowest

    def run(self, test, mutant, limit, count=None):
        """The exit status of one test, alone, what it prints, its seconds of a processor."""
        scratch = f"{self.tree}/scratch/{threading.get_ident()}"
        environment = dict(os.environ, SOUNDPROOF_MUTANT=str(mutant), SOUNDPROOF_TEST=test.name,
                           SOUNDPROOF_SANITIZED=str(int(not self.all)), CMOCKA_TEST_ABORT="1",
                           CMOCKA_MESSAGE_OUTPUT="STDOUT", SOUNDPROOF_SCRATCH=scratch,
                           OPENBLAS_NUM_THREADS="1", SOUNDPROOF_REACHED=count or "")
        folder = self.folders[0 if count else 1]
        seconds = int(limit) + 1
        with tempfile.TemporaryFile() as said:
            with subprocess.Popen(
                    [f"{folder}/tests/{test.program}"], cwd=self.tree, stdout=said,
                    stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU,
                                                          (seconds, seconds))) as running:
                stuck = threading.Timer(50 * limit + 60, running.kill)
                stuck.start()
                _, status, used = os.wait4(running.pid, 0)
                running.returncode = status
                stuck.cancel()
            shutil.rmtree(scratch, ignore_errors=True)
            said.seek(0)
            return status, said.read().decode(errors="replace"), used.ru_utime + used.ru_stime

    def measure(self, programs, pool):
        """Every test that passes, alone and with no mutant at work."""
        def one(test):
            count = f"{self.tree}/reached.{threading.get_ident()}"
            status, said, _ = self.run(test, 0, 1800, count)
            with open(count, encoding="ascii") as file:
                test.reached = set(map(int, file.read().split()))
            os.remove(count)
            if status == 0:
                status, said, test.seconds = self.run(test, 0, 1800)
            if status != 0:
                print(f"left out, it fails alone without any mutant: {test}", flush=True)
                return None
            if "[  SKIPPED ]" in said:
                return None
            if not self.all and test.seconds > self.slowest:
                print("left out, it takes %.1f s: %s" % (test.seconds, test), flush=True)
                return None
            return test

        def names(program):
            said = self.run(Test(program, "*"), 0, 1800)[1]
            return [Test(program, name) for name in re.findall(r"^\[ RUN +\] (\S+)", said, re.M)]

        tests = [test for some in pool.map(names, programs) for test in some]
        self.tests = [test for test in pool.map(one, tests) if test]
        print("%d tests, %.1f s" % (len(self.tests), sum(t.seconds for t in self.tests)),
              flush=True)

    def judge(self, mutant, deadline):
        """(outcome, the test that noticed)."""
        reaching = [test for test in self.tests if mutant in test.reached]
        for test in sorted(reaching, key=Test.worth):
            if time.monotonic() > deadline:
                return "not tried", ""
            status, _, seconds = self.run(test, mutant, 8 * test.seconds + 2)
            test.tried += 1
            if status != 0:
                test.noticed += 1
                late = seconds > 8 * test.seconds + 2
                return "killed", f"{test} late" if late else str(test)
        return ("survived" if reaching else "unreached"), ""


class Results:
    """What is known, one line a mutant; a line of code that changes is tried anew."""
    PATH = "build/mutants/results.tsv"

    def __init__(self):
        self.known, self.lock = {}, threading.Lock()
        if os.path.exists(self.PATH):
            with open(self.PATH, encoding="utf-8") as file:
                for line in file:
                    outcome, by, key = line.rstrip("\n").split("\t", 2)
                    self.known[key] = (outcome, by)
        self.file = open(self.PATH, "a", encoding="utf-8")

    @staticmethod
    def keys(mutants):
        """A key for each: kind, file, what is changed, and how often the same stood before it."""
        seen, keys = collections.Counter(), {}
        for m in sorted(mutants, key=lambda m: m.number):
            key = f"{m.kind}\t{m.path}\t{m.old}\t{m.new}"
            seen[key] += 1
            keys[m.number] = f"{key}\t{seen[key]}"
        return keys

    def add(self, key, outcome, by):
        with self.lock:
            if outcome != "not tried":
                self.known[key] = (outcome, by)
                self.file.write(f"{outcome}\t{by}\t{key}\n")
                self.file.flush()


def try_room(room, options, results):
    kinds = options.only.split(",")
    programs = [f"{room}/{os.path.basename(p)[:-2]}" for p in glob.glob(f"tests/{room}/test_*.c")]
    if options.tests:
        programs = [p for p in programs if os.path.basename(p)[5:] in options.tests.split(",")]
    tree = os.path.abspath(f"build/mutants/{room}")
    copy_tree(tree)
    mutants, folders = build(tree, room, programs, kinds)
    keys = results.keys(mutants)
    random.Random(options.seed).shuffle(mutants)
    seen = collections.Counter()
    turn = {m.number: seen.update([m.kind]) or seen[m.kind] for m in mutants}
    mutants.sort(key=lambda m: (turn[m.number], KINDS.index(m.kind)))

    def outcome(m):
        return results.known.get(keys[m.number], ("not tried", ""))[0]

    again = ("survived", "unreached") if options.all or options.again else ()
    todo = [m for m in mutants if outcome(m) in ("not tried", *again)]
    runner = Runner(tree, folders, options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        if todo:
            runner.measure(programs, pool)
        deadline = time.monotonic() + options.seconds

        def judge(m):
            result, by = runner.judge(m.number, deadline)
            if result == "killed" or not options.tests:
                results.add(keys[m.number], result, by)

        list(pool.map(judge, todo))
    lines = []
    for kind in kinds:
        row = collections.Counter(outcome(m) for m in mutants if m.kind == kind)
        print("%-10s %-8s %4d killed, %3d survived, %3d unreached, %3d not tried" %
              (room, kind, *(row[o] for o in ("killed", "survived", "unreached", "not tried"))),
              flush=True)
    for m in sorted(mutants, key=lambda m: m.number):
        if outcome(m) in ("survived", "unreached"):
            lines.append(f"{outcome(m):9} {m.kind:7} {m.path}:{m.line}: {m.old}  ->  {m.new}\n")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0, help="for each room")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--slowest", type=float, default=20.0)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--tests", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rooms", nargs="+", metavar="ROOM")
    options = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    if options.list:
        for room in options.rooms:
            for m in Room(room, options.only.split(","), set()).mutants:
                print(f"{m.kind:8} {m.path}:{m.line}: {m.old}  ->  {m.new}")
        return 0
    os.makedirs("build/mutants", exist_ok=True)
    results = Results()
    survivors = []
    for room in options.rooms:
        survivors += try_room(room, options, results)
    with open("build/mutants/survivors.txt", "w", encoding="utf-8") as file:
        file.writelines(survivors)
    return 0


if __name__ == "__main__":
    sys.exit(main())

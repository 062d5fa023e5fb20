"""What the recipes share: manifests and checksums."""

import argparse
import hashlib
import os
import sys


class Refusal(Exception):
    """Ends a recipe with one line on stderr."""


class Parser(argparse.ArgumentParser):
    """Usage errors in one line, with the exit code that soundproof has for them."""

    def __init__(self, prog, description):
        super().__init__(prog=prog, description=description,
                         formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message):
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(1)


def run(name, main):
    """Runs a recipe; exit codes as those of soundproof: 1 usage, 2 unusable input."""
    try:
        sys.exit(main())
    except Refusal as reason:
        print(f"{name}: {reason}", file=sys.stderr)
    except FileExistsError as error:
        print(f"{name}: {error.filename}: is not a folder", file=sys.stderr)
    except OSError as error:
        print(f"{name}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
    sys.exit(2)


def digest(data):
    """As `b2sum --length=128` prints it."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_file(path):
    with open(path, "rb") as file:
        return digest(file.read())


def read_digests(path):
    """{name: digest} of a list in the format of b2sum; '#' starts a comment."""
    known = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                value, name = line.split(None, 1)
                known[name.strip()] = value
    return known


def write_manifest(path, title, entries):
    """Lines "path TAB label TAB split TAB speaker", paths relative to the manifest's folder:
    manifests in one folder can be concatenated. entries: (path, label, split, speaker)."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    lines = [f"# {title}", "# path\tlabel\tsplit\tspeaker"]
    for clip, label, split, speaker in entries:
        clip = os.path.relpath(os.path.abspath(clip), folder)
        lines.append(f"{clip}\t{label}\t{split}\t{speaker}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def counts(entries):
    """ "12 train, 3 validation, 5 test" """
    splits = [entry[2] for entry in entries]
    return ", ".join(f"{splits.count(s)} {s}" for s in ("train", "validation", "test"))

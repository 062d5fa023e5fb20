#!/usr/bin/env python3
"""Checks what comments and pages cite. Arguments: files, from the root of the tree.

Prints FILE:LINE: MESSAGE for every citation that a reader of a clone cannot follow: a page or a
section that does not exist, a key that docs/references.md does not have, a relative link to
nothing, a path outside the tree, a source that has only a number. Comments are read across their
line ends.
"""
import re
import sys
from pathlib import Path

KEYS = Path("docs/references.md")
DATA = "../shared/data"  # default of SOUNDPROOF_DATA, the one path outside
PLACE = r"(?:sections?|lemma|theorem|figure|Eq|algorithm|appendix|chapter)\b"

page = re.compile(
    r"(?<![\w./-])(?<!\]\()((?:[\w.-]+/)*[\w-]+\.md)\b((?:,? (?:and )?\d+(?:\.\d+)?(?![\w.]*\w))*)"
)
link = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
key = re.compile(
    r"(?<![\w\])])\[([A-Z][A-Za-z0-9]+(?:; [A-Z][A-Za-z0-9]+)*)"
    r"(?:, (?:" + PLACE + r"[^\]]*)?)?\](?![(\w=])"
)
numbered = re.compile(r"\b[Ss]eed 0\d+\b|\bissue #?\d+\b")
outside = re.compile(r"(?<![\w/}])(\.\./[A-Za-z][\w./-]*)")
comment_end = re.compile(r"\n[ \t]*(?:\*(?!/)|//|#)?[ \t]?")


def known_keys():
    return set(re.findall(r"^- \*\*\[(\w+)\]\*\*", KEYS.read_text(encoding="utf-8"), re.M))


def sections_of(path, cache={}):
    """The numbers of the headings of a page."""
    if path not in cache:
        text = path.read_text(encoding="utf-8")
        cache[path] = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", text, re.M))
    return cache[path]


def flat(text):
    """The text with line ends of comments as blanks, and the line of each of its characters."""
    parts, lines, at, line = [], [], 0, 1
    for end in comment_end.finditer(text):
        parts += [text[at : end.start()], " "]
        lines += [line] * (end.start() - at + 1)
        line += 1
        at = end.end()
    parts.append(text[at:])
    lines += [line] * (len(text) - at + 1)
    return "".join(parts), lines


def resolve(name, file):
    for base in (Path("."), Path("docs"), file.parent):
        if (base / name).is_file():
            return base / name
    return None


def is_citation(word, keys):
    """[TILE, out] is a shape; a key has a small letter or a digit, or is known."""
    return word in keys or re.search(r"[a-z0-9]", word)


def check(file, keys, complain):
    whole = file.read_text(encoding="utf-8")
    text, lines = flat(whole)
    markdown = file.suffix == ".md"
    for found in page.finditer(text):
        target = resolve(found[1], file)
        if target is None and Path(found[1]).stem.isupper():
            continue  # PAGE.md stands for any page
        if target is None:
            complain(lines[found.start()], f"there is no page {found[1]}")
            continue
        for number in re.findall(r"\d+(?:\.\d+)?", found[2]):
            if number not in sections_of(target):
                complain(lines[found.start()], f"{found[1]} has no section {number}")
    for found in key.finditer(text) if file != KEYS and file.suffix != ".py" else ():
        for word in found[1].split("; "):
            if is_citation(word, keys) and word not in keys:
                complain(lines[found.start()], f"{KEYS} has no [{word}]")
    for found in link.finditer(text) if markdown else ():
        if ":" not in found[1] and not (file.parent / found[1]).exists():
            complain(lines[found.start()], f"the link to {found[1]} leads nowhere")
    for found in numbered.finditer(text):
        complain(lines[found.start()], f"cite {found[0]} by a key of {KEYS}")
    # commands of a manual change folders
    plain = re.sub(r"```.*?```", lambda block: " " * len(block[0]), text) if markdown else text
    for found in outside.finditer(plain):
        inside = markdown and (file.parent / found[1]).exists()
        if not found[1].startswith(DATA) and not inside:
            complain(lines[found.start()], f"{found[1]} is outside the tree")


def main():
    keys = known_keys()
    for name in sys.argv[1:]:
        check(Path(name), keys, lambda line, text: print(f"{name}:{line}: {text}"))


main()

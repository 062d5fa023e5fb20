#!/usr/bin/env python3
"""Circles of files that call each other: none of more than three in any room. What calls what is
read off the object files. Arguments: the build folder, the rooms."""
import glob
import os
import subprocess
import sys

MOST = 3


def calls(build, room):
    """For every object file of a room, those whose symbols it takes."""
    objects = [o for depth in ("*.o", "*/*.o") for o in glob.glob(f"{build}/{room}/{depth}")
               if os.path.exists(os.path.relpath(o, build)[:-2] + ".c")]
    place, wanted = {}, {o: [] for o in objects}
    for line in subprocess.run(["nm", "-A", "-g", *objects], check=True, capture_output=True,
                               text=True).stdout.splitlines() if objects else []:
        path, _, rest = line.partition(":")
        kind, name = rest.split()[-2:]
        if kind == "U":
            wanted[path].append(name)
        else:
            place[name] = path
    return {o: {place[n] for n in names if n in place} - {o} for o, names in wanted.items()}


def circles(graph):
    """Strongly connected components, by reachability."""
    reach = {}
    for start in graph:
        seen, stack = set(), list(graph[start])
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(graph[node])
        reach[start] = seen
    found = {frozenset(b for b in reach[a] if a in reach[b]) for a in graph if a in reach[a]}
    return sorted(sorted(circle) for circle in found)


build, rooms = sys.argv[1], sys.argv[2:]
complaints = 0
for room in rooms:
    for circle in circles(calls(build, room)):
        if len(circle) > MOST:
            names = ", ".join(os.path.relpath(o, build)[:-2] + ".c" for o in circle)
            print(f"circles: {len(circle)} files call each other, at most {MOST} are allowed: {names}")
            complaints += 1
print(f"circles: {len(rooms)} rooms, {complaints} complaints")
sys.exit(complaints > 0)

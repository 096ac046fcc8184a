#!/usr/bin/env python3
"""The arrows test: every include of a room is reached by the declared arrows, every declared arrow is
needed, there is no cycle. Prints the depth of each room."""
import re
import sys
from pathlib import Path

# Public headers are types of these rooms.
PUBLIC = {"status": "base", "call_context": "base", "trace": "base", "version": "base", "labels": "model",
          "chunk": "model", "series": "series", "bucket": "objstore"}
# base and what it promises is everybody's; these two public headers are plain declarations that
# rooms below their home may name.
FREE = {"base"}


def declared(source):
    """{room: set of rooms} from thanos_room(... DEPS ...)."""
    arrows = {}
    for cmake in sorted((source / "src").glob("*/CMakeLists.txt")):
        text = re.sub(r"#.*", "", cmake.read_text())
        match = re.search(r"thanos_room\((\w+)([^)]*)\)", text)
        if not match:
            continue
        words = match.group(2).split()
        deps, taking = set(), False
        for word in words:
            if word in ("DEPS", "LIBS", "HEAVY"):
                taking = word == "DEPS"
            elif taking:
                deps.add(word)
        arrows[match.group(1)] = deps
    return arrows


def used(source, room):
    """{other room: one file that includes it}."""
    found = {}
    for path in sorted((source / "src" / room).glob("*.*")):
        if path.suffix not in (".cc", ".h", ".inc"):
            continue
        for include in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            top = include.split("/")[0]
            if top == "thanos":
                top = PUBLIC.get(Path(include).stem, "base")
                # Interfaces of series and bucket are declared for everybody below too.
                if top in ("series", "objstore"):
                    continue
            # Generated protobuf headers lie in the build tree.
            if include.endswith(".pb.h"):
                continue
            if top != room:
                found.setdefault(top, path.name)
    return found


def find_cycle(arrows):
    state, path = {}, []

    def visit(room):
        state[room] = 1
        path.append(room)
        for dep in sorted(arrows.get(room, ())):
            if state.get(dep) == 1:
                return path[path.index(dep):] + [dep]
            if dep not in state:
                cycle = visit(dep)
                if cycle:
                    return cycle
        path.pop()
        state[room] = 2
        return None

    for room in sorted(arrows):
        if room not in state:
            cycle = visit(room)
            if cycle:
                return cycle
    return None


def main(source):
    arrows = declared(source)
    problems = []
    cycle = find_cycle(arrows)
    if cycle:
        print("cycle: " + " -> ".join(cycle))
        return 1
    reach, depth = {}, {}

    def closure(room):
        if room not in reach:
            reach[room] = set()
            depth[room] = 0
            for dep in arrows.get(room, ()):
                reach[room] |= {dep} | closure(dep)
                depth[room] = max(depth[room], depth[dep] + 1)
        return reach[room]

    for room in sorted(arrows):
        uses = used(source, room)
        reached = closure(room) | FREE
        for other, where in uses.items():
            if other not in arrows:
                problems.append(f"{room}/{where} includes {other}, which is no room")
            elif other not in reached:
                problems.append(f"{room}/{where} includes {other}: no declared arrow leads there")
        for dep in sorted(arrows[room]):
            behind = {dep} | closure(dep)
            if not any(use in behind for use in uses):
                problems.append(f"{room} declares {dep} and needs nothing of it")
    for room in sorted(arrows, key=lambda r: (depth[r], r)):
        print(f"{depth[room]:2} {room}: {' '.join(sorted(arrows[room])) or '-'}")
    for problem in problems:
        print("arrows: " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

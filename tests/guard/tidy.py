#!/usr/bin/env python3
"""Small rules of the house that a machine can hold: columns, guards, READMEs, names, machine paths."""
import re
import subprocess
import sys
from pathlib import Path

COLUMNS = 100
# Wide by nature: generated tables and texts of other programs.
WIDE = re.compile(r"https?://|R\"|\"[^\"]{60,}\"")
# Markup from texts, code from texts, styles that the content security policy refuses.
UNSAFE_SCRIPT = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|"
                           r"\beval\(|new Function\(|style=\"")
BAD_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|common|misc)(_|\.|$)")


def main(source):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=source,
                            capture_output=True, text=True, check=True).stdout.split()
    problems = []
    for room in sorted({Path(p).parts[1] for p in listed if re.match(r"src/\w+/", p)}):
        if not (source / "src" / room / "README.md").exists():
            problems.append(f"src/{room} has no README.md")
    for name in listed:
        path = source / name
        if not path.exists():
            continue
        if re.match(r"ui/src/.*\.tsx?$", name):
            for match in UNSAFE_SCRIPT.finditer(path.read_text()):
                problems.append(f"{name} uses {match.group()}")
        if Path(name).suffix not in (".h", ".cc", ".py", ".cmake", ".md", ".ts", ".tsx", ".mjs") and \
                not name.startswith(("scripts/", ".ci/")):
            continue
        text = path.read_text(errors="replace")
        if re.search(r"(^|[^.\w])/(work|root|home)/\w", text) and name != "tests/guard/tidy.py":
            problems.append(f"{name} holds a path of a machine")
        if Path(name).suffix not in (".h", ".cc"):
            continue
        if name.startswith("src/") and BAD_NAMES.search(Path(name).name):
            problems.append(f"{name}: the name says nothing")
        if name.endswith(".h") and "#pragma once" not in text:
            problems.append(f"{name} has no #pragma once")
        if name.startswith(("src/", "include/")):
            for number, line in enumerate(text.splitlines(), 1):
                if len(line) > COLUMNS and not WIDE.search(line):
                    problems.append(f"{name}:{number} is {len(line)} columns wide")
            for banned in ("using namespace std", "std::regex", "#include <iostream>"):
                if banned in text:
                    problems.append(f"{name} uses {banned}")
    for problem in problems:
        print("tidy: " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

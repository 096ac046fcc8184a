#!/usr/bin/env python3
"""The checked-in bundle of the web UI: every file is what the manifest says, nothing else is there, and where
the build made the UI from source, both are the same."""
import gzip
import hashlib
import json
import sys
from pathlib import Path


def manifest(folder):
    return json.loads((folder / "assets.json").read_text())


def content_of(rows):
    """What a browser gets, without how it is packed: packers of other versions pack otherwise."""
    return {row["path"]: (row["size"], row["sha256"], row["type"]) for row in rows}


def faults_in(bundle):
    rows = manifest(bundle)
    expected = {"assets.json", "LICENSES.txt"}
    for row in rows:
        names = [name for name in (row["br"], row["gz"]) if name] or [row["path"]]
        expected.update(names)
        missing = [name for name in names if not (bundle / name).is_file()]
        if missing:
            yield f"{', '.join(missing)} is missing"
            continue
        data = (bundle / (row["gz"] or row["path"])).read_bytes()
        plain = gzip.decompress(data) if row["gz"] else data
        if len(plain) != row["size"] or hashlib.sha256(plain).hexdigest() != row["sha256"]:
            yield f"{row['path']} is not what the manifest names"
    for path in bundle.rglob("*"):
        name = str(path.relative_to(bundle))
        if path.is_file() and name not in expected:
            yield f"{name} is not in the manifest"
    licences = next((row for row in rows if row["path"] == "static/licenses.txt"), None)
    text = (bundle / "LICENSES.txt").read_bytes()
    if not licences or hashlib.sha256(text).hexdigest() != licences["sha256"]:
        yield "LICENSES.txt is not the one that is served"


def main(bundle, work):
    problems = list(faults_in(bundle))
    origin = work / "origin"
    if origin.exists() and origin.read_text().strip() == "built":
        ours, built = content_of(manifest(bundle)), content_of(manifest(work / "dist"))
        for path in sorted(ours.keys() | built.keys()):
            if ours.get(path) != built.get(path):
                problems.append(f"{path} differs from what the sources give: "
                                "run `npm ci && npm run build` in ui/ and commit ui/dist")
    else:
        print("ui bundle: not compared with the sources, the UI was not built from them here")
    for problem in problems:
        print("ui bundle: " + problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

#!/usr/bin/env python3
"""Runs clang-tidy 14 over files that have changed since it last found nothing in them.

    scripts/tidy.py BUILD FILE...     (a build folder with compile_commands.json)

What a verdict depends on: the file, every header of the project it includes, how it is compiled, .clang-tidy and the version of
clang-tidy. Findings go to standard output; exit 1 when there are any. A file in which nothing is found gets a stamp in BUILD/tidy.
"""
import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIDY = "clang-tidy-14"


def depends_on(command, folder):
    """The files of the project that a compiler reads for this command, the source among them."""
    words = shlex.split(command)
    output = words.index("-o")
    rule = subprocess.run(words[:output] + words[output + 2:] + ["-MM"], cwd=folder, check=True, capture_output=True, text=True).stdout
    names = rule.split(":", 1)[1].replace("\\\n", " ").split()
    return sorted({(Path(folder) / name).resolve() for name in names})


def entry_of(source, entries):
    """How a source is compiled; one that this build leaves out (no MPI, no NCCL) like a neighbour, as clang-tidy itself takes it."""
    path = os.path.realpath(source)
    if path in entries:
        return entries[path]
    for other, entry in entries.items():
        if os.path.dirname(other) == os.path.dirname(path) and other.endswith(".cpp"):
            return {**entry, "command": entry["command"].replace(entry["file"], path)}
    sys.exit(f"tidy.py: nothing in the folder of {source} is compiled in this build")


def fingerprint(command, folder, version, checks):
    digest = hashlib.sha256("\0".join([command, version, checks]).encode())
    for path in depends_on(command, folder):
        digest.update(f"\0{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def is_clean(source, entry, build, version, checks):
    """(nothing was found, what was said)"""
    stamp = build / "tidy" / (source.replace("/", "_") + ".clean")
    state = fingerprint(entry["command"], entry["directory"], version, checks)
    if stamp.is_file() and stamp.read_text() == state:
        return True, ""
    run = subprocess.run([TIDY, "--quiet", "-p", build, source], capture_output=True, text=True)
    if run.returncode != 0:
        # What clang-tidy says on standard error is the count of what it suppressed; an error of its own is told there too.
        return False, run.stdout or run.stderr
    stamp.write_text(state)
    return True, run.stdout


def main():
    build, sources = Path(sys.argv[1]), sys.argv[2:]
    entries = {os.path.realpath(entry["file"]): entry for entry in json.loads((build / "compile_commands.json").read_text())}
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True, text=True).stdout
    checks = Path(".clang-tidy").read_text()
    (build / "tidy").mkdir(exist_ok=True)
    work = [(source, entry_of(source, entries)) for source in sources]
    clean = True
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda item: is_clean(*item, build, version, checks), work)
        for nothing, text in found:
            clean = clean and nothing
            if text:
                print(text, flush=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())

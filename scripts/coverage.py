#!/usr/bin/env python3
"""Prints the share of lines that the tests have run, for each folder, for the readers of files and for checkpoints.

    scripts/coverage.py BUILD      (a build folder of the preset `coverage` in which the tests have run; needs gcovr)

Lines of headers count once, however many files include them. Exit 1 below the goals: 90 % overall, 95 % for the readers of files
(io/formats, io/data) and for checkpoints.
"""
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

FOLDERS = ["kernels", "engine", "layers", "fusion", "io", "study", "apps"]
GROUPS = {
    "readers of files": lambda path: path.startswith(("io/formats/", "io/data/")),
    "checkpoints": lambda path: path.startswith(("io/checkpoint", "io/run_folder", "study/train_checkpoint")),
}


def lines_of(build):
    root = Path(__file__).resolve().parent.parent
    filters = [f"--filter={root}/{folder}/" for folder in FOLDERS]
    report = subprocess.run(["gcovr", "--root", root, "--object-directory", build, "--json", "-", "-j", "2",
                             "--exclude-throw-branches", "--exclude-unreachable-branches", *filters, build],
                            capture_output=True, text=True)
    if report.returncode != 0:
        sys.exit(f"gcovr: {report.stderr.strip()}")
    found = defaultdict(dict)
    for file in json.loads(report.stdout)["files"]:
        # Headers are included through links in the build folder; what counts is the file they lead to.
        path = str((root / file["file"]).resolve().relative_to(root))
        for line in file["lines"]:
            if not line.get("gcovr/noncode"):
                number = line["line_number"]
                found[path][number] = max(found[path].get(number, 0), line["count"])
    return found


def main():
    found = lines_of(Path(sys.argv[1]))
    share = {path: (sum(n > 0 for n in lines.values()), len(lines)) for path, lines in found.items()}

    def total(name, belongs, goal=0.0):
        run = sum(done for path, (done, _) in share.items() if belongs(path))
        all_lines = sum(n for path, (_, n) in share.items() if belongs(path))
        if all_lines == 0:
            sys.exit(f"coverage.py: no line of {name} was counted; have the tests run in this folder?")
        low = run < goal * all_lines
        print(f"  {name:<18} {100 * run / all_lines:5.1f} %  of {all_lines} lines{'  BELOW ' + format(goal, '.0%') if low else ''}")
        return low

    for folder in FOLDERS:
        total(folder + "/", lambda path, folder=folder: path.startswith(folder + "/"))
    low = [total(name, belongs, 0.95) for name, belongs in GROUPS.items()]
    low.append(total("everything", lambda path: True, 0.90))
    print("  most lines not run:")
    for path, (done, n) in sorted(share.items(), key=lambda item: item[1][0] - item[1][1])[:12]:
        lines = [number for number, count in sorted(found[path].items()) if count == 0]
        print(f"    {path}: {n - done} of {n} ({', '.join(map(str, lines[:12]))}{', ...' if len(lines) > 12 else ''})")
    return 1 if any(low) else 0


if __name__ == "__main__":
    sys.exit(main())

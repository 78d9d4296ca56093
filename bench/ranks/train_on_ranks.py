#!/usr/bin/env python3
"""What ranks bring and what the promise of equal bits costs, with whole trainings that take turns:

    bench/ranks/train_on_ranks.py COHORT [--plait build/release/plait] [--batch 512] [--rounds 5] [--epochs 6] [--set model.embed_dim=128]...

Every rank has one thread and --batch patients of each batch. Contenders: one rank alone (whole batches); two ranks, one part each
(distributed.shards = 2, the promised bits); two ranks with plain sums (--fast); one rank with shards = 8; two with shards = 8.
Speed is training's own (patients_per_s of summary.json: batches, sums and updates, validation not counted). Printed: medians, and
the median over the rounds of the ratio to one rank alone. Standard library, mpirun.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def speed(options, ranks, settings, flags):
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        sets = [f"train.batch_size={options.batch * ranks}", f"train.epochs={options.epochs}", "train.threads=1", "train.patience=0",
                *settings, *options.sets]
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), options.plait, "train", options.cohort, "--out", run, *flags]
        command += [word for item in sets for word in ("--set", item)]
        done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}: {done.stderr.strip()}")
        return json.loads((run / "summary.json").read_text())["patients_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--plait", type=Path, default=ROOT / "build/release/plait")
    parser.add_argument("--batch", type=int, default=512, help="patients of a rank in each batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    options = parser.parse_args()
    if shutil.which("mpirun") is None:
        print("SKIPPED: there is no mpirun")
        return 0
    contenders = {
        "1 rank": (1, ["distributed.shards=1"], []),
        "2 ranks, 2 parts": (2, ["distributed.shards=2"], []),
        "2 ranks, --fast": (2, ["distributed.shards=2"], ["--fast"]),
        "1 rank, 8 parts": (1, ["distributed.shards=8"], []),
        "2 ranks, 8 parts": (2, ["distributed.shards=8"], []),
    }
    speeds = {name: [] for name in contenders}
    for turn in range(options.rounds):
        order = list(contenders) if turn % 2 == 0 else list(reversed(contenders))
        for name in order:
            speeds[name].append(speed(options, *contenders[name]))
    print(f"{options.batch} patients a rank, one thread each, {options.rounds} rounds")
    for name, values in speeds.items():
        ratio = statistics.median(value / alone for value, alone in zip(values, speeds["1 rank"]))
        print(f"  {name:18} {statistics.median(values):10.0f} patients/s  {ratio:5.2f} x one rank alone")
    cost = statistics.median(fast / tree for fast, tree in zip(speeds["2 ranks, --fast"], speeds["2 ranks, 2 parts"]))
    print(f"  the same bits on any number of ranks: {(cost - 1) * 100:+.1f} % time against --fast on two ranks")
    return 0


if __name__ == "__main__":
    sys.exit(main())

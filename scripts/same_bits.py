#!/usr/bin/env python3
"""Shows that the number of ranks is not in the model:

    scripts/same_bits.py data/mfeat3 [--plait build/release/plait] [--epochs 9] [--stops 8]

A copy of the cohort loses every third patient's row or image of each modality (another third each time). It is trained with
distributed.shards = 8, modality dropout and clipping on 1, 2, 4 and 8 ranks, with and without ZeRO-1; then again, killed with
SIGKILL behind a random epoch and resumed on another number of ranks. All model.safetensors, and all metrics but the times, must
be the same bytes. 10 epochs of mfeat3 in batches of 64 are 220 steps. Exit status 1 where they differ. Standard library, mpirun.
"""
import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def with_holes(cohort, target):
    """A copy in which modality m of patient i is missing where (i + m) % 3 == 0, but for patients who would have none."""
    shutil.copytree(cohort, target)
    for place, name in enumerate(["ehr.csv", "genomics.csv"]):
        with open(cohort / name, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        with open(target / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows[:1] + [row for i, row in enumerate(rows[1:]) if (i + place) % 3 != 0])
    for i, image in enumerate(sorted((target / "images").iterdir())):
        if (i + 2) % 3 == 0:
            image.unlink()


def processes_of(out):
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(out).encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                yield int(entry.name)
        except OSError:
            continue


def train(options, cohort, out, ranks, zero, stop_behind=None, resume=False):
    """Trains to the end; or kills all ranks when the first one has printed that epoch."""
    sets = {"train.epochs": options.epochs, "train.batch_size": 64, "train.patience": 0, "train.threads": 1, "train.clip_norm": 0.5,
            "train.modality_keep": 0.7, "distributed.shards": 8, "distributed.zero": zero}
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), options.plait, "train", cohort, "--out", out, "--device", "cpu"]
    command += [word for key, value in sets.items() for word in ("--set", f"{key}={value}")] + (["--resume"] if resume else [])
    words = [str(word) for word in command]
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        for line in process.stdout:
            if stop_behind is not None and line.startswith(f"epoch {stop_behind}/"):
                for pid in processes_of(out):
                    os.kill(pid, signal.SIGKILL)
                break
        process.stdout.read()
        process.wait()
        if stop_behind is None and process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(words)}\nexit {process.returncode}: {errors.read().strip()}")


def result(out):
    epochs = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for epoch in epochs:
        epoch.pop("patients_per_s")
    return (out / "model.safetensors").read_bytes(), epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--plait", type=Path, default=ROOT / "build/release/plait")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--stops", type=int, default=8)
    options = parser.parse_args()
    if shutil.which("mpirun") is None:
        print("SKIPPED: there is no mpirun")
        return 0
    draw = random.Random(1)
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        cohort, expected = Path(folder) / "cohort", None
        with_holes(options.cohort, cohort)
        for ranks in (1, 2, 4, 8):
            for zero in (0, 1):
                out = Path(folder) / f"run-{ranks}-{zero}"
                train(options, cohort, out, ranks, zero)
                found = result(out)
                expected = expected or found
                same = found == expected
                differing += not same
                print(f"{ranks} ranks, zero = {zero}: {found[1][-1]['step']} steps, {'the same' if same else 'ANOTHER'} model and metrics", flush=True)
        for stop in range(options.stops):
            out = Path(folder) / f"stopped-{stop}"
            first, then = draw.sample([1, 2, 4, 8], 2)
            epoch = draw.randrange(1, options.epochs)
            train(options, cohort, out, first, draw.randrange(2), stop_behind=epoch)
            train(options, cohort, out, then, draw.randrange(2), resume=True)
            same = result(out) == expected
            differing += not same
            print(f"killed on {first} ranks behind epoch {epoch}, resumed on {then}: {'the same' if same else 'ANOTHER'} model and metrics", flush=True)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

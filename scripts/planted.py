#!/usr/bin/env python3
"""How close models come to planted truth: trains on generated cohorts, tests on others of the same population whose best
possible AUC is known (docs/synth.md), and says which modality costs most when it is taken away.

    scripts/planted.py --work DIR [--plait build/release/plait] [--tasks cancer cardiac ...] [--train-seeds 21 22 23]
                       [--test-seed 24] [--models hybrid ehr image genomics] [--set train.epochs=30]...

Each train seed is another cohort of 2,000 patients (all used: 85 % to train on, 15 % to stop early) and another random initial
model. Intervals: 95 %, paired over the test patients, of the mean over the train seeds. Exit 1 when a goal is missed.
Standard library only.
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import paired

TASKS = ["cancer", "cardiac", "metabolic", "mortality"]
MODALITIES = ["ehr", "image", "genomics"]
GAP = 0.05


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def cohort(options, task, patients, seed):
    folder = options.work / f"{task}-{patients}-{seed}"
    if not folder.exists():
        run(options.plait, "synth", "--out", folder, "--task", task, "--patients", patients, "--seed", seed)
    return folder


def hidden(folder, modality, work):
    """A view of a cohort that lacks one modality: the same files, a shorter cohort.toml."""
    view = work / f"{folder.name}-without-{modality}"
    if not view.exists():
        view.mkdir()
        for entry in folder.iterdir():
            if entry.name not in ("cohort.toml", "truth.json", "images"):
                (view / entry.name).hardlink_to(entry)
        if modality != "image":
            (view / "images").mkdir()
            for image in (folder / "images").iterdir():
                (view / "images" / image.name).hardlink_to(image)
        lines, skipping = [], False
        for line in (folder / "cohort.toml").read_text().splitlines():
            if line.startswith("["):
                skipping = line.strip() == f"[modality.{modality}]"
            lines += [] if skipping else [line]
        (view / "cohort.toml").write_text("\n".join(lines) + "\n")
    return view


def scores(options, model, test, patients):
    out = options.work / "predictions.csv"
    run(options.plait, "predict", model, test, "--out", out)
    rows = paired.read_predictions(out)
    out.unlink()
    return [float(rows[patient]["probability"]) for patient in patients]


def trained(options, fusion, train, seed):
    settings = [f"model.fusion={fusion}", f"train.seed={seed}", "train.test=0", *options.sets]
    folder = options.work / "-".join(["run", train.name, *settings]).replace("/", "_")
    if not folder.exists():
        run(options.plait, "train", train, "--out", folder, *[word for item in settings for word in ("--set", item)])
    return folder


def one_task(options, task):
    test = cohort(options, task, options.test_patients, options.test_seed)
    truth = json.loads((test / "truth.json").read_text())
    ceiling = truth["availability_mix"]["observed"]["auc"]
    labels = paired.read_labels(test)
    patients = list(labels)
    positive = [labels[patient] == "1" for patient in patients]
    found, lost = {}, {m: [] for m in MODALITIES}
    for seed in options.train_seeds:
        train = cohort(options, task, options.patients, seed)
        for fusion in options.models:
            model = trained(options, fusion, train, seed)
            found.setdefault(fusion, []).append(scores(options, model, test, patients))
            if fusion == "hybrid":
                for m in MODALITIES:
                    lost[m].append(scores(options, model, hidden(test, m, options.work), patients))
    mean = {fusion: statistics.fmean(paired.auc(s, positive) for s in runs) for fusion, runs in found.items()}
    good = True
    print(f"{task}: ceiling {ceiling:.3f}, order planted: {', '.join(truth['planted_order'])}")
    for fusion, runs in found.items():
        each = " ".join(f"{paired.auc(s, positive):.3f}" for s in runs)
        line = f"  {fusion:<10} AUC {mean[fusion]:.3f} ({each})"
        if fusion == "hybrid":
            line += f"  below the ceiling: {ceiling - mean[fusion]:.3f}"
            good &= ceiling - mean[fusion] <= GAP
        elif "hybrid" in found:
            value, low, high = paired.auc_difference(found["hybrid"], runs, positive)
            line += f"  hybrid is better by {value:+.3f} [{low:+.3f}, {high:+.3f}]"
            good &= fusion not in MODALITIES or low > 0
        print(line)
    if "hybrid" in found:
        costs = {m: paired.auc_difference(found["hybrid"], lost[m], positive) for m in MODALITIES}
        order = sorted(MODALITIES, key=lambda m: -costs[m][0])
        print("  hybrid loses without " + ", ".join(f"{m} {costs[m][0]:.3f} [{costs[m][1]:.3f}, {costs[m][2]:.3f}]"
                                                   for m in order)
              + ("  (as planted)" if order == truth["planted_order"] else "  (NOT as planted)"))
        good &= order == truth["planted_order"]
    sys.stdout.flush()
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for cohorts and runs, which are kept and used again")
    parser.add_argument("--plait", type=Path, default=Path(__file__).resolve().parent.parent / "build/release/plait")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--train-seeds", nargs="+", type=int, default=[21, 22, 23])
    parser.add_argument("--test-seed", type=int, default=24)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--test-patients", type=int, default=20000)
    parser.add_argument("--models", nargs="+", default=["hybrid", *MODALITIES])
    parser.add_argument("--set", action="append", default=[], dest="sets")
    options = parser.parse_args()
    if options.test_seed in options.train_seeds:
        parser.error("--test-seed is one of --train-seeds: the test patients would be those trained on")
    options.work.mkdir(parents=True, exist_ok=True)
    return 0 if all([one_task(options, task) for task in options.tasks]) else 1


if __name__ == "__main__":
    sys.exit(main())

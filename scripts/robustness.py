#!/usr/bin/env python3
"""Does modality dropout in training make a model robust to modalities that are missing at inference? Trains with it and without
it (train.modality_keep 0.8 and 1), removes modalities of the test patients at random, and compares on the same patients.

    scripts/robustness.py COHORT --work DIR [--test COHORT2] [--rates 0 0.3 0.5] [--seeds 1 2 3] [--keep 0.8]
                          [--plait build/release/plait] [--set model.fusion=attention]...

Without --test, the patients of each run's own untouched part (20 %, drawn by the run's seed) are the test patients; with it, all of
COHORT2 are, and all of COHORT is trained on. Binary cohorts: AUC with DeLong's paired interval; classes: accuracy. Intervals
are 95 %, over patients, of the mean over the seeds. labels.csv has to hold patient_id and label. Standard library only.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

import paired

HERE = Path(__file__).resolve().parent


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}: {done.stderr.strip()}")


def with_holes(options, cohort, rate, seed):
    if rate == 0:
        return cohort
    out = options.work / f"{cohort.name}-holes-{rate}-{seed}"
    run(sys.executable, "-B", HERE / "data/knock_out.py", cohort, "--out", out, "--rate", rate, "--seed", seed)
    return out


def trained(options, keep, seed):
    settings = [*options.sets, f"train.seed={seed}", f"train.modality_keep={keep}", *(["train.test=0"] if options.test else [])]
    folder = options.work / "-".join(["run", options.cohort.name, *settings]).replace("/", "_")
    if not folder.exists():
        run(options.plait, "train", options.cohort, "--out", folder, *[word for item in settings for word in ("--set", item)])
    return folder


def tested(options, folder, cohort, labels):
    """{patient: predictions row} of the run's test patients."""
    out = options.work / "predictions.csv"
    run(options.plait, "predict", folder, cohort, "--out", out)
    rows = paired.read_predictions(out)
    out.unlink()
    if not options.test:
        part = set(json.loads((folder / "split.json").read_text())["test"])
        rows = {patient: row for patient, row in rows.items() if patient in part}
    return {patient: row for patient, row in rows.items() if patient in labels}


def right(row, label, classes):
    return float(max(classes, key=lambda c: float(row["probability_" + c])) == label)


def compare(options, rate, labels):
    classes = sorted(set(labels.values()))
    binary = len(classes) == 2
    test = options.test or options.cohort
    values = {True: {}, False: {}}  # with modality dropout? -> {patient and draw of holes: [a value each seed]}
    for seed in options.seeds:
        # Test parts differ by seed, and so does the draw of holes: a patient's values are grouped below.
        holes = with_holes(options, test, rate, seed)
        for dropout, keep in ((True, options.keep), (False, 1)):
            for patient, row in tested(options, trained(options, keep, seed), holes, labels).items():
                value = float(row["probability"]) if binary else right(row, labels[patient], classes)
                values[dropout].setdefault(patient, []).append(value)
    patients = list(values[True])
    if binary and options.test:
        positive = [labels[p] == classes[1] for p in patients]
        runs = {d: [list(column) for column in zip(*(values[d][p] for p in patients))] for d in values}
        means = {d: sum(paired.auc(s, positive) for s in runs[d]) / len(runs[d]) for d in runs}
        difference = paired.auc_difference(runs[True], runs[False], positive)
    elif binary:
        sys.exit("robustness.py: a binary cohort needs --test: AUCs of different test parts cannot be paired")
    else:
        # A patient in the test parts of several seeds counts once a part, and is one unit of the interval.
        total = sum(len(v) for v in values[True].values())
        means = {d: sum(map(sum, values[d].values())) / total for d in values}
        scale = len(patients) / total
        first, second = ([sum(values[d][p]) * scale for p in patients] for d in (True, False))
        difference = paired.mean_difference([first], [second])
    print(f"  {rate:.0%} missing: with {means[True]:.3f}, without {means[False]:.3f}, "
          f"difference {difference[0]:+.3f} [{difference[1]:+.3f}, {difference[2]:+.3f}]", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder for cohorts and runs, which are kept and used again")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--plait", type=Path, default=HERE.parent / "build/release/plait")
    parser.add_argument("--rates", nargs="+", type=float, default=[0, 0.3, 0.5])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--keep", type=float, default=0.8, help="train.modality_keep of the models with modality dropout")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    labels = paired.read_labels(options.test or options.cohort)
    print(f"{options.cohort.name}: {'AUC' if len(set(labels.values())) == 2 else 'accuracy'} with and without modality dropout")
    for rate in options.rates:
        compare(options, rate, labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Does modality dropout in training make a model robust to modalities that are missing at inference? Trains with it and without
it (train.modality_keep 0.8 and 1), removes modalities of the test patients at random, and compares on the same patients.

    scripts/robustness.py COHORT... --work DIR [--test COHORT2] [--rates 0 0.3 0.5] [--seeds 1 2 3] [--keep 0.8]
                          [--plait build/release/plait] [--set model.fusion=attention]...

Without --test, the patients of each run's own untouched part (20 %, drawn by the run's seed) are the test patients; with it, all of
COHORT2 are, and all of each COHORT is trained on. Binary cohorts: AUC with DeLong's paired interval; classes: accuracy. Intervals
are 95 %, over patients, of the mean over the runs. With three training cohorts or more a second interval follows, for a training
cohort drawn anew: Student's t over the cohorts' differences, and the patients' interval added to it in squares.
labels.csv has to hold patient_id and label. Standard library only.
"""
import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import paired

HERE = Path(__file__).resolve().parent


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}: {done.stderr.strip()}")


# 97.5 % points of Student's t by degrees of freedom (2 to 10).
T975 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228}


def with_holes(options, cohort, rate, seed):
    if rate == 0:
        return cohort
    out = options.work / f"{cohort.name}-holes-{rate}-{seed}"
    run(sys.executable, "-B", HERE / "data/knock_out.py", cohort, "--out", out, "--rate", rate, "--seed", seed)
    return out


def trained(options, cohort, keep, seed):
    settings = [*options.sets, f"train.seed={seed}", f"train.modality_keep={keep}", *(["train.test=0"] if options.test else [])]
    folder = options.work / "-".join(["run", cohort.name, *settings]).replace("/", "_")
    if not folder.exists():
        run(options.plait, "train", cohort, "--out", folder, *[word for item in settings for word in ("--set", item)])
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
    # For each training cohort: with modality dropout? -> {patient: [a value each seed]}
    values = [{True: {}, False: {}} for _ in options.cohorts]
    for seed in options.seeds:
        # Test parts differ by seed, and so does the draw of holes: a patient's values are grouped below.
        holes = with_holes(options, options.test or options.cohorts[0], rate, seed)
        for cohort, of_cohort in zip(options.cohorts, values):
            for dropout, keep in ((True, options.keep), (False, 1)):
                for patient, row in tested(options, trained(options, cohort, keep, seed), holes, labels).items():
                    value = float(row["probability"]) if binary else right(row, labels[patient], classes)
                    of_cohort[dropout].setdefault(patient, []).append(value)
    patients = list(values[0][True])
    if binary:
        positive = [labels[p] == classes[1] for p in patients]
        runs = [{d: [list(column) for column in zip(*(v[d][p] for p in patients))] for d in v} for v in values]
        together = {d: [scores for of_cohort in runs for scores in of_cohort[d]] for d in (True, False)}
        means = {d: statistics.fmean(paired.auc(s, positive) for s in together[d]) for d in together}
        by_cohort = [statistics.fmean(paired.auc(s, positive) for s in r[True])
                     - statistics.fmean(paired.auc(s, positive) for s in r[False]) for r in runs]
        difference = paired.auc_difference(together[True], together[False], positive)
    else:
        # A patient in the test parts of several seeds counts once a part, and is one unit of the interval.
        together = {d: {p: [x for v in values for x in v[d][p]] for p in patients} for d in (True, False)}
        total = sum(map(len, together[True].values()))
        means = {d: sum(map(sum, together[d].values())) / total for d in together}
        by_cohort = [(sum(map(sum, v[True].values())) - sum(map(sum, v[False].values()))) / sum(map(len, v[True].values()))
                     for v in values]
        scale = len(patients) / total
        first, second = ([sum(together[d][p]) * scale for p in patients] for d in (True, False))
        difference = paired.mean_difference([first], [second])
    value, low, high = difference
    print(f"  {rate:.0%} missing: with {means[True]:.3f}, without {means[False]:.3f}, "
          f"difference {value:+.3f} [{low:+.3f}, {high:+.3f}] over patients", flush=True)
    if len(by_cohort) >= 3:
        spread = T975[len(by_cohort) - 1] * statistics.stdev(by_cohort) / math.sqrt(len(by_cohort))
        half = math.hypot(spread, high - value)
        print(f"    by training cohort {' '.join(f'{d:+.3f}' for d in by_cohort)}: "
              f"{value:+.3f} [{value - half:+.3f}, {value + half:+.3f}] for a cohort drawn anew", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohorts", nargs="+", type=Path, metavar="COHORT")
    parser.add_argument("--work", type=Path, required=True, help="folder for cohorts and runs, which are kept and used again")
    parser.add_argument("--test", type=Path)
    parser.add_argument("--plait", type=Path, default=HERE.parent / "build/release/plait")
    parser.add_argument("--rates", nargs="+", type=float, default=[0, 0.3, 0.5])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--keep", type=float, default=0.8, help="train.modality_keep of the models with modality dropout")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    options = parser.parse_args()
    if len(options.cohorts) > 1 and not options.test:
        parser.error("several training cohorts need --test: their own test parts have other patients")
    if len(options.cohorts) - 1 > max(T975):
        parser.error(f"at most {max(T975) + 1} training cohorts")
    options.work.mkdir(parents=True, exist_ok=True)
    labels = paired.read_labels(options.test or options.cohorts[0])
    if len(set(labels.values())) == 2 and not options.test:
        parser.error("a binary cohort needs --test: AUCs of different test parts cannot be paired")
    print(f"{', '.join(c.name for c in options.cohorts)}: "
          f"{'AUC' if len(set(labels.values())) == 2 else 'accuracy'} with and without modality dropout", flush=True)
    for rate in options.rates:
        compare(options, rate, labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())

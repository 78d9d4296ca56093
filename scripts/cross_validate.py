#!/usr/bin/env python3
"""Pooled k-fold cross-validation over `plait train --ids`: every patient is predicted once, by a model that has never
seen him or his group. Prints pooled accuracy and AUC with everything and with modalities taken away at inference.

    scripts/cross_validate.py COHORT [--plait build/release/plait] [--folds 5] [--seed 1] [--without image]...
                              [--set model.fusion=hybrid]... [--keep DIR]

Standard library only (Python 3.11). Classification cohorts (binary, multiclass). Exit code 2 for wrong usage.
"""
import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from pathlib import Path


DEFAULT_PLAIT = Path(__file__).resolve().parent.parent / "build/release/plait"


def fail(message):
    print(f"cross_validate.py: {message}", file=sys.stderr)
    sys.exit(2)


def read_description(cohort):
    """cohort.toml, checked for what is asked of it here."""
    try:
        description = tomllib.loads((cohort / "cohort.toml").read_text(encoding="utf-8-sig"))
        kind = description["task"]["kind"]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError):
        fail(f"{cohort}: no cohort folder, its cohort.toml is missing or has no [task] with a kind")
    if kind not in ("binary", "multiclass"):
        fail(f"{cohort}: a {kind} cohort; binary and multiclass ones can be cross-validated here")
    return description


def read_labels(cohort, task):
    target, file = task["target"], task["file"]
    with open(cohort / file, newline="", encoding="utf-8-sig") as handle:
        rows = [row for row in csv.DictReader(handle) if row[target] not in ("", "NA")]
    return [(row["patient_id"], row[target], row.get("group") or row["patient_id"]) for row in rows]


def stratified_folds(labels, folds, seed):
    """Whole groups, greedily to the fold that lacks the group's classes most; groups in random order, large ones first."""
    groups = defaultdict(list)
    for patient, label, group in labels:
        groups[group].append((patient, label))
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda g: -len(groups[g]))
    wanted = {label: n / folds for label, n in Counter(label for _, label, _ in labels).items()}
    counts = [Counter() for _ in range(folds)]
    parts = [[] for _ in range(folds)]
    for group in order:
        inside = Counter(label for _, label in groups[group])

        def excess(fold):
            return sum(n * (counts[fold][label] - wanted[label]) / wanted[label] for label, n in inside.items())

        best = min(range(folds), key=lambda fold: (excess(fold), sum(counts[fold].values())))
        counts[best] += inside
        parts[best] += [patient for patient, _ in groups[group]]
    return parts


def without_modalities(cohort, names, folder):
    """A view of the cohort whose cohort.toml does not have these modalities (files are linked)."""
    view = folder / ("without-" + "-".join(names))
    view.mkdir()
    for entry in cohort.iterdir():
        if entry.name != "cohort.toml":
            shutil.copytree(entry, view / entry.name) if entry.is_dir() else shutil.copy(entry, view / entry.name)
    lines, skipping = [], False
    for line in (cohort / "cohort.toml").read_text(encoding="utf-8-sig").splitlines():
        if line.lstrip().startswith("["):
            skipping = header_of(line) in [["modality", name] for name in names]
        if not skipping:
            lines.append(line)
    text = "\n".join(lines) + "\n"
    # The ablation is what this is for: a modality that is still there would pass for one that does not matter.
    left = tomllib.loads(text).get("modality", {})
    if any(name in left for name in names):
        fail(f"{cohort}/cohort.toml: [modality.{names[0]}] is not written as a section of its own")
    (view / "cohort.toml").write_text(text, encoding="utf-8")
    return view


def header_of(line):
    """The names of a section header: [modality.ehr], [ modality . "ehr" ]  # comment."""
    try:
        table, names = tomllib.loads(line), []
    except tomllib.TOMLDecodeError:
        return None
    while isinstance(table, dict) and len(table) == 1:
        name, table = next(iter(table.items()))
        names.append(name)
    return names


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}: {done.stderr.strip()}")


def predictions(plait, run_folder, cohort, patients, scratch):
    out = scratch / "predictions.csv"
    run(plait, "predict", run_folder, cohort, "--out", out)
    wanted = set(patients)
    with open(out, newline="") as handle:
        return {row["patient_id"]: row for row in csv.DictReader(handle) if row["patient_id"] in wanted}


def auc(scores, positive):
    """Mann-Whitney with midranks."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks, i = [0.0] * len(scores), 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and scores[order[j + 1]] == scores[order[i]]:
            j += 1
        for k in range(i, j + 1):
            ranks[order[k]] = (i + j) / 2 + 1
        i = j + 1
    n1 = sum(positive)
    n0 = len(scores) - n1
    return (sum(r for r, p in zip(ranks, positive) if p) - n1 * (n1 + 1) / 2) / (n0 * n1)


def report(name, rows, truth, classes):
    right, line = 0, ""
    if "probability" in next(iter(rows.values())):
        scores = {patient: float(row["probability"]) for patient, row in rows.items()}
        right = sum((scores[p] >= 0.5) == (truth[p] == classes[1]) for p in rows)
        line = f"  AUC {auc([scores[p] for p in rows], [truth[p] == classes[1] for p in rows]):.4f}"
    else:
        for patient, row in rows.items():
            best = max(classes, key=lambda c: float(row["probability_" + c]))
            right += best == truth[patient]
    weights = [key for key in next(iter(rows.values())) if key.startswith("weight_")]
    known = [row for row in rows.values() if row["abstain"] == "0" and row[weights[0]] != ""]
    for key in weights if known else []:
        line += f"  {key} {sum(float(row[key]) for row in known) / len(known):.3f}"
    print(f"{name:28s} n {len(rows)}  accuracy {right / len(rows):.4f}{line}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--plait", default=DEFAULT_PLAIT, help="the program (default: build/release/plait of this tree)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validation", type=float, default=0.1, help="share of the training folds kept for early stopping")
    parser.add_argument("--without", action="append", default=[], help="modality to take away at inference (repeatable)")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    options = parser.parse_args()

    description = read_description(options.cohort)
    if shutil.which(options.plait) is None:
        fail(f"{options.plait}: no program to run; build plait, or name it with --plait")
    modalities = list(description.get("modality", {}))
    for name in options.without:
        if name not in modalities:
            fail(f"--without {name}: the cohort has no such modality; it has {', '.join(modalities)}")
    if len(set(options.without)) < len(options.without):
        fail("--without names a modality twice")
    if options.folds < 2:
        fail("--folds: at least 2")

    labels = read_labels(options.cohort, description["task"])
    truth = {patient: label for patient, label, _ in labels}
    classes = sorted(set(truth.values()), key=lambda c: (0, float(c), c) if c.replace(".", "").isdigit() else (1, 0, c))
    parts = stratified_folds(labels, options.folds, options.seed)
    pooled = defaultdict(dict)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        views = {f"without {name}": without_modalities(options.cohort, [name], scratch) for name in options.without}
        for fold, test in enumerate(parts):
            held = set(test)
            rest = [row for row in labels if row[0] not in held]
            folds_of_rest = max(2, round(1 / options.validation)) if options.validation > 0 else 0
            validation = stratified_folds(rest, folds_of_rest, options.seed + 1)[0] if folds_of_rest else []
            train = [patient for patient, _, _ in rest if patient not in set(validation)]
            ids = scratch / f"fold{fold}.json"
            ids.write_text(json.dumps({"train": train, "validation": validation, "test": test}))
            sets = [word for item in options.sets for word in ("--set", item)]
            run(options.plait, "train", options.cohort, "--out", scratch / f"run{fold}", "--ids", ids, *sets)
            for name, cohort in {"everything": options.cohort, **views}.items():
                pooled[name] |= predictions(options.plait, scratch / f"run{fold}", cohort, test, scratch)
    for name, rows in pooled.items():
        report(name, rows, truth, classes)


if __name__ == "__main__":
    main()

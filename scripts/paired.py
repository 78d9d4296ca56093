"""Paired comparisons of two models on the same patients: differences with 95 % intervals over patients. Standard library.

AUC: DeLong, DeLong & Clarke-Pearson (1988) with midranks (Sun & Xu, 2014). A model trained several times counts as the mean
of its runs: placements are averaged over the runs, so that the interval is that of the mean difference on these patients.
"""
import csv
import math
import statistics

Z95 = 1.959963984540054


def read_predictions(path):
    """{patient id: row} of a predictions.csv."""
    with open(path, newline="", encoding="utf-8") as handle:
        return {row["patient_id"]: row for row in csv.DictReader(handle)}


def read_labels(cohort, column="label"):
    """{patient id: text of the label} of COHORT/labels.csv; patients without a label are left out."""
    with open(cohort / "labels.csv", newline="", encoding="utf-8-sig") as handle:
        return {row["patient_id"]: row[column] for row in csv.DictReader(handle) if row[column] not in ("", "NA")}


def midranks(values):
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, i = [0.0] * len(values), 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for k in range(i, j + 1):
            ranks[order[k]] = (i + j) / 2 + 1
        i = j + 1
    return ranks


def placements(scores, positive):
    """(of each positive: share of negatives below it; of each negative: share of positives above it), ties count half."""
    ones = [s for s, p in zip(scores, positive) if p]
    zeros = [s for s, p in zip(scores, positive) if not p]
    together = midranks(ones + zeros)
    above = [(all_rank - own) / len(zeros) for all_rank, own in zip(together, midranks(ones))]
    below = [1 - (all_rank - own) / len(ones) for all_rank, own in zip(together[len(ones):], midranks(zeros))]
    return above, below


def auc(scores, positive):
    return statistics.fmean(placements(scores, positive)[0])


def _mean_runs(runs):
    return [statistics.fmean(values) for values in zip(*runs)]


def auc_difference(first, second, positive):
    """Mean AUC of the runs of `first` minus that of `second` (lists of score lists): (value, low, high)."""
    differences = []
    for part in (0, 1):
        mean = [_mean_runs([placements(scores, positive)[part] for scores in runs]) for runs in (first, second)]
        differences.append([a - b for a, b in zip(*mean)])
    value = statistics.fmean(differences[0])
    half = Z95 * math.sqrt(sum(statistics.variance(d) / len(d) for d in differences))
    return value, value - half, value + half


def mean_difference(first, second):
    """Mean over patients of a per-patient score (right or wrong, ...) of `first` minus `second`, each [run][patient]."""
    differences = [a - b for a, b in zip(_mean_runs(first), _mean_runs(second))]
    value = statistics.fmean(differences)
    half = Z95 * math.sqrt(statistics.variance(differences) / len(differences))
    return value, value - half, value + half

"""Writes metrics.json: small predictions and what scikit-learn says about them.

    python make_metrics_goldens.py        (needs numpy and scikit-learn; run again only when the conventions change)

null stands where scikit-learn raises, warns of an undefined metric and returns nan, or (average precision) sees one
class only; for precision, recall and F1 of yes/no decisions where no target is positive, and for their balanced accuracy
where one class is missing (scikit-learn calls these 0 or warns). Expected calibration error, absent from scikit-learn, is computed here from np.histogram.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics as sk

BINS = 15


def ece(confidence, outcome):
    bins = np.minimum(np.floor(confidence * BINS), BINS - 1)
    gap = 0.0
    for b in range(BINS):
        inside = bins == b
        if inside.any():
            gap += inside.mean() * abs(confidence[inside].mean() - outcome[inside].mean())
    return gap


def area(function, y, p):
    """A binary area, None unless both labels occur."""
    return function(y, p) if 0 < y.sum() < y.size else None


def mean_area(function, y, p):
    defined = [a for a in (area(function, y[:, c], p[:, c]) for c in range(y.shape[1])) if a is not None]
    return np.mean(defined) if defined else None


def decision(function, y, decided):
    """A metric of one yes/no decision, None without a positive to find (balanced accuracy: without both classes)."""
    if y.sum() == 0:
        return None
    if function is not sk.balanced_accuracy_score:
        return function(y, decided, zero_division=0)
    return function(y, decided) if y.sum() < y.size else None


def mean_decision(function, y, decided):
    values = [decision(function, y[:, l], decided[:, l]) for l in range(y.shape[1])]
    values = [v for v in values if v is not None]
    return np.mean(values) if values else None


def label_averages(y, decided):
    result = {}
    for name, function in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
        result[f"{name}_macro"] = mean_decision(function, y, decided)
        result[f"{name}_micro"] = decision(function, y.ravel(), decided.ravel())
    return result


def averages(y, decided, labels=None):
    result = {}
    for name, function in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
        for average in ("macro", "micro"):
            result[f"{name}_{average}"] = function(y, decided, average=average, zero_division=0, labels=labels)
    return result


def binary(p, y):
    decided = (p >= 0.5).astype(int)
    return {
        "auc": area(sk.roc_auc_score, y, p),
        "auprc": area(sk.average_precision_score, y, p),
        "accuracy": sk.accuracy_score(y, decided),
        "balanced_accuracy": decision(sk.balanced_accuracy_score, y, decided),
        "f1": decision(sk.f1_score, y, decided),
        "precision": decision(sk.precision_score, y, decided),
        "recall": decision(sk.recall_score, y, decided),
        "brier": sk.brier_score_loss(y, p, pos_label=1),
        "ece": ece(p, y),
        "log_loss": sk.log_loss(y, p, labels=[0, 1]),
    }


def multiclass(p, y):
    classes = p.shape[1]
    decided = p.argmax(axis=1)
    hot = np.eye(classes)[y]
    result = {
        "accuracy": sk.accuracy_score(y, decided),
        "balanced_accuracy": sk.balanced_accuracy_score(y, decided),
        "auc_macro": mean_area(sk.roc_auc_score, hot, p),
        "auc_micro": area(sk.roc_auc_score, hot.ravel(), p.ravel()),
        "auprc_macro": mean_area(sk.average_precision_score, hot, p),
        "auprc_micro": area(sk.average_precision_score, hot.ravel(), p.ravel()),
        "brier": np.mean(np.sum((p - hot) ** 2, axis=1)),
        "ece": ece(p.max(axis=1), (decided == y).astype(float)),
        "log_loss": sk.log_loss(y, p, labels=list(range(classes))),
    }
    if classes > 2 and len(np.unique(y)) == classes:  # there scikit-learn has the whole metric: it must be the same
        assert np.isclose(result["auc_macro"], sk.roc_auc_score(y, p, multi_class="ovr", average="macro"))
        assert np.isclose(result["auc_micro"], sk.roc_auc_score(y, p, multi_class="ovr", average="micro"))
    return result | averages(y, decided)


def multilabel(p, y):
    decided = (p >= 0.5).astype(int)
    result = {
        "auc_macro": mean_area(sk.roc_auc_score, y, p),
        "auc_micro": area(sk.roc_auc_score, y.ravel(), p.ravel()),
        "auprc_macro": mean_area(sk.average_precision_score, y, p),
        "auprc_micro": area(sk.average_precision_score, y.ravel(), p.ravel()),
        "accuracy_macro": np.mean([sk.accuracy_score(y[:, l], decided[:, l]) for l in range(y.shape[1])]),
        "balanced_accuracy_macro": mean_decision(sk.balanced_accuracy_score, y, decided),
        "subset_accuracy": sk.accuracy_score(y, decided),
        "ece_macro": np.mean([ece(p[:, l], y[:, l]) for l in range(y.shape[1])]),
        "brier": np.mean([sk.brier_score_loss(y[:, l], p[:, l], pos_label=1) for l in range(y.shape[1])]),
        "log_loss": np.mean([sk.log_loss(y[:, l], p[:, l], labels=[0, 1]) for l in range(y.shape[1])]),
    }
    return result | label_averages(y, decided)


def regression(p, y):
    r2 = sk.r2_score(y, p) if np.ptp(y) > 0 else None
    return {"rmse": sk.root_mean_squared_error(y, p), "mae": sk.mean_absolute_error(y, p), "r2": r2}


def probabilities(rng, y, classes, digits):
    """Rows that lean towards y and sum to 1 exactly enough for scikit-learn after rounding."""
    logits = rng.normal(size=(len(y), classes)) + 1.2 * np.eye(classes)[y]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p = np.round(p, digits)
    p[:, -1] = np.round(1.0 - p[:, :-1].sum(axis=1), digits)
    assert (p >= 0).all()
    return p


def cases():
    rng = np.random.default_rng(7)

    y = rng.integers(0, 2, 60)
    yield "binary", "heavy ties", np.clip(np.round(8 * (0.5 * rng.random(60) + 0.4 * y)) / 8, 0, 1), y
    y = np.zeros(150, dtype=int)
    y[[3, 77, 140]] = 1
    yield "binary", "imbalanced", np.round(np.clip(0.1 * rng.random(150) + 0.3 * y * rng.random(150), 0, 1), 3), y
    y = rng.integers(0, 2, 40)
    yield "binary", "certain, some wrong", rng.integers(0, 2, 40).astype(float), y
    yield "binary", "all tied", np.full(20, 0.5), np.arange(20) % 2
    yield "binary", "one class, negative", np.round(rng.random(12), 2), np.zeros(12, dtype=int)
    yield "binary", "one class, positive", np.round(rng.random(12), 2), np.ones(12, dtype=int)
    yield "binary", "one patient", np.array([0.3]), np.array([1])

    y = rng.integers(0, 4, 50)
    yield "multiclass", "four classes", probabilities(rng, y, 4, 2), y
    y = rng.choice([0, 2, 3], 30)
    yield "multiclass", "a class without patients", probabilities(rng, y, 4, 2), y
    y = np.r_[np.zeros(40, dtype=int), [1, 1, 2]]
    yield "multiclass", "imbalanced", probabilities(rng, y, 3, 2), y
    y = rng.integers(0, 2, 16)
    yield "multiclass", "ties", np.where(rng.random((16, 1)) < 0.5, [[0.5, 0.5]], [[0.25, 0.75]]), y
    yield "multiclass", "one patient", np.array([[0.2, 0.5, 0.3]]), np.array([2])

    y = (rng.random((40, 3)) < [0.5, 0.2, 0.05]).astype(int)
    yield "multilabel", "three labels", np.round(np.clip(0.7 * rng.random((40, 3)) + 0.3 * y, 0, 1), 2), y
    y = (rng.random((20, 3)) < 0.4).astype(int)
    y[:, 1] = 0
    yield "multilabel", "a label without positives", np.round(rng.random((20, 3)), 1), y
    yield "multilabel", "one patient", np.array([[0.2, 0.9]]), np.array([[0, 1]])

    y = np.round(rng.normal(50, 10, 30), 2)
    yield "regression", "noisy", np.round(y + rng.normal(0, 5, 30), 2), y
    yield "regression", "worse than the mean", np.round(rng.normal(0, 1, 10), 2), np.round(rng.normal(3, 1, 10), 2)
    yield "regression", "constant target", np.round(rng.normal(0.1, 1, 9), 2), np.full(9, 0.1)
    yield "regression", "one patient", np.array([1.5]), np.array([2.0])


def main():
    warnings.filterwarnings("ignore")  # the ill-defined cases are there on purpose
    functions = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel, "regression": regression}
    out = []
    for task, name, p, y in cases():
        expected = {k: None if v is None else float(v) for k, v in functions[task](p, y).items()}
        assert all(v is None or np.isfinite(v) for v in expected.values()), (task, name, expected)
        out.append({
            "task": task, "name": name, "outputs": 1 if p.ndim == 1 else p.shape[1],
            "values": [float(v) for v in p.ravel()], "targets": [float(v) for v in y.ravel()], "expected": expected,
        })
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in out)
    text = f'{{"oracle": "scikit-learn {sklearn.__version__}", "cases": [\n{lines}\n]}}\n'
    pathlib.Path(__file__).with_name("metrics.json").write_text(text)


if __name__ == "__main__":
    main()

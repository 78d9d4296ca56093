"""Writes statistics.json: tests and intervals of study/statistics, and what other libraries say about the same numbers.

    python make_statistics_goldens.py     (needs numpy, scipy, scikit-learn, statsmodels, MLstatkit)

DeLong's variance stands here as it is defined, over all pairs of a positive and a negative; scikit-learn has to agree
on the areas, MLstatkit on z and p. scipy: binomial and chi-squared tails, normal quantiles, temperatures (root of the
slope). statsmodels: McNemar's statistic, Holm, Wilson.
"""

import json
import pathlib

import MLstatkit
import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import optimize, special, stats
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint


def pairs(scores, y):
    """psi[i, j]: 1 where positive i scores above negative j, 1/2 where they tie."""
    gap = scores[y == 1][:, None] - scores[y == 0][None, :]
    return (gap > 0) + 0.5 * (gap == 0)


def covariance(a, b):
    """Of two areas, from their pairs: the covariances of the rows' and of the columns' means."""
    m, n = a.shape
    return np.cov(a.mean(1), b.mean(1))[0, 1] / m + np.cov(a.mean(0), b.mean(0))[0, 1] / n


def delong(rng):
    for name, m, n, decimals in (("few", 5, 7, 3), ("heavy ties", 30, 50, 1), ("rare positives", 4, 120, 2), ("more", 110, 140, 4)):
        y = rng.permutation(np.r_[np.ones(m, dtype=int), np.zeros(n, dtype=int)])
        shared = rng.normal(size=m + n)
        first = np.round(1.1 * y + shared + 0.4 * rng.normal(size=m + n), decimals)
        second = np.round(0.6 * y + shared + 0.7 * rng.normal(size=m + n), decimals)
        a, b = pairs(first, y), pairs(second, y)
        assert np.isclose(a.mean(), roc_auc_score(y, first), atol=1e-14, rtol=0)
        assert np.isclose(b.mean(), roc_auc_score(y, second), atol=1e-14, rtol=0)
        variance = covariance(a, a) + covariance(b, b) - 2 * covariance(a, b)
        z = (a.mean() - b.mean()) / np.sqrt(variance)
        p = 2 * stats.norm.sf(abs(z))
        theirs = MLstatkit.Delong_test(y, first, second, return_ci=False, return_auc=False)
        assert np.allclose([-theirs[0], theirs[1]], [z, p], atol=1e-10, rtol=1e-10), (theirs, z, p)
        half = stats.norm.ppf(0.975) * np.sqrt(covariance(a, a))
        yield {"name": name, "first": first, "second": second, "labels": y,
               "expected": {"first": roc_auc_score(y, first), "second": roc_auc_score(y, second),
                            "first_standard_error": np.sqrt(covariance(a, a)),
                            "first_lo": max(a.mean() - half, 0), "first_hi": min(a.mean() + half, 1),
                            "standard_error": np.sqrt(variance), "z": z, "p": p,
                            "first_average_precision": average_precision_score(y, first),
                            "second_average_precision": average_precision_score(y, second)}}


def mcnemar_cases():
    for first, second in ((0, 0), (1, 0), (5, 5), (2, 9), (17, 4), (40, 41), (300, 371), (9000, 9300), (0, 900)):
        n = first + second
        exact = stats.binomtest(first, n, 0.5).pvalue if n else 1.0
        statistic, corrected = 0.0, 1.0
        if first != second:  # statsmodels adds the correction where the counts are equal, R does not
            theirs = mcnemar([[0, first], [second, 0]], exact=False, correction=True)
            statistic, corrected = theirs.statistic, theirs.pvalue
        yield {"first_only": first, "second_only": second,
               "expected": {"exact_p": exact, "statistic": statistic, "corrected_p": corrected}}


def holm_cases(rng):
    for p in ([0.03], [0.01, 0.04, 0.03, 0.005], [0.02, 0.02, 0.5, 1.0, 0.0], list(np.round(rng.random(15) ** 3, 4))):
        yield {"p": p, "expected": multipletests(p, method="holm")[1]}


def wilson_cases():
    for successes, n, level in ((0, 10, 0.95), (10, 10, 0.95), (1, 1, 0.9), (7, 20, 0.95), (183, 2000, 0.99), (9999, 20000, 0.5)):
        lo, hi = proportion_confint(successes, n, 1 - level, method="wilson")
        yield {"successes": successes, "n": n, "level": level, "expected": {"lo": lo, "hi": hi}}


def root(slope):
    return 1 / optimize.brentq(slope, 0.01, 100, xtol=1e-15, rtol=8.9e-16, maxiter=500)


def temperature_cases(rng):
    for n, sharpness in ((40, 4.0), (200, 0.3), (90, 1.0)):
        true = rng.normal(size=n) * 1.5
        y = (rng.random(n) < special.expit(true)).astype(int)
        z = np.round(sharpness * (true + 0.5 * rng.normal(size=n)), 3)
        t = root(lambda b: np.mean(z * (special.expit(b * z) - y)))
        yield {"classes": 1, "logits": z, "targets": y, "expected": {
            "temperature": t, "log_loss_before": log_loss(y, special.expit(z)), "log_loss_after": log_loss(y, special.expit(z / t))}}
    for n, classes, sharpness in ((50, 3, 3.0), (120, 5, 0.5)):
        y = rng.integers(0, classes, n)
        z = np.round(sharpness * (np.eye(classes)[y] + rng.normal(size=(n, classes))), 3)
        def slope(b):
            return np.mean((special.softmax(b * z, axis=1) * z).sum(1) - z[np.arange(n), y])
        t, labels = root(slope), list(range(classes))
        yield {"classes": classes, "logits": z.ravel(), "targets": y, "expected": {
            "temperature": t, "log_loss_before": log_loss(y, special.softmax(z, axis=1), labels=labels),
            "log_loss_after": log_loss(y, special.softmax(z / t, axis=1), labels=labels)}}


def distributions():
    return {
        "chi_squared": [[x, d, stats.chi2.sf(x, d)] for d in (1, 2, 3, 4, 7, 10) for x in (1e-6, 0.5, 3.84, 20.0, 300.0)],
        "normal_two_sided": [[z, 2 * stats.norm.sf(abs(z))] for z in (0.0, -0.3, 1.96, 5.0, -12.0)],
        "normal_quantile": [[q, stats.norm.ppf(q)] for q in (1e-12, 0.01, 0.3, 0.5, 0.975, 0.9999)],
    }


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def main():
    rng = np.random.default_rng(11)
    groups = {"delong": list(delong(rng)), "mcnemar": list(mcnemar_cases()), "holm": list(holm_cases(rng)),
              "wilson": list(wilson_cases()), "temperature": list(temperature_cases(rng))}
    parts = [f'"oracle": "scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, statsmodels {statsmodels.__version__}"',
             f'"distributions": {json.dumps(plain(distributions()), separators=(",", ":"))}']
    for name, cases in groups.items():
        lines = ",\n".join(json.dumps(plain(case), separators=(",", ":")) for case in cases)
        parts.append(f'"{name}": [\n{lines}\n]')
    pathlib.Path(__file__).with_name("statistics.json").write_text("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()

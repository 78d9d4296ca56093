"""Writes survival.json: made-up follow-ups and what scikit-survival and lifelines say about them.

    python make_survival_goldens.py       (needs numpy, scikit-survival, lifelines)

Both libraries have to agree on Kaplan-Meier, the log-rank test and (where no two risks are close, yet different) the
concordance index, before the numbers are written.
"""

import json
import pathlib

import lifelines
import numpy as np
import sksurv
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import concordance_index
from sksurv.compare import compare_survival
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.metrics import brier_score, concordance_index_censored, integrated_brier_score
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator
from sksurv.util import Surv


def follow_up(rng, n, risk, decimals, censoring):
    """Exponential times, rounded: 0 decimals tie many."""
    event_time = rng.exponential(12 * np.exp(-risk))
    end = rng.exponential(12 / censoring, n)
    time = np.round(np.minimum(event_time, end) + 10.0**-decimals, decimals)
    event = event_time <= end
    longest = np.argmax(time)  # into the first half, the training part: scikit-survival has no weights beyond it
    time[[0, longest]], event[[0, longest]] = time[[longest, 0]], event[[longest, 0]]
    return time, event


def same(a, b, tolerance=1e-12):
    assert np.allclose(a, b, rtol=0, atol=tolerance), (a, b)
    return a


def concordance(event, time, risk, near_ties):
    index, concordant, discordant, tied_risk, tied_time = concordance_index_censored(event, time, risk, tied_tol=0.0)
    same(index, concordance_index(time, -risk, event))
    if not near_ties:
        same(index, concordance_index_censored(event, time, risk)[0])
    return {"index": index, "concordant": concordant, "discordant": discordant, "tied_risk": tied_risk, "tied_time": tied_time}


def kaplan_meier(event, time, level):
    times, survival, interval = kaplan_meier_estimator(event, time, conf_level=level, conf_type="log-log")
    fitter = lifelines.KaplanMeierFitter(alpha=1 - level).fit(time, event)
    same(survival, fitter.survival_function_at_times(times).to_numpy())
    theirs = fitter.confidence_interval_.loc[times].to_numpy().T
    same(interval, theirs, 1e-10)
    median = fitter.median_survival_time_
    return {"level": level, "time": times, "survival": survival, "lo": interval[0], "hi": interval[1],
            "median": float(median) if np.isfinite(median) else None}


def log_rank(event, time, group):
    statistic, p, table, _ = compare_survival(Surv.from_arrays(event, time), group, return_stats=True)
    theirs = multivariate_logrank_test(time, group, event)
    same(statistic, theirs.test_statistic, 1e-9)
    same(p, theirs.p_value)
    return {"statistic": statistic, "p": p, "expected": table["expected"].to_numpy()}


def breslow(event, time, risk):
    hazard = BreslowEstimator().fit(risk, event, time).cum_baseline_hazard_
    return {"time": hazard.x, "cumulative": hazard.y}


def brier(event, time, risk):
    half = len(time) // 2
    train, test = Surv.from_arrays(event[:half], time[:half]), Surv.from_arrays(event[half:], time[half:])
    last = min(time[:half].max(), time[half:].max())
    grid = np.linspace(time[half:].min(), 0.8 * last, 9)
    # On the grid are times of the cohort too: there > and >= differ.
    grid = np.unique(np.r_[grid, [t for t in time if grid[0] < t < grid[-1]][:3]])
    survival = np.round(np.exp(-np.outer(np.exp(risk[half:]), grid) / 15), 6)
    censoring = CensoringDistributionEstimator().fit(train)
    return {"train": half, "times": grid, "survival": survival.ravel(), "censoring": censoring.predict_proba(grid),
            "scores": brier_score(train, test, survival, grid)[1],
            "integrated": integrated_brier_score(train, test, survival, grid)}


def cases(rng):
    for name, n, decimals, censoring, digits in (("few ties", 60, 2, 0.7, 3), ("many ties", 90, 0, 0.7, 1),
                                                 ("mostly censored", 70, 0, 4.0, 1), ("no censoring", 40, 1, 1e-9, 2)):
        risk = np.round(rng.normal(size=n), digits)
        time, event = follow_up(rng, n, risk, decimals, censoring)
        group = rng.integers(0, 3, n)
        yield {"name": name, "time": time, "event": event.astype(int), "risk": risk, "group": group,
               "concordance": concordance(event, time, risk, False), "kaplan_meier": kaplan_meier(event, time, 0.9),
               "log_rank": log_rank(event, time, group), "log_rank_of_two": log_rank(event, time, (group > 0).astype(int)),
               "breslow": breslow(event, time, risk), "brier": brier(event, time, risk)}


def near_ties(rng):
    """Risks 1e-9 apart: tied for scikit-survival (1e-8), different for lifelines and for plait."""
    risk = 1e-9 * rng.permutation(30)
    time, event = follow_up(rng, 30, risk, 0, 0.5)
    return {"time": time, "event": event.astype(int), "risk": risk, "exact": concordance(event, time, risk, True),
            "scikit_survival": concordance_index_censored(event, time, risk)[0]}


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def main():
    rng = np.random.default_rng(5)
    lines = ",\n".join(json.dumps(plain(case), separators=(",", ":")) for case in cases(rng))
    ties = json.dumps(plain(near_ties(rng)), separators=(",", ":"))
    text = f'{{"oracle": "scikit-survival {sksurv.__version__}, lifelines {lifelines.__version__}",\n"near_ties": {ties},\n"cases": [\n{lines}\n]}}\n'
    pathlib.Path(__file__).with_name("survival.json").write_text(text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Whether `plait explain` ranks the modalities of planted cohorts as their truth files do: trains the hybrid model on generated
cohorts, explains it on another one of the same population, and holds global Shapley values against `planted_order`. Attention is
printed beside them, agreeing or not.

    scripts/explain_planted.py --work DIR [--plait build/release/plait] [--tasks cancer cardiac ...] [--train-seeds 21 22 23]
                               [--test-seed 24] [--by shapley] [--test-patients 20000] [--fusion hybrid] [--set train.epochs=30]...
    scripts/explain_planted.py --work DIR --cohort COHORT --expect image    # any cohort: its first modality, by its own test part

A pair of modalities counts as planted where the 95 % interval of the difference of their Shapley values lies above 0, as
contradicted where it lies below, else it cannot be told. Exit 1 unless every pair of every model counts as planted (with --cohort:
unless Shapley and ablation put the expected one first, its pairs told apart). Both games are
printed, minus the log-loss (shapley) and the AUC (shapley_auc); --by says which decides, by default the log-loss. Standard library only.
"""
import argparse
import json
import sys
from pathlib import Path

import planted


def explained(options, model, cohort, out):
    folder = options.work / out
    if not (folder / "global.json").exists():
        planted.run(options.plait, "explain", model, cohort, "--out", folder, "--no-features")
    return json.loads((folder / "global.json").read_text())


def ordered(report, measure):
    """Modalities, the most important first; empty where the model does not have the measure."""
    values = {name: m[measure]["value"] for name, m in report["modalities"].items()}
    return [] if None in values.values() else sorted(values, key=lambda name: -values[name])


def difference(report, first, second, measure):
    for pair in report["differences"]:
        numbers = pair[measure]
        if (pair["first"], pair["second"]) == (first, second):
            return numbers["value"], numbers["lo"], numbers["hi"]
        if (pair["first"], pair["second"]) == (second, first):
            return -numbers["value"], -numbers["hi"], -numbers["lo"]
    raise KeyError((first, second))


def judge(report, pairs, by):
    good = True
    for measure, name in (("shapley", "log-loss"), ("shapley_auc", "AUC")):
        for first, second in pairs:
            value, low, high = difference(report, first, second, measure)
            verdict = "as planted" if low > 0 else "CONTRADICTED" if high < 0 else "cannot be told"
            good &= low > 0 or measure != by
            print(f"      {name:<8} {first} over {second}: {value:+.4f} [{low:+.4f}, {high:+.4f}]  {verdict}")
    return good


def show(report):
    for name in ordered(report, "shapley_auc"):
        m = report["modalities"][name]
        numbers = [f"{measure} {m[measure]['value']:.4f} [{m[measure]['lo']:.4f}, {m[measure]['hi']:.4f}]"
                   for measure in ("shapley_auc", "shapley", "ablation_auc", "ablation", "attention") if m[measure]["value"] is not None]
        print(f"      {name:<9} " + "  ".join(numbers))


def attention_verdict(report, expected):
    order = ordered(report, "attention")
    if not order:
        return "no attention"
    return f"attention {'agrees' if order == expected else 'DISAGREES'}: {', '.join(order)}"


def one_task(options, task):
    test = planted.cohort(options, task, options.test_patients, options.test_seed)
    order = json.loads((test / "truth.json").read_text())["planted_order"]
    print(f"{task}: planted {', '.join(order)}")
    good = True
    for seed in options.train_seeds:
        train = planted.cohort(options, task, options.patients, seed)
        model = planted.trained(options, options.fusion, train, seed)
        report = explained(options, model, test, f"explained-{model.name}")
        print(f"   seed {seed}: loss {report['loss']['value']:.4f}, of the prior {report['prior_loss']['value']:.4f}; "
              f"{attention_verdict(report, order)}; ablation: {', '.join(ordered(report, 'ablation'))}")
        show(report)
        good &= judge(report, list(zip(order, order[1:])), options.by)
        pairs = {(p["first"], p["second"]): p for p in report["agreement"]}
        print("      patients ranked alike: " + ", ".join(
            f"{a} and {b} {p['same_order'] / report['compared']:.0%} (same first {p['same_first'] / report['compared']:.0%})"
            for (a, b), p in pairs.items()))
        sys.stdout.flush()
    return good


def one_cohort(options):
    """A cohort of its own: the model's test part decides."""
    good = True
    for seed in options.train_seeds:
        sets = [f"model.fusion={options.fusion}", f"train.seed={seed}", *options.sets]
        model = options.work / "-".join(["run", options.cohort.name, *sets]).replace("/", "_")
        if not model.exists():
            planted.run(options.plait, "train", options.cohort, "--out", model,
                        *[word for item in sets for word in ("--set", item)])
        report = explained(options, model, options.cohort, f"explained-{model.name}")
        firsts = {measure: (ordered(report, measure) or ["none"])[0] for measure in ("shapley", "shapley_auc", "ablation", "ablation_auc", "attention")}
        print(f"{options.cohort.name}, {options.fusion}, seed {seed}, {report['n']} objects: "
              + ", ".join(f"{measure} names {name}" for measure, name in firsts.items()))
        show(report)
        others = [name for name in report["modalities"] if name != options.expect]
        good &= firsts["shapley"] == options.expect == firsts["ablation"]
        good &= judge(report, [(options.expect, name) for name in others], options.by)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for cohorts and runs, which are kept and used again")
    parser.add_argument("--plait", type=Path, default=Path(__file__).resolve().parent.parent / "build/release/plait")
    parser.add_argument("--tasks", nargs="+", choices=planted.TASKS, default=planted.TASKS)
    parser.add_argument("--train-seeds", nargs="+", type=int, default=[21, 22, 23])
    parser.add_argument("--test-seed", type=int, default=24)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--test-patients", type=int, default=20000)
    parser.add_argument("--by", choices=["shapley", "shapley_auc"], default="shapley", help="the game that decides")
    parser.add_argument("--fusion", default="hybrid")
    parser.add_argument("--cohort", type=Path, help="in place of planted tasks")
    parser.add_argument("--expect", help="with --cohort: the modality that has to come first")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    options = parser.parse_args()
    if options.test_seed in options.train_seeds:
        parser.error("--test-seed is one of --train-seeds: the test patients would be those trained on")
    if (options.cohort is None) != (options.expect is None):
        parser.error("--cohort and --expect belong together")
    options.work.mkdir(parents=True, exist_ok=True)
    if options.cohort is not None:
        return 0 if one_cohort(options) else 1
    return 0 if all([one_task(options, task) for task in options.tasks]) else 1


if __name__ == "__main__":
    sys.exit(main())

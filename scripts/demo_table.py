#!/usr/bin/env python3
"""One readable table from `plait evaluate --json`: the untouched test part with everything, and with each modality
removed.  demo_table.py PLAIT RUN COHORT"""
import json
import subprocess
import sys

SHOWN = ["auc", "auc_macro", "accuracy", "balanced_accuracy", "f1", "f1_macro", "log_loss"]


def evaluate(plait, run, cohort, without=None):
    command = [plait, "evaluate", run, cohort, "--json"] + (["--without", without] if without else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def cell(metric):
    if metric["value"] is None:
        return "not defined"
    text = f"{metric['value']:.3f}"
    return text if metric["lo"] is None else f"{text} [{metric['lo']:.3f}, {metric['hi']:.3f}]"


def main():
    plait, run, cohort = sys.argv[1:4]
    everything = evaluate(plait, run, cohort)
    modalities = list(everything["attention"])
    results = {"everything": everything} | {f"without {m}": evaluate(plait, run, cohort, m) for m in modalities}
    names = [name for name in SHOWN if name in everything["metrics"]]
    rows = [["test part", *names]] + [[title, *(cell(result["metrics"][name]) for name in names)]
                                      for title, result in results.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(f"\n{everything['n']} untouched patients; value [95 % bootstrap interval]")
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    print("  mean attention: " + ", ".join(f"{m} {weight:.3f}" for m, weight in everything["attention"].items()))
    if everything["abstained"]:
        print(f"  abstained on {everything['abstained']} (no modality: answered with the training prior)")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Prints ours against each rival from the JSON that the benchmark programs write.

    gemm_bench --threads=1 --benchmark_out=gemm.json
    ratios.py gemm.json [more.json ...]

A line is one shape: median time of ours, the rival's median over ours (above 1: ours is faster), share of the roofline.
Reading the repetitions themselves is preferred (--benchmark_report_aggregates_only=false); their minima are printed too.
"""
import json
import re
import statistics
import sys

UNITS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}  # to microseconds


def read(path):
    """{name: {"times": [us], "median": us, "roofline": share}} of one file."""
    runs = {}
    with open(path) as file:
        for entry in json.load(file)["benchmarks"]:
            name = re.sub(r"/(real_time|repeats:\d+)", "", entry["run_name"])
            run = runs.setdefault(name, {"times": [], "median": None, "roofline": None})
            time = entry["real_time"] * UNITS[entry["time_unit"]]
            if entry.get("aggregate_name") == "median":
                run["median"], run["roofline"] = time, entry.get("of_roofline")
            elif "aggregate_name" not in entry:
                run["times"].append(time)
                run["roofline"] = max(run["roofline"] or 0, entry.get("of_roofline", 0))
    for run in runs.values():
        if run["median"] is None:
            run["median"] = statistics.median(run["times"])
    return runs


def main(paths):
    if not paths:
        sys.exit(__doc__)
    print(f"{'benchmark':52} {'ours us':>10} {'roofline':>8}   rival's time / ours: median (best)")
    for path in paths:
        runs = read(path)
        for name, ours in runs.items():
            rivals = [(other[len(name) + 1:], run) for other, run in runs.items() if other.startswith(name + "/")]
            if name.count("/") > 2:
                continue
            text = []
            for rival, theirs in rivals:
                best = f" ({min(theirs['times']) / min(ours['times']):.2f})" if ours["times"] else ""
                text.append(f"{rival} {theirs['median'] / ours['median']:.2f}{best}")
            print(f"{name:52} {ours['median']:10.1f} {ours['roofline'] or 0:8.2f}   {', '.join(text)}")


if __name__ == "__main__":
    main(sys.argv[1:])

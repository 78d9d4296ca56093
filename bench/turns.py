"""Contenders take turns: ours, theirs, theirs, ours. Rows of the result files that the GPU's benchmarks write."""

import json
import statistics
import subprocess


class Program:
    """One of ours, alive for the whole comparison: a line asks, a line of JSON answers."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def summary(microseconds):
    return {"us": statistics.median(microseconds), "p10": percentile(microseconds, 0.1), "p90": percentile(microseconds, 0.9)}


def take_turns(ours, theirs, rounds):
    """ours: a function without arguments that gives microseconds, or None; theirs: {name: such a function}.

    Returns the part of a row that holds times: ours_us, p10, p90, theirs, ratio (against the fastest of theirs).
    """
    our_times, their_times = [], {name: [] for name in theirs}
    ratios = {name: [] for name in theirs}
    for _ in range(rounds):
        first = ours() if ours else None
        sums = dict.fromkeys(theirs, 0.0)
        for name in [*theirs, *reversed(theirs)]:
            time = theirs[name]()
            their_times[name].append(time)
            sums[name] += time
        if ours:
            last = ours()
            our_times += [first, last]
            for name in theirs:
                ratios[name].append(sums[name] / (first + last))
    row = {"ours_us": None, "p10": None, "p90": None, "theirs": {}, "ratio": None, "rounds": rounds}
    if ours:
        times = summary(our_times)
        row |= {"ours_us": times["us"], "p10": times["p10"], "p90": times["p90"]}
    for name, times in their_times.items():
        row["theirs"][name] = summary(times)
        if ours:
            row["theirs"][name]["ratio"] = statistics.median(ratios[name])
    if ours and theirs:
        row["ratio"] = min(one["ratio"] for one in row["theirs"].values())
    return row


def brief(row):
    """One line for people."""
    name = row["name"]
    if row["status"] != "ok":
        return f"{name:58} {row['status']:8} {row.get('reason', '')}"
    ours = f"{row['ours_us']:10.2f} us [{row['p10']:.2f} {row['p90']:.2f}]" if row["ours_us"] else f"{'-':>10}"
    theirs = "  ".join(
        f"{rival} {one['ratio']:.2f}" if "ratio" in one else f"{rival} {one['us']:.2f} us"
        for rival, one in row["theirs"].items()
    )
    return f"{name:58} {ours}  {theirs}"


def write(row, path):
    """Prints the row and appends it, at once, to the result file where there is one."""
    print(brief(row), flush=True)
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

#!/usr/bin/env python3
"""Makes the short tables of bench/README.md from result files of scripts/gpu_check.sh.

    bench/gpu/table.py [FILE...]     prints them; without files: every bench/results/*.jsonl
    bench/gpu/table.py --update      puts them between the marks in bench/README.md

Ratios come first; above 1 plait is faster. Losses stand there as plainly as wins, and what has no row is "not measured".
A name that was measured more than once counts with its last row.
"""

import json
import math
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- made by bench/gpu/table.py -->", "<!-- end -->"


def read(paths):
    """{device: rows}, the last row of a name and section winning; rows without a device note go to "unknown"."""
    devices = {}
    for path in paths:
        device = "unknown"
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut off while it was written
            if row.get("device") == "executor":
                continue  # the CPU's clock
            if row.get("section") == "device":
                device = row["name"]
                devices.setdefault(device, {})[("device", row.get("when"))] = row
            elif "same_bits_calls" in row:
                devices.setdefault(device, {})[("same_bits", row["name"])] = row
            else:
                devices.setdefault(device, {})[(row.get("section"), row["name"])] = row
    return {device: list(rows.values()) for device, rows in devices.items()}


def chosen(rows, section, pattern):
    return [
        row
        for row in rows
        if row.get("section") == section
        and row["status"] == "ok"
        and "same_bits_calls" not in row
        and re.search(pattern, row["name"])
    ]


def ratios(section, pattern, rival):
    """Of a goal: the ratios against one rival."""

    def values(rows):
        found = (row.get("theirs", {}).get(rival, {}).get("ratio") for row in chosen(rows, section, pattern))
        return [ratio for ratio in found if ratio]

    return values


def shares(section, pattern):
    return lambda rows: [r["share_of_ceiling"] for r in chosen(rows, section, pattern) if r.get("share_of_ceiling")]


def microseconds(section, pattern):
    return lambda rows: [r["ours_us"] for r in chosen(rows, section, pattern) if r.get("ours_us")]


def nothing(_rows):
    return []


# id, what, against, goal, stretch, values: those of gpu.md section 2.
GOALS = [
    ("G1", "bf16 product 4096, 8192 (NT, NN, TN)", "cuBLASLt, best of 8", "0.97", "1.02",
     ratios("gemm", "^gemm_../bf16/", "cublaslt_best")),
    ("G2", "product + bias + ReLU, or behind it the gradient's mask", "cuBLASLt epilogue, best of 8", "1.00", "1.05",
     ratios("dense", "", "cublaslt_best")),
    ("G3", "genomics and wide tables, geometric mean", "cuBLASLt default", "1.25", "1.4",
     ratios("gemm", r"^dense_.*(20000|2000|1000)", "cublaslt_default")),
    ("G3", "the same", "cuBLASLt, best of 8", "1.0", "1.4",
     ratios("gemm", r"^dense_.*(20000|2000|1000)", "cublaslt_best")),
    ("G4", "tf32 product", "cuBLASLt, best of 8", "0.92", "1.0", ratios("gemm", "^gemm_../tf32/", "cublaslt_best")),
    ("G4", "fp32 product", "cuBLASLt, best of 8", "0.95", "1.05", ratios("gemm", "^gemm_../fp32/", "cublaslt_best")),
    ("C1", "3x3 convolution with bias and ReLU", "cuDNN, NHWC, best of 8", "0.90", "1.1",
     ratios("conv2d", "^conv2d_bias_relu/", "cudnn_best")),
    ("C1", "its input and weight gradients, deterministic", "cuDNN, NHWC, best of 8", "0.85", "1.0",
     ratios("conv2d", "^conv2d_(input|weight)_gradient/", "cudnn_best")),
    ("C2", "convolution + bias + ReLU + pool in one kernel", "PyTorch channels_last, eager", "1.5", "3",
     ratios("pytorch", "^conv2d_stem", "pytorch_eager")),
    ("C2", "the same", "PyTorch channels_last, compile", "1.1", "1.5",
     ratios("pytorch", "^conv2d_stem", "pytorch_compile")),
    ("M1", "attention fusion, B = 65,536, d = 512, M = 3", "share of the copy's bandwidth", "0.92", "0.97",
     shares("fusion", "^attention_fusion_(forward|backward)/.*/65536x")),
    ("M1", "the same", "PyTorch eager", "3", "6", ratios("pytorch", "^attention_fusion.*/65536x", "pytorch_eager")),
    ("M1", "the same", "PyTorch compile", "1.2", "1.5",
     ratios("pytorch", "^attention_fusion.*/65536x", "pytorch_compile")),
    ("M1", "the same, forward", "Triton", "", "", ratios("pytorch", "^attention_fusion.*/65536x", "triton")),
    ("M2", "AdamW over flat buffers", "share of the copy's bandwidth", "0.93", "0.97", shares("optimizer", "")),
    ("M2", "the same", "PyTorch fused", "1.1", "", ratios("pytorch", "^adamw", "pytorch_fused")),
    ("M3", "losses, value and gradient in one pass", "share of the copy's bandwidth", "0.90", "0.95",
     shares("losses", "")),
    ("M3", "max-pooling, forward and backward", "share of the copy's bandwidth", "0.90", "0.95", shares("pooling", "")),
    ("M3", "bias gradient, sums, L2; rows gathered, gated, dropped", "share of the copy's bandwidth", "0.90", "0.95",
     lambda rows: shares("reductions", "")(rows) + shares("rows", "")(rows)),
    ("M5", "weight gradient + Adam fused", "one after the other", "1.2", "1.3", nothing),
    ("L1", "training step, B = 32", "PyTorch eager, fused Adam", "10", "20",
     ratios("step", "^train_step/.*/B32$", "pytorch_eager")),
    ("L1", "training step, B = 256", "PyTorch eager, fused Adam", "5", "10",
     ratios("step", "^train_step/.*/B256$", "pytorch_eager")),
    ("L2", "training step", "torch.compile, reduce-overhead", "2", "4", ratios("step", "^train_step/", "pytorch_compile")),
    ("L2", "training step", "compiled, the whole step one CUDA graph", "2", "4",
     ratios("step", "^train_step/", "pytorch_graph")),
    ("L5", "EHR-only step, 3 layers of 128, B = 256", "microseconds", "25", "12",
     microseconds("step", "^train_step_table/.*/B256$")),
]  # fmt: skip


def measured(values):
    if not values:
        return "not measured"
    mean = math.exp(sum(map(math.log, values)) / len(values))
    if len(values) == 1:
        return f"**{mean:.2f}**"
    return f"**{mean:.2f}** ({min(values):.2f} to {max(values):.2f}, {len(values)} rows)"


def goals_table(rows):
    lines = ["| | what | against | goal | stretch | measured |", "|---|---|---|---|---|---|"]
    for goal, what, against, aim, stretch, values in GOALS:
        lines.append(f"| {goal} | {what} | {against} | {aim} | {stretch} | {measured(values(rows))} |")
    return lines


def details_table(rows):
    lines = ["| operation | theirs / ours | of the ceiling | microseconds |", "|---|---|---|---|"]
    for row in rows:
        if row.get("section") in ("run", "device", None) or "same_bits_calls" in row:
            continue
        if row["status"] == "skipped":
            continue
        if row["status"] != "ok":
            lines.append(f"| {row['name']} | **{row['status']}** | | {row.get('reason', '')} |")
            continue
        against = ", ".join(
            f"{rival} {one['ratio']:.2f}" if one.get("ratio") else f"{rival} {one['us']:.1f} us"
            for rival, one in row.get("theirs", {}).items()
            if one.get("us")
        )
        share = f"{row['share_of_ceiling']:.2f}" if row.get("share_of_ceiling") else ""
        ours = f"{row['ours_us']:.1f} [{row['p10']:.1f} {row['p90']:.1f}]" if row.get("ours_us") else "-"
        lines.append(f"| {row['name']} | {against} | {share} | {ours} |")
    return lines


def runs_line(rows):
    runs = [row for row in rows if row.get("section") == "run"]
    if not runs:
        return []
    return ["Sections: " + ", ".join(f"{row['name']} {row['status']}" for row in runs) + ".", ""]


def tables(paths):
    devices = read(paths)
    measured_somewhere = {
        device: rows for device, rows in devices.items() if any(row.get("ours_us") or row.get("theirs") for row in rows)
    }
    lines = []
    if not measured_somewhere:
        lines += ["Not measured on a GPU.", "", *goals_table([])]
    for device, rows in measured_somewhere.items():
        facts = next((row for row in rows if row.get("section") == "device"), {})
        lines += [f"### {device}", ""]
        if facts:
            lines += [f"{facts.get('date', '')}, commit {facts.get('commit', '')[:10]}: {facts.get('facts', '')}.", ""]
        lines += runs_line(rows) + goals_table(rows) + ["", *details_table(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments):
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return
    update = "--update" in arguments
    files = [a for a in arguments if a != "--update"] or sorted((HERE.parent / "results").glob("*.jsonl"))
    text = tables(files)
    if not update:
        print(text, end="")
        return
    readme = README.read_text(encoding="utf-8")
    begin, end = readme.index(BEGIN) + len(BEGIN), readme.index(END)
    README.write_text(readme[:begin] + "\n" + text + readme[end:], encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

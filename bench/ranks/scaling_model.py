#!/usr/bin/env python3
"""PREDICTS how training would scale, from a measured step and textbook costs of a network; nothing here is a measurement of many
ranks. Writes a table and a picture:

    bench/ranks/scaling_model.py --step-ms 9.1 --batch 64 --parameters 676585 --step-is "measured on one CPU core" [--hidden 0.7]
                                 [--out bench/results/scaling-cpu]

--step-ms and --batch: a step of one rank and its batch; --step-is: where it was measured, or that it was assumed; --parameters: of
the model (fp32 gradients).

Costs of summing N bytes over R ranks, g of them on one machine (alpha: latency of a message, beta: seconds a byte):
  ring          2 (R-1) alpha + 2 (R-1)/R N beta                 (Patarasuk, Yuan 2009)
  tree          2 log2(R) alpha + 2 N beta                        (pipelined double binary tree; Sanders et al. 2009)
  hierarchical  a ring inside the machine, a ring between machines of N/g bytes, which all its ranks share
Links (vendors' figures, each direction and rank): NVLink 4 450 GB/s, 3 us; InfiniBand NDR 50 GB/s, 5 us; 25 Gbit/s Ethernet
3.1 GB/s, 30 us. A share --hidden of backward, two thirds of the step, hides communication. Weak scaling keeps a rank's batch;
strong scaling the global one, whose parts take time in proportion down to --least-ms a step. Standard library only.
"""
import argparse
import math
import sys
from pathlib import Path

LINKS = {"NVLink in, InfiniBand out": ((3e-6, 1 / 450e9), (5e-6, 1 / 50e9)), "InfiniBand": ((5e-6, 1 / 50e9),) * 2,
         "Ethernet": ((30e-6, 1 / 3.1e9),) * 2}
RANKS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
ON_ONE_MACHINE = 8


def ring(size, ranks, link):
    alpha, beta = link
    return 0.0 if ranks == 1 else 2 * (ranks - 1) * alpha + 2 * (ranks - 1) / ranks * size * beta


def tree(size, ranks, link):
    alpha, beta = link
    return 0.0 if ranks == 1 else 2 * math.log2(ranks) * alpha + 2 * size * beta


def hierarchical(size, ranks, inside, outside):
    near = min(ranks, ON_ONE_MACHINE)
    return ring(size, near, inside) + min(ring(size / near, ranks // near, outside), tree(size / near, ranks // near, outside))


def sum_time(size, ranks, links):
    inside, outside = links
    flat = inside if ranks <= ON_ONE_MACHINE else outside
    return min(ring(size, ranks, flat), tree(size, ranks, flat), hierarchical(size, ranks, inside, outside))


def step_time(compute, size, ranks, links, hidden):
    """Seconds: what is computed, and what of the sum backward does not hide."""
    return compute + max(0.0, sum_time(size, ranks, links) - hidden * compute * 2 / 3)


def predict(options):
    size, compute = options.parameters * 4, options.step_ms / 1e3
    weak, strong = {}, {}
    for name, links in LINKS.items():
        weak[name] = [ranks * compute / step_time(compute, size, ranks, links, options.hidden) for ranks in RANKS]
        strong[name] = []
        for ranks in RANKS:
            part = max(compute / ranks, min(compute, options.least_ms / 1e3))
            strong[name].append(compute / step_time(part, size, ranks, links, options.hidden))
    return weak, strong


def hiding_batch(options, ranks, links):
    """The least batch a rank whose backward hides the sum."""
    needed = sum_time(options.parameters * 4, ranks, links) / (options.hidden * 2 / 3)
    return math.ceil(options.batch * needed / (options.step_ms / 1e3))


def table(options, weak, strong):
    lines = [f"**Prediction, not measured.** One rank's step: {options.step_ms} ms at batch {options.batch}, {options.step_is}; "
             f"{options.parameters:,} parameters in fp32; {options.hidden:.0%} of backward assumed to hide communication. Speed in "
             "multiples of one rank's.", ""]
    for title, values in (("Weak scaling: every rank keeps its batch", weak), ("Strong scaling: one batch shared out", strong)):
        lines += [f"| {title} | " + " | ".join(map(str, RANKS)) + " |", "|---" * (len(RANKS) + 1) + "|"]
        lines += [f"| {name} | " + " | ".join(f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in row) + " |" for name, row in values.items()] + [""]
    lines += ["| Least batch a rank that hides the sum | " + " | ".join(map(str, RANKS[1:])) + " |", "|---" * len(RANKS) + "|"]
    lines += [f"| {name} | " + " | ".join(str(hiding_batch(options, ranks, links)) for ranks in RANKS[1:]) + " |" for name, links in LINKS.items()]
    return "\n".join(lines) + "\n"


def picture(options, weak, strong):
    """Both scalings on logarithmic axes; dashed: strong, dotted grey: ideal."""
    width, height, left, bottom, most = 640, 420, 60, 50, math.log2(RANKS[-1])
    x = lambda ranks: left + math.log2(ranks) / most * (width - left - 190)
    y = lambda value: height - bottom - max(0.0, math.log2(max(value, 1e-9))) / most * (height - bottom - 56)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{left}" y="22" font-size="14">Predicted speed over one rank (a model, not a measurement)</text>',
             f'<text x="{left}" y="38" fill="#777">one rank: {options.step_ms} ms a step of {options.batch}, {options.step_is}</text>']
    for ranks in RANKS[::2]:
        parts += [f'<text x="{x(ranks):.1f}" y="{height - bottom + 18}" text-anchor="middle">{ranks}</text>',
                  f'<text x="{left - 8}" y="{y(ranks) + 4:.1f}" text-anchor="end">{ranks}</text>',
                  f'<line x1="{left}" x2="{x(RANKS[-1]):.1f}" y1="{y(ranks):.1f}" y2="{y(ranks):.1f}" stroke="#ddd"/>']
    parts.append(f'<text x="{x(32):.1f}" y="{height - 12}" text-anchor="middle">ranks</text>')
    line = lambda values, style: parts.append('<polyline fill="none" ' + style + ' points="' + " ".join(
        f"{x(r):.1f},{y(v):.1f}" for r, v in zip(RANKS, values)) + '"/>')
    line(RANKS, 'stroke="#999" stroke-dasharray="2 3"')
    for i, (name, color) in enumerate(zip(LINKS, ("#0b6e4f", "#1f5fa8", "#b4451f"))):
        line(weak[name], f'stroke="{color}" stroke-width="2"')
        line(strong[name], f'stroke="{color}" stroke-width="2" stroke-dasharray="6 4"')
        parts.append(f'<text x="{width - 182}" y="{60 + 18 * i}" fill="{color}">{name}</text>')
    parts += [f'<text x="{width - 182}" y="120">solid: weak scaling</text>', f'<text x="{width - 182}" y="138">dashed: strong scaling</text>',
              f'<text x="{width - 182}" y="156" fill="#777">dotted: ideal</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step-ms", type=float, required=True)
    parser.add_argument("--step-is", required=True, help='"measured on ..." or "assumed"')
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--parameters", type=int, required=True)
    parser.add_argument("--hidden", type=float, default=0.7)
    parser.add_argument("--least-ms", type=float, default=0.3, help="no step is shorter, however few patients (default 0.3)")
    parser.add_argument("--out", type=Path, help="writes OUT.md and OUT.svg; without it the table is printed")
    options = parser.parse_args()
    weak, strong = predict(options)
    if options.out:
        options.out.with_suffix(".md").write_text(table(options, weak, strong))
        options.out.with_suffix(".svg").write_text(picture(options, weak, strong))
    else:
        print(table(options, weak, strong), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

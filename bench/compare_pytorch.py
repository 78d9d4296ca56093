#!/usr/bin/env python3
"""Times the training step of bench/step_workload.h against the same model in PyTorch, in turns.

    python3 bench/compare_pytorch.py build/bench/step_rounds [--batch 64 256] [--threads 1 2] [--rounds 20] [--compile]

Both sides do the whole step: three encoders, corruption, modality dropout, masked attention and concatenation, head,
cross-entropy, alignment, reconstruction, L2, backward, Adam. PyTorch's side is idiomatic eager code: convolutions in
channels_last, fused Adam, L2 as coupled weight decay (cheaper than a term of the loss). One round is ours, theirs,
theirs, ours; other work on the machine so disturbs both alike. Printed: medians and 10th and 90th percentiles of the
time of a step, and the median over rounds of theirs / ours.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

EMBED, GENES, CELLS, IMAGE = 64, 1000, 32, 28
KEEP, CORRUPTION, RECONSTRUCTION, ALIGNMENT, L2 = 0.8, 0.2, 0.1, 0.01, 1e-4


class Hybrid(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Sequential(nn.Linear(CELLS, 128), nn.ReLU(), nn.Linear(128, EMBED), nn.ReLU())
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.image = nn.Sequential(nn.Linear(32 * (IMAGE // 4) ** 2, EMBED), nn.ReLU())
        self.expression = nn.Sequential(nn.Linear(GENES, 256), nn.ReLU(), nn.Linear(256, EMBED), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(EMBED, 256), nn.ReLU(), nn.Linear(256, GENES))
        self.attention = nn.Parameter(torch.zeros(EMBED))
        self.fusion = nn.Sequential(nn.Linear(3 * EMBED, EMBED), nn.ReLU())
        self.head = nn.Linear(2 * EMBED, 1)

    def encode(self, table, image, expression):
        maps = self.convolutions(image)  # in channels_last the flattening to h, w, c copies nothing
        return torch.stack(
            [self.table(table), self.image(maps.permute(0, 2, 3, 1).flatten(1)), self.expression(expression)], dim=1
        )

    def fuse(self, z, present):
        scores = (torch.tanh(z) @ self.attention).masked_fill(~present, -torch.inf)
        attended = (torch.softmax(scores, dim=1).unsqueeze(2) * z).sum(dim=1)
        scale = present * (3.0 / present.sum(dim=1, keepdim=True))
        return self.head(torch.cat([attended, self.fusion((z * scale.unsqueeze(2)).flatten(1))], dim=1))

    def forward(self, table, image, expression, available):
        return self.fuse(self.encode(table, image, expression), available)

    def loss(self, table, image, expression, available, targets):
        corrupted = expression * (torch.rand_like(expression) >= CORRUPTION)
        z = self.encode(table, image, corrupted)

        draws = torch.rand(available.shape)
        present = available & (draws < KEEP)
        rescued = F.one_hot((draws * available).argmax(dim=1), 3).bool()
        present = torch.where(present.any(dim=1, keepdim=True), present, rescued)
        task = F.binary_cross_entropy_with_logits(self.fuse(z, present).squeeze(1), targets)

        first, second = z[:, [0, 0, 1]], z[:, [1, 2, 2]]
        both = available[:, [0, 0, 1]] & available[:, [1, 2, 2]]
        k = available.sum(dim=1)
        pairs = (((first - second) ** 2).sum(dim=2) * both).sum(dim=1) * 2.0
        align = (pairs / (k * (k - 1) * EMBED).clamp(min=1)).mean()

        squares = ((self.decoder(z[:, 2]) - expression) ** 2).mean(dim=1)
        reconstruction = (squares * available[:, 2]).mean()
        return task + ALIGNMENT * align + RECONSTRUCTION * reconstruction


class Theirs:
    def __init__(self, batch, compiled):
        torch.manual_seed(1)
        self.model = Hybrid().to(memory_format=torch.channels_last)
        self.parameters = sum(p.numel() for p in self.model.parameters())
        weights = [p for name, p in self.model.named_parameters() if not name.endswith("bias")]
        biases = [p for name, p in self.model.named_parameters() if name.endswith("bias")]
        self.optimizer = torch.optim.Adam(
            [{"params": weights, "weight_decay": 2 * L2}, {"params": biases}], lr=1e-4, fused=True
        )
        self.batches = [self.draw(batch) for _ in range(8)]
        self.loss = torch.compile(self.model.loss) if compiled else self.model.loss
        self.forward = torch.compile(self.model) if compiled else self.model
        self.turn = 0

    @staticmethod
    def draw(batch):
        available = torch.rand(batch, 3) < 0.8
        available[~available.any(dim=1), 0] = True
        image = torch.randn(batch, 1, IMAGE, IMAGE).to(memory_format=torch.channels_last)
        table, expression = torch.randn(batch, CELLS), torch.randn(batch, GENES)
        return table, image, expression, available, (torch.rand(batch) < 0.5).float()

    def train(self, batch):
        loss = self.loss(*batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def infer(self, batch):
        with torch.inference_mode():
            return self.forward(*batch[:4])

    def seconds(self, what, steps):
        step = self.train if what == "train" else self.infer
        start = time.perf_counter()
        for _ in range(steps):
            step(self.batches[self.turn % len(self.batches)])
            self.turn += 1
        return time.perf_counter() - start


class Ours:
    def __init__(self, program, batch, threads):
        self.process = subprocess.Popen(
            [program, str(batch), str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        facts = json.loads(self.process.stdout.readline())
        self.parameters = facts["parameters"]
        assert facts["threads"] == threads

    def seconds(self, what, steps):
        self.process.stdin.write(f"{what} {steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def compare(what, ours, theirs, rounds, seconds_a_turn):
    for side in (ours, theirs):
        side.seconds(what, 10)  # warm-up
    steps = max(3, int(seconds_a_turn / (theirs.seconds(what, 5) / 5)))
    times = {"ours": [], "theirs": []}
    ratios = []
    for _ in range(rounds):
        turns = [side.seconds(what, steps) / steps for side in (ours, theirs, theirs, ours)]
        times["ours"] += [turns[0], turns[3]]
        times["theirs"] += [turns[1], turns[2]]
        ratios.append((turns[1] + turns[2]) / (turns[0] + turns[3]))
    row = {"what": what, "steps_a_turn": steps, "rounds": rounds, "ratio": statistics.median(ratios)}
    row |= {"ratio_p10": percentile(ratios, 0.1), "ratio_p90": percentile(ratios, 0.9)}
    for side, values in times.items():
        row[side] = {
            "median_ms": 1e3 * statistics.median(values),
            "p10_ms": 1e3 * percentile(values, 0.1),
            "p90_ms": 1e3 * percentile(values, 0.9),
        }
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="build/bench/step_rounds")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--turn", type=float, default=0.2, help="seconds a turn")
    parser.add_argument("--compile", action="store_true", help="torch.compile on their side")
    parser.add_argument("--json", help="also append every result to this file, one object a line")
    arguments = parser.parse_args()
    print(f"PyTorch {torch.__version__}, {'compiled' if arguments.compile else 'eager'}; ms a step: median [p10 p90]")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for batch in arguments.batch:
            ours, theirs = Ours(arguments.program, batch, threads), Theirs(batch, arguments.compile)
            if ours.parameters != theirs.parameters:
                sys.exit(f"the models differ: {ours.parameters} parameters against {theirs.parameters}")
            for what in ("train", "infer"):
                row = compare(what, ours, theirs, arguments.rounds, arguments.turn)
                row |= {"batch": batch, "threads": threads, "compiled": arguments.compile}
                row |= {"torch": torch.__version__, "parameters": ours.parameters}
                sides = "   ".join(
                    f"{side} {row[side]['median_ms']:7.3f} [{row[side]['p10_ms']:.3f} {row[side]['p90_ms']:.3f}]"
                    for side in ("ours", "theirs")
                )
                print(
                    f"{what:5} batch {batch:4} threads {threads}:  {sides}   theirs / ours "
                    f"{row['ratio']:.2f} [{row['ratio_p10']:.2f} {row['ratio_p90']:.2f}]",
                    flush=True,
                )
                if arguments.json:
                    with open(arguments.json, "a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
            ours.close()


if __name__ == "__main__":
    main()

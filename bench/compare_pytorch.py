#!/usr/bin/env python3
"""Times the training step of bench/step_workload.h against the same model in PyTorch, in turns.

    python3 bench/compare_pytorch.py build/release/bench/step_rounds [--batch 64 256] [--threads 1 2] [--compile]
    python3 bench/compare_pytorch.py build/gpu/bench/gpu/step_rounds_gpu --device cuda [--batch 32 256] [--precision bf16]
                                     [--model table]

Both sides do the whole step of the model (table: three dense layers of 128, head, cross-entropy, L2, Adam), for hybrid: three encoders, corruption, modality dropout, masked attention and concatenation, head,
cross-entropy, alignment, reconstruction, L2, backward, Adam; the data are where the model is. PyTorch's side is
idiomatic: convolutions in channels_last, fused Adam, L2 as coupled weight decay (cheaper than a term of the loss). On a
GPU it takes part three times: eager; torch.compile with mode reduce-overhead, which replays CUDA graphs; and compiled
code whose whole step, optimizer included, is one CUDA graph. One round is ours, theirs, theirs, ours; other work on the
machine so disturbs all alike. Printed: the median time of a step with 10th and 90th percentile, and the median over
rounds of theirs / ours.
"""

import argparse
import sys
import time

from turns import Program, take_turns, write

EMBED, GENES, CELLS, IMAGE, TABLE = 64, 1000, 32, 28, 128
KEEP, CORRUPTION, RECONSTRUCTION, ALIGNMENT, L2 = 0.8, 0.2, 0.1, 0.01, 1e-4

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    print("SKIPPED: PyTorch is not installed for this python3")
    sys.exit(0)


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

        draws = torch.rand(available.shape, device=available.device)
        present = available & (draws < KEEP)
        rescued = (draws * available).argmax(dim=1, keepdim=True) == torch.arange(3, device=available.device)
        present = torch.where(present.any(dim=1, keepdim=True), present, rescued)
        task = F.binary_cross_entropy_with_logits(self.fuse(z, present).squeeze(1).float(), targets)

        first, second = z[:, [0, 0, 1]], z[:, [1, 2, 2]]
        both = available[:, [0, 0, 1]] & available[:, [1, 2, 2]]
        k = available.sum(dim=1)
        pairs = (((first - second) ** 2).sum(dim=2) * both).sum(dim=1) * 2.0
        align = (pairs / (k * (k - 1) * EMBED).clamp(min=1)).mean()

        squares = ((self.decoder(z[:, 2]) - expression) ** 2).mean(dim=1)
        reconstruction = (squares * available[:, 2]).mean()
        return task + ALIGNMENT * align + RECONSTRUCTION * reconstruction


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [layer for _ in range(3) for layer in (nn.Linear(TABLE, TABLE), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(TABLE, 1))

    def forward(self, table, image, expression, available):
        return self.layers(table)

    def loss(self, table, image, expression, available, targets):
        return F.binary_cross_entropy_with_logits(self.layers(table).squeeze(1).float(), targets)


class Theirs:
    """kind: eager, compile (on a GPU: with CUDA graphs) or graph (a GPU's whole step)."""

    def __init__(self, batch, kind, device, precision, model):
        torch.manual_seed(1)
        self.device, self.precision, self.kind = device, precision, kind
        self.cells = TABLE if model == "table" else CELLS
        module = Table() if model == "table" else Hybrid()
        self.model = module.to(device, memory_format=torch.channels_last)
        self.parameters = sum(p.numel() for p in self.model.parameters())
        weights = [p for name, p in self.model.named_parameters() if not name.endswith("bias")]
        biases = [p for name, p in self.model.named_parameters() if name.endswith("bias")]
        self.optimizer = torch.optim.Adam(
            [{"params": weights, "weight_decay": 2 * L2}, {"params": biases}],
            lr=1e-4, fused=True, capturable=kind == "graph",
        )  # fmt: skip
        self.batches = [self.draw(batch) for _ in range(8)]
        mode = "reduce-overhead" if device == "cuda" and kind == "compile" else None
        compiled = kind != "eager"
        self.loss = torch.compile(self.model.loss, mode=mode) if compiled else self.model.loss
        self.forward = torch.compile(self.model, mode=mode) if compiled else self.model
        self.turn = 0
        self.steps = {}  # made when they are asked for: compiling takes its time

    def draw(self, batch):
        available = torch.rand(batch, 3) < 0.8
        available[~available.any(dim=1), 0] = True
        image = torch.randn(batch, 1, IMAGE, IMAGE).to(memory_format=torch.channels_last)
        table, expression = torch.randn(batch, self.cells), torch.randn(batch, GENES)
        drawn = table, image, expression, available, (torch.rand(batch) < 0.5).float()
        return tuple(tensor.to(self.device) for tensor in drawn)

    def train(self, batch):
        if self.kind == "compile" and self.device == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.loss(*batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.device == "cpu":
            loss.item()

    def infer(self, batch):
        with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.forward(*batch[:4])

    def call(self, what, batch):
        """A function that does one step on one batch."""
        step = self.train if what == "train" else self.infer
        if self.kind != "graph":
            return lambda: step(batch)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(batch)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(batch)
        return graph.replay

    def seconds(self, what, steps):
        if what not in self.steps:
            self.steps[what] = [self.call(what, batch) for batch in self.batches]
        calls = self.steps[what]
        if self.device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            calls[self.turn % len(calls)]()
            self.turn += 1
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


class Ours:
    def __init__(self, command):
        self.program = Program(command)
        facts = self.program.answer()
        self.parameters = facts["parameters"]

    def seconds(self, what, steps):
        return self.program.ask(f"{what} {steps}")["seconds"]


def compare(what, ours, theirs, rounds, seconds_a_turn):
    def turn(side):
        side.seconds(what, 10)  # warm-up
        steps = max(3, min(5000, int(seconds_a_turn / (side.seconds(what, 5) / 5))))
        return lambda: 1e6 * side.seconds(what, steps) / steps

    return take_turns(turn(ours) if ours else None, {name: turn(side) for name, side in theirs.items()}, rounds)


def make_theirs(batch, kinds, whats, arguments):
    """Those that can do a step; the others are told, and left out."""
    theirs = {}
    for kind in kinds:
        try:
            side = Theirs(batch, kind, arguments.device, arguments.precision, arguments.model)
            for what in whats:
                side.seconds(what, 3)
            theirs["pytorch_" + kind] = side
        except Exception as failure:  # noqa: BLE001: a compiler's failure is not the comparison's
            print(f"pytorch_{kind} takes no part: {str(failure).splitlines()[0][:200]}", flush=True)
    return theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="step_rounds (CPU) or step_rounds_gpu (GPU)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32", help="on a GPU, of both sides")
    parser.add_argument("--model", choices=["hybrid", "table"], default="hybrid")
    parser.add_argument("--batch", type=int, nargs="+")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="on the CPU")
    parser.add_argument("--what", nargs="+", choices=["train", "infer"], help="on a GPU: train alone")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--turn", type=float, help="seconds a turn (default 0.2, on a GPU 0.05)")
    parser.add_argument("--compile", action="store_true", help="on the CPU: torch.compile on their side")
    parser.add_argument("--json", help="also append every result to this file, one object a line")
    arguments = parser.parse_args()
    on_gpu = arguments.device == "cuda"
    if on_gpu and not torch.cuda.is_available():
        print("SKIPPED: torch.cuda is not available")
        return
    if not on_gpu and arguments.precision != "fp32":
        parser.error("--precision is for --device cuda")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.precision == "tf32"
    torch.backends.cudnn.benchmark = True
    kinds = ["eager", "compile", "graph"] if on_gpu else ["compile" if arguments.compile else "eager"]
    print(f"PyTorch {torch.__version__}; microseconds a step: median [p10 p90], then theirs / ours")
    for threads in [0] if on_gpu else arguments.threads:
        if not on_gpu:
            torch.set_num_threads(threads)
        for batch in arguments.batch or ([32, 256] if on_gpu else [64, 256]):
            command = [arguments.program, str(batch), str(threads), "--model", arguments.model]
            if on_gpu:
                command += ["--device", "gpu", "--precision", arguments.precision]
            ours, missing = None, ""
            try:
                ours = Ours(command)
            except (OSError, RuntimeError) as failure:
                if not on_gpu:
                    raise
                missing = f"ours not measured: {failure}"
                print(missing, flush=True)
            whats = arguments.what or (["train"] if on_gpu else ["train", "infer"])
            theirs = make_theirs(batch, kinds, whats, arguments)
            if ours and any(ours.parameters != side.parameters for side in theirs.values()):
                sys.exit("the models differ in their number of parameters")
            for what in whats:
                operation = "train_step" if what == "train" else "inference"
                if arguments.model == "table":
                    operation += "_table"
                shape = f"B{batch}" if on_gpu else f"B{batch}_threads{threads}"
                row = {"section": "step", "id": {"train_step": "L1", "train_step_table": "L5"}.get(operation, ""), "operation": operation}
                row |= {"name": f"{operation}/{arguments.precision}/{shape}", "dtype": arguments.precision}
                row |= {"shape": shape, "status": "ok", "torch": torch.__version__}
                if missing:
                    row["reason"] = missing
                row |= compare(what, ours, theirs, arguments.rounds, arguments.turn or (0.05 if on_gpu else 0.2))
                write(row, arguments.json)
            if ours:
                ours.program.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Times kernels of plait against the same operation in PyTorch on a GPU, in turns.

    python3 bench/gpu/compare_kernels.py build/gpu/bench/gpu/plait_gpu_bench [--only REGEX] [--json FILE]

PyTorch's sides: eager; torch.compile; and for the attention fusion a kernel in Triton, one patient a program, written
here. plait_gpu_bench --serve times ours in graphs; theirs are timed the same way: captured, events around the replay,
operands rotated past the L2. What cannot be captured or compiled is told and left out.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from turns import Program, take_turns, write  # noqa: E402

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("SKIPPED: PyTorch is not installed for this python3")
    sys.exit(0)

SETS_BYTES = 160e6  # a round of operands leaves nothing in the L2


def captured(call, sets):
    """A function that gives the microseconds of one call; `call(i)` works on operands number i."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for i in range(3):
            call(i % sets)
    torch.cuda.current_stream().wait_stream(side)
    start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    call(0)
    stop.record()
    torch.cuda.synchronize()
    calls = max(sets, min(512, int(1.0 / max(start.elapsed_time(stop), 1e-3)) + 1))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(calls):
            call(i % sets)

    def microseconds():
        start.record()
        graph.replay()
        stop.record()
        torch.cuda.synchronize()
        return 1e3 * start.elapsed_time(stop) / calls

    microseconds()
    return microseconds


def fused_embeddings(zs, w):
    z = torch.stack(zs, dim=1)
    alpha = torch.softmax(torch.tanh(z) @ w, dim=1)
    return (alpha.unsqueeze(2) * z).sum(dim=1)


def triton_fusion():
    """The forward pass in Triton, three embeddings, all present; None where Triton is missing."""
    try:
        import triton
        import triton.language as tl
    except ImportError:
        return None

    @triton.jit
    def fuse_kernel(z0, z1, z2, w, y, width, block: tl.constexpr):
        row = tl.program_id(0).to(tl.int64) * width
        column = tl.arange(0, block)
        inside = column < width
        a = tl.load(z0 + row + column, mask=inside, other=0.0).to(tl.float32)
        b = tl.load(z1 + row + column, mask=inside, other=0.0).to(tl.float32)
        c = tl.load(z2 + row + column, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(w + column, mask=inside, other=0.0).to(tl.float32)
        sa = tl.sum(weight * (1.0 - 2.0 / (1.0 + tl.exp(2.0 * a))))  # tanh
        sb = tl.sum(weight * (1.0 - 2.0 / (1.0 + tl.exp(2.0 * b))))  # tanh
        sc = tl.sum(weight * (1.0 - 2.0 / (1.0 + tl.exp(2.0 * c))))  # tanh
        top = tl.maximum(sa, tl.maximum(sb, sc))
        ea, eb, ec = tl.exp(sa - top), tl.exp(sb - top), tl.exp(sc - top)
        fused = (ea * a + eb * b + ec * c) / (ea + eb + ec)
        tl.store(y + row + column, fused.to(y.dtype.element_ty), mask=inside)

    def run(zs, w, y):
        block = triton.next_power_of_2(w.shape[0])
        fuse_kernel[(y.shape[0],)](*zs, w, y, w.shape[0], block, num_warps=max(1, min(8, block // 256)))
        return y

    # Right, or it takes no part.
    zs, w = [torch.randn(64, 200, device="cuda") for _ in range(3)], torch.randn(200, device="cuda")
    expected = fused_embeddings(zs, w)
    error = ((run(zs, w, torch.empty_like(zs[0])) - expected).norm() / expected.norm()).item()
    if not error < 1e-4:
        print(f"the kernel in Triton is wrong (error {error}) and takes no part", flush=True)
        return None
    return run


class Comparison:
    """name: as plait_gpu_bench --list prints it. make(): {rival: (call, sets)}."""

    def __init__(self, name, goal, make):
        self.name, self.goal, self.make = name, goal, make


def sets_of(make_one, bytes_of_one):
    return [make_one() for _ in range(max(2, min(64, int(SETS_BYTES / bytes_of_one) + 2)))]


def fusion(dtype, batch, width, backward):
    def make():
        element = torch.finfo(dtype).bits // 8
        draw = lambda *shape: torch.randn(*shape, device="cuda", dtype=dtype)  # noqa: E731
        w = (0.2 * draw(width)).requires_grad_(backward)
        sets = sets_of(
            lambda: ([draw(batch, width).requires_grad_(backward) for _ in range(3)], draw(batch, width)),
            batch * width * element * 4,
        )
        compiled = torch.compile(fused_embeddings)
        if not backward:
            rivals = {
                "pytorch_eager": lambda i: fused_embeddings(sets[i][0], w),
                "pytorch_compile": lambda i: compiled(sets[i][0], w),
            }
            try:
                triton = triton_fusion()
            except Exception as failure:  # noqa: BLE001
                print(f"Triton takes no part: {str(failure).splitlines()[0][:160]}", flush=True)
                triton = None
            if triton:
                rivals["triton"] = lambda i: triton(sets[i][0], w, sets[i][1])
            return rivals, len(sets)
        # Forward runs once a set; what is timed is backward alone.
        outputs = {"pytorch_eager": fused_embeddings, "pytorch_compile": compiled}
        rivals = {}
        for name, function in outputs.items():
            fused = [function(zs, w) for zs, _ in sets]
            rivals[name] = lambda i, fused=fused: torch.autograd.grad(
                fused[i], [*sets[i][0], w], sets[i][1], retain_graph=True
            )
        return rivals, len(sets)

    return make


def adamw(count):
    def make():
        sets = []
        for _ in range(max(2, min(64, int(SETS_BYTES / (28 * count)) + 2))):
            p = torch.nn.Parameter(torch.randn(count, device="cuda"))
            p.grad = torch.randn_like(p)
            optimizer = torch.optim.AdamW([p], lr=1e-3, weight_decay=1e-2, fused=True, capturable=True)
            optimizer.step()  # moments are made
            sets.append(optimizer)
        return {"pytorch_fused": lambda i: sets[i].step()}, len(sets)

    return make


def stem(dtype, batch, height, width, channels, out):
    def make():
        layer = torch.nn.Conv2d(channels, out, 3, padding=1).cuda().to(dtype).to(memory_format=torch.channels_last)
        element = torch.finfo(dtype).bits // 8
        sets = sets_of(
            lambda: torch.randn(batch, channels, height, width, device="cuda", dtype=dtype).contiguous(
                memory_format=torch.channels_last
            ),
            batch * height * width * element * (channels + out / 4),
        )
        function = lambda x: F.max_pool2d(F.relu(layer(x)), 2)  # noqa: E731
        compiled = torch.compile(function)
        with torch.no_grad():
            compiled(sets[0])

        def without_gradient(f):
            def call(i):
                with torch.no_grad():
                    f(sets[i])

            return call

        return {"pytorch_eager": without_gradient(function), "pytorch_compile": without_gradient(compiled)}, len(sets)

    return make


def loss(kind, dtype, batch, columns):
    def make():
        element = torch.finfo(dtype).bits // 8
        if kind == "softmax_cross_entropy":
            target = lambda: torch.randint(columns, (batch,), device="cuda")  # noqa: E731
            function = F.cross_entropy
        else:
            target = lambda: torch.rand(batch, columns, device="cuda")  # noqa: E731
            function = {
                "binary_cross_entropy": lambda x, t: F.binary_cross_entropy_with_logits(x.float(), t),
                "squared_error": lambda x, t: F.mse_loss(x.float(), t),
            }[kind]
        sets = sets_of(
            lambda: (torch.randn(batch, columns, device="cuda", dtype=dtype, requires_grad=True), target()),
            batch * columns * (2 * element + 4),
        )
        compiled = torch.compile(function)

        def value_and_gradient(f):
            return lambda i: torch.autograd.grad(f(*sets[i]), sets[i][0])

        return {"pytorch_eager": value_and_gradient(function), "pytorch_compile": value_and_gradient(compiled)}, len(sets)

    return make


def comparisons():
    all_of_them = []
    for dtype, label in ((torch.bfloat16, "bf16"), (torch.float32, "fp32")):
        for batch, width in ((65536, 512), (8192, 256)):
            for backward in (False, True):
                name = f"attention_fusion_{'backward' if backward else 'forward'}/{label}/{batch}x{width}x3"
                all_of_them.append(Comparison(name, "M1", fusion(dtype, batch, width, backward)))
    for count in (10240512, 1 << 25):
        all_of_them.append(Comparison(f"adamw/fp32/{count}", "M2", adamw(count)))
    for dtype, label in ((torch.bfloat16, "bf16"), (torch.float32, "fp32")):
        for batch, size, channels, out in ((32, 224, 1, 32), (32, 224, 3, 32), (256, 28, 1, 16)):
            name = f"conv2d_stem_forward/{label}/{batch}x{size}x{size}x{channels}_k{out}_3x3"
            all_of_them.append(Comparison(name, "C2", stem(dtype, batch, size, size, channels, out)))
        for kind in ("softmax_cross_entropy", "binary_cross_entropy", "squared_error"):
            name = f"{kind}/{label}/{1 << 20}x64"
            all_of_them.append(Comparison(name, "M3", loss(kind, dtype, 1 << 20, 64)))
    return all_of_them


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="plait_gpu_bench or plait_gpu_bench_alone")
    parser.add_argument("--only", default=".", help="a regular expression that the name must match")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", help="append the rows to this file")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("SKIPPED: torch.cuda is not available")
        return
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    program = Program([arguments.program, "--serve"])
    for comparison in comparisons():
        if not re.search(arguments.only, comparison.name):
            continue
        operation, dtype, shape = comparison.name.split("/")
        row = {"section": "pytorch", "id": comparison.goal, "name": comparison.name, "operation": operation}
        row |= {"dtype": dtype, "shape": shape, "torch": torch.__version__}

        def ours(name=comparison.name):
            answer = program.ask(f"{name} 1")
            if answer["us"] is None:
                raise RuntimeError(f"ours: {answer.get('status', 'no time')}")
            return answer["us"]

        try:
            calls, sets = comparison.make()
            theirs = {}
            for name, call in calls.items():
                try:
                    theirs[name] = captured(call, sets)
                except Exception as failure:  # noqa: BLE001
                    print(f"{comparison.name}: {name} takes no part: {str(failure).splitlines()[0][:160]}", flush=True)
            ours()
            row |= {"status": "ok"} | take_turns(ours, theirs, arguments.rounds)
        except Exception as failure:  # noqa: BLE001: one comparison's failure is not the others'
            row |= {"status": "failed", "reason": str(failure).splitlines()[0][:200] if str(failure) else repr(failure)}
        write(row, arguments.json)
        calls = theirs = None
        torch.cuda.empty_cache()
    program.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Reference values of whole models for tests/fusion/model_golden_test.cpp, computed by PyTorch in double.

The model below is written from the equations of the documentation (encoders, masked attention, concatenation, losses),
not from the C++ sources; the random draws are Philox4x32-10 with the documented counters. One file a model in
tests/golden/models/: inputs, parameters, and what they lead to (logits, attention weights, every term of the loss, the
gradient of every parameter). The same PyTorch on the same machine reproduces the files byte for byte.

    python3 tests/golden/make_model_goldens.py          # needs torch, numpy and safetensors; writes 200 kB
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

SEED, STEP = (1 << 40) + 11, 5  # a seed with bits in its upper half
EMBED = 6
NAMES = ["table", "image", "expression"]
KEEP = [0.8, 0.6, 0.7]
DROPOUT, CORRUPTION, RECONSTRUCTION = 0.25, 0.3, 0.3
ALIGNMENT, L2 = 0.2, 0.03
MASKS = [7, 1, 6, 3, 7, 4, 2, 5, 7, 0, 0]  # bit m: modality m is there; the last patient is padding of weight 0
WEIGHTS = [1.0, 0.5, 1.5, 2.0, 1.0, 0.75, 1.25, 1.0, 0.5, 1.0, 0.0]
ROWS = [2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0]
SIZES = {  # name: shape (dense [out, in], convolution [out, kh, kw, in])
    "encoder.table.0": (7, 5),
    "encoder.table.1": (EMBED, 7),
    "encoder.image.0": (3, 3, 3, 2),
    "encoder.image.1": (4, 3, 3, 3),
    "encoder.image.2": (5, 16),
    "encoder.image.3": (EMBED, 5),
    "encoder.expression.0": (8, 9),
    "encoder.expression.1": (EMBED, 8),
    "decoder.expression.0": (8, EMBED),
    "decoder.expression.1": (9, 8),
}
INITIALISE, MODALITY_KEEP, MODALITY_RESCUE, DENSE_DROPOUT, CORRUPT = 1, 2, 3, 4, 5  # purposes of random draws


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011)."""
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def word(element, row, purpose, index):
    counter = (element // 4, row, STEP, purpose << 8 | index)
    return philox(counter, (SEED & 0xFFFFFFFF, SEED >> 32))[element % 4]


def bernoulli(element, row, purpose, index, probability):
    return (word(element, row, purpose, index) >> 8) * 2.0**-24 < float(np.float32(probability))


def draws(columns, purpose, index, probability):
    """[patients, columns] of 0 and 1."""
    return torch.tensor(
        [[1.0 if bernoulli(e, row, purpose, index, probability) else 0.0 for e in range(columns)] for row in ROWS]
    )


def kept_modalities():
    present = []
    for mask, row in zip(MASKS, ROWS):
        kept = [bool(mask >> m & 1) and bernoulli(0, row, MODALITY_KEEP, m, KEEP[m]) for m in range(3)]
        if mask and not any(kept):
            has = [m for m in range(3) if mask >> m & 1]
            kept[has[word(0, row, MODALITY_RESCUE, 0) * len(has) >> 32]] = True
        present.append(kept)
    return torch.tensor(present)


class Model:
    def __init__(self, fusion, outputs, rng):
        sizes = dict(SIZES)
        if fusion in ("concat", "hybrid"):
            sizes["fusion.dense"] = (EMBED, 3 * EMBED)
        sizes["head"] = (outputs, 2 * EMBED if fusion == "hybrid" else EMBED)
        self.fusion = fusion
        self.p = {}
        for name, shape in sizes.items():
            self.p[name + ".weight"] = rng.uniform(-0.6, 0.6, shape)
            self.p[name + ".bias"] = rng.uniform(0.0, 0.6, shape[0])
        if fusion in ("attention", "hybrid"):
            self.p["fusion.attention.weight"] = rng.uniform(-0.9, 0.9, EMBED)
        self.p = {name: torch.tensor(value, requires_grad=True) for name, value in self.p.items()}

    def dense(self, name, x):
        return x @ self.p[name + ".weight"].T + self.p[name + ".bias"]

    def mlp(self, name, first, x, modality, training):
        """Two ReLU layers with inverted dropout between them; its site is modality * 16."""
        h = torch.relu(self.dense(f"{name}.{first}", x))
        if training:
            h = h * draws(h.shape[1], DENSE_DROPOUT, modality * 16, 1.0 - DROPOUT) / (1.0 - DROPOUT)
        return torch.relu(self.dense(f"{name}.{first + 1}", h))

    def cnn(self, x, training):
        x = x.permute(0, 3, 1, 2)
        for i in range(2):
            w = self.p[f"encoder.image.{i}.weight"].permute(0, 3, 1, 2)
            x = F.max_pool2d(torch.relu(F.conv2d(x, w, self.p[f"encoder.image.{i}.bias"], padding=1)), 2)
        flat = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)  # the order h, w, c
        return self.mlp("encoder.image", 2, flat, 1, training)

    def attention(self, z, present):
        scores = torch.stack([torch.tanh(v) @ self.p["fusion.attention.weight"] for v in z], dim=1)
        e = torch.where(present, torch.exp(scores), 0.0)
        total = e.sum(dim=1, keepdim=True)
        alpha = e / torch.where(total > 0, total, 1.0)
        return alpha, sum(alpha[:, m : m + 1] * z[m] for m in range(3))

    def concat(self, z, present):
        count = present.sum(dim=1, keepdim=True)
        scale = torch.where(count > 0, 3.0 / count.clamp(min=1), 0.0)
        parts = [torch.where(present[:, m : m + 1], scale * z[m], 0.0) for m in range(3)]
        return torch.relu(self.dense("fusion.dense", torch.cat(parts, dim=1)))

    def forward(self, inputs, training):
        expression = inputs["expression"]
        available = torch.tensor([[bool(mask >> m & 1) for m in range(3)] for mask in MASKS])
        present = kept_modalities() if training else available
        read = expression * (1.0 - draws(9, CORRUPT, 2, CORRUPTION)) if training else expression
        z = [
            self.mlp("encoder.table", 0, inputs["table"], 0, training),
            self.cnn(inputs["image"], training),
            self.mlp("encoder.expression", 0, read, 2, training),
        ]
        alpha, fused = None, []
        if self.fusion in ("attention", "hybrid"):
            alpha, attended = self.attention(z, present)
            fused.append(attended)
        if self.fusion in ("concat", "hybrid"):
            fused.append(self.concat(z, present))
        logits = self.dense("head", torch.cat(fused, dim=1))
        h = torch.relu(self.dense("decoder.expression.0", z[2]))
        return z, alpha, logits, self.dense("decoder.expression.1", h), available


def losses(model, out, inputs, task, alignment_mean):
    z, _, logits, x_hat, available = out
    weights = torch.tensor(WEIGHTS)

    def over_batch(per_patient):
        return (weights * per_patient).sum() / weights.sum()

    if task == "binary":
        per_patient = F.binary_cross_entropy_with_logits(logits[:, 0], inputs["targets"], reduction="none")
    else:
        per_patient = F.cross_entropy(logits, inputs["targets"].long(), reduction="none")
    align = torch.zeros(len(MASKS))
    for i in range(3):
        for j in range(3):
            both = available[:, i] & available[:, j]
            if i != j:
                align = align + torch.where(both, ((z[i] - z[j]) ** 2).sum(dim=1), 0.0)
    if alignment_mean:
        k = available.sum(dim=1)
        align = align / (k * (k - 1) * EMBED).clamp(min=1)
    seen = inputs["observed"]
    squares = (seen * (x_hat - inputs["expression"]) ** 2).sum(dim=1) / seen.sum(dim=1).clamp(min=1)
    reconstruction = torch.where(available[:, 2], squares, 0.0)
    l2 = sum((p**2).sum() for name, p in model.p.items() if not name.endswith(".bias"))
    return {
        "task": over_batch(per_patient),
        "align": ALIGNMENT * over_batch(align),
        "reconstruction": RECONSTRUCTION * over_batch(reconstruction),
        "l2": L2 * l2,
    }


def golden(fusion, task, number):
    rng = np.random.Generator(np.random.PCG64(number))
    outputs = 1 if task == "binary" else 3
    patients = len(MASKS)
    inputs = {
        "table": rng.uniform(-2, 2, (patients, 5)),
        "image": rng.uniform(-2, 2, (patients, 9, 8, 2)),
        "expression": rng.uniform(-2, 2, (patients, 9)),
        "observed": (rng.uniform(size=(patients, 9)) < 0.75).astype(float),
        "targets": rng.integers(0, 2 if task == "binary" else 3, patients).astype(float),
    }
    for m, name in enumerate(NAMES):
        for i, mask in enumerate(MASKS):
            if not mask >> m & 1:
                inputs[name][i] = 0.0
    model = Model(fusion, outputs, rng)
    tensors = {name: torch.tensor(value) for name, value in inputs.items()}

    arrays = {f"input.{name}": value for name, value in inputs.items()}
    trained = model.forward(tensors, True)
    terms = losses(model, trained, tensors, task, alignment_mean=task == "binary")
    sum(terms.values()).backward()
    inferred = model.forward(tensors, False)
    arrays["training.logits"], arrays["inference.logits"] = trained[2].detach().numpy(), inferred[2].detach().numpy()
    if trained[1] is not None:
        arrays["training.alpha"], arrays["inference.alpha"] = trained[1].detach().numpy(), inferred[1].detach().numpy()
    for name, value in terms.items():
        arrays[f"loss.{name}"] = np.array([value.item()])
    for name, p in model.p.items():
        arrays[f"parameter.{name}"] = p.detach().numpy()
        arrays[f"gradient.{name}"] = p.grad.numpy()
    facts = {"fusion": fusion, "task": task, "masks": MASKS, "rows": ROWS, "weights": WEIGHTS}
    folder = pathlib.Path(__file__).parent / "models"
    folder.mkdir(exist_ok=True)
    arrays = {name: np.ascontiguousarray(value, dtype=np.float64) for name, value in arrays.items()}
    save_file(arrays, folder / f"{fusion}_{task}.safetensors", metadata={"plait.golden": json.dumps(facts)})


if __name__ == "__main__":
    assert philox((0, 0, 0, 0), (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # published vector
    for number, (fusion, task) in enumerate(
        (fusion, task) for fusion in ("hybrid", "attention", "concat") for task in ("binary", "multiclass")
    ):
        golden(fusion, task, number + 1)

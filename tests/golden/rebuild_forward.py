#!/usr/bin/env python3
"""Rebuilds the forward pass of a trained model outside plait and compares it with `plait predict`.

    rebuild_forward.py RUN COHORT PREDICTIONS.csv

Computes every column of the predictions in double precision from the weights and the description in model.safetensors,
from preprocess.json and the raw cohort folder. Exit code 0 when no number is off by more than 1e-5 (beyond 1: relative)
and every flag is equal, 1 otherwise. Needs numpy, safetensors and Pillow.
"""
import csv, json, math, sys, tomllib
from pathlib import Path

import numpy as np
from safetensors import safe_open

from rebuild_inputs import image_inputs, table_inputs

TOLERANCE = 1e-5
def relu(x):
    return np.maximum(x, 0.0)
def dense(weights, name, x, activation=relu):
    return activation(weights[name + ".weight"] @ x + weights.get(name + ".bias", 0.0))  # a risk's head has no bias

def convolution(weights, name, x):
    """3 x 3, one pixel of zeros around; kernel [out, kh, kw, in], image [height, width, in]."""
    kernel = weights[name + ".weight"]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    height, width = x.shape[:2]
    taps = [padded[r:r + height, s:s + width] @ kernel[:, r, s].T for r in range(3) for s in range(3)]
    return sum(taps) + weights[name + ".bias"]

def max_pool(x):
    height, width = x.shape[0] // 2, x.shape[1] // 2  # an odd last row or column is left out
    return x[:2 * height, :2 * width].reshape(height, 2, width, 2, -1).max(axis=(1, 3))

def encode(weights, spec, x):
    name, encoder = "encoder." + spec["name"], spec["encoder"]
    blocks = len(encoder["channels"]) if encoder["type"] == "cnn" else 0
    for i in range(blocks):
        x = max_pool(relu(convolution(weights, f"{name}.{i}", x)))
    x = x.reshape(-1)
    for i in range(blocks, blocks + len(encoder["hidden"]) + 1):
        x = dense(weights, f"{name}.{i}", x)
    return x

def attention(weights, z):
    """z: {modality number: embedding}, the present ones. The fused embedding, and each one's weight."""
    scores = {m: weights["fusion.attention.weight"] @ np.tanh(zm) for m, zm in z.items()}
    total = sum(math.exp(s) for s in scores.values())
    alpha = {m: math.exp(s) / total for m, s in scores.items()}
    return sum(alpha[m] * z[m] for m in z), alpha

def concatenation(weights, model, z):
    absent, count = np.zeros(model["embed_dim"]), len(model["inputs"])
    scale = count / len(z) if model["concat_rescale"] == "present" else 1.0
    return dense(weights, "fusion.dense", np.concatenate([scale * z.get(m, absent) for m in range(count)]))

def early_input(model, inputs):
    """All columns side by side, zeros where absent, then the availability bits."""
    sizes = [spec.get("features") or spec["height"] * spec["width"] * spec["channels"] for spec in model["inputs"]]
    columns = [inputs[m].reshape(-1) if m in inputs else np.zeros(size) for m, size in enumerate(sizes)]
    return np.concatenate(columns + [[float(m in inputs) for m in range(len(sizes))]])

def late(weights, model, task, z):
    """The towers' logits as one row, over the modalities present."""
    towers = {m: dense(weights, "head." + model["inputs"][m]["name"], zm, lambda x: x) for m, zm in z.items()}
    if model["late_mean"] == "stacked":
        share = {m: math.exp(weights["fusion.stacking.weight"][m]) for m in towers}
        mean = sum(share[m] * towers[m] for m in towers) / sum(share.values())
        return math.exp(weights["fusion.stacking.log_scale"][0]) * mean
    if model["late_mean"] == "logit" or task in ("regression", "survival"):
        return sum(towers.values()) / len(towers)
    if task == "multiclass":
        return np.log(sum(np.exp(l) / np.exp(l).sum() for l in towers.values()) / len(towers))
    mean = sum(1.0 / (1.0 + np.exp(-l)) for l in towers.values()) / len(towers)
    return np.log(mean / (1.0 - mean))

def logits_of(weights, model, task, inputs):
    """inputs: {modality number: what the patient has of it}. Logits and attention weights, or None to abstain."""
    fusion, specs = model["fusion"], model["inputs"]
    only = [m for m, spec in enumerate(specs) if spec["name"] == fusion]
    used = {m: x for m, x in inputs.items() if not only or m in only}
    if not used:
        return None, {}
    if fusion == "early":
        fused = early_input(model, used)
        for layer in ("encoder.early.0", "encoder.early.1"):
            fused = dense(weights, layer, fused)
        return dense(weights, "head", fused, lambda x: x), {}
    z = {m: encode(weights, specs[m], x) for m, x in used.items()}
    if fusion == "late":
        return late(weights, model, task, z), {}
    if model["missing"] == "zero" and not only:  # absent ones take part, as zeros
        z = {m: z.get(m, np.zeros(model["embed_dim"])) for m in range(len(specs))}
    alpha = {}
    if only:
        fused = z[only[0]]
    elif fusion == "concat":
        fused = concatenation(weights, model, z)
    else:
        fused, alpha = attention(weights, z)
        if fusion == "hybrid":
            fused = np.concatenate([fused, concatenation(weights, model, z)])
    return dense(weights, "head", fused, lambda x: x), alpha

def values_of(target, logits):
    if logits is None:
        return target["prior"]
    if target["task"] == "survival":
        return logits
    if target["task"] == "regression":
        return logits * target["std"] + target["mean"]
    if target["task"] == "multiclass":
        return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return 1.0 / (1.0 + np.exp(-logits))

def value_columns(target):
    one = {"binary": "probability", "regression": "value", "survival": "risk"}
    names = target["classes"] if target["task"] == "multiclass" else target["names"]
    return [one[target["task"]]] if target["task"] in one else ["probability_" + name for name in names]

def main(run, folder, predictions):
    fit = json.loads((run / "preprocess.json").read_text(encoding="utf-8"))
    with safe_open(run / "model.safetensors", framework="numpy") as file:
        model = json.loads(file.metadata()["plait.model"])
        weights = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}
    cohort = tomllib.loads((folder / "cohort.toml").read_text(encoding="utf-8"))
    target, modalities = fit["target"], fit["modalities"]
    sources = []
    for modality in modalities:
        section = cohort["modality"].get(modality["name"])
        read = image_inputs if modality["kind"] == "image" else table_inputs
        sources.append(read(modality, section, folder) if section else {})
    with open(folder / cohort["task"]["file"], newline="", encoding="utf-8") as file:
        patients = [row["patient_id"] for row in csv.DictReader(file)]
    with open(predictions, newline="", encoding="utf-8") as file:
        told = list(csv.reader(file))
    names = [modality["name"] for modality in modalities]
    header = ["patient_id", *value_columns(target)]
    header += [flag + name for flag in ("weight_", "has_") for name in names] + ["abstain"]
    if told[0] != header or [row[0] for row in told[1:]] != patients:
        sys.exit(f"header or patients differ: expected {header} and every patient of the labels file in its order")
    worst, wrong_flags, abstained = 0.0, 0, 0
    for row in told[1:]:
        inputs = {m: source[row[0]] for m, source in enumerate(sources) if row[0] in source}
        logits, alpha = logits_of(weights, model, target["task"], inputs)
        expected = list(values_of(target, logits))
        flags = [str(int(m in inputs)) for m in range(len(names))] + [str(int(logits is None))]
        if model["fusion"] in ("attention", "hybrid"):
            expected += [alpha.get(m, 0.0) for m in range(len(names))]
        else:
            flags = [""] * len(names) + flags
        differences = [abs(float(cell) - v) / max(1.0, abs(v)) for cell, v in zip(row[1:], expected)]
        worst = max(worst, *(math.inf if math.isnan(d) else d for d in differences))
        wrong_flags += row[-len(flags):] != flags
        abstained += logits is None
    print(f"{model['fusion']}, {target['task']}: {len(patients)} patients, {abstained} abstained on, worst difference "
          f"{worst:.3g}, {wrong_flags} rows with wrong flags")
    return 0 if worst <= TOLERANCE and wrong_flags == 0 else 1

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*map(Path, sys.argv[1:])))

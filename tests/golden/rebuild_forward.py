#!/usr/bin/env python3
"""Rebuilds the forward pass of a trained model outside plait and compares it with `plait predict`.

    rebuild_forward.py RUN COHORT PREDICTIONS.csv

Computes every column of the predictions in double precision from the weights and the description in model.safetensors,
from preprocess.json and the raw cohort folder. Exit code 0 when no number is off by more than 1e-5 (beyond 1: relative)
and every flag is equal, 1 otherwise. Needs numpy, safetensors and Pillow.
"""
import csv, json, math, re, sys, tomllib
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open

TOLERANCE = 1e-5
MISSING = {"", "na", "n/a", "#n/a", "<na>", "null", "nan", "+nan", "-nan"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

def is_missing(cell):
    return cell.strip(" \t").lower() in MISSING

def canonical(cell):
    """One spelling of a listed category: 1.0 and 01 are 1."""
    text = cell.strip(" \t")
    if not NUMBER.fullmatch(text):
        return text
    number = float(text)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)

def table_inputs(fit, section, folder):
    """{patient id: features}; a patient without a row, or without a value in the columns read, is left out."""
    inputs, listed = {}, set(section.get("categorical", []))
    with open(folder / section["file"], newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            patient = row.pop("patient_id")
            columns = fit.get("columns", [])  # none where the model does not read the table
            names = [column["name"] for column in columns] or list(row)
            if all(is_missing(row[name]) for name in names):
                continue
            features = []
            for column in columns:
                cell = row[column["name"]]
                missing = is_missing(cell)
                if column["type"] == "categorical":
                    text = canonical(cell) if column["name"] in listed else cell.strip(" \t")
                    one_hot = [float(not missing and text == category) for category in column["categories"]]
                    features += one_hot + [float(sum(one_hot) == 0.0)]
                    continue
                value = column["median"]
                if not missing:
                    value = np.float64(np.float32(cell))
                    value = math.log1p(value) if fit["log1p"] else value
                features.append((value - column["mean"]) / column["std"])
                if column["missing_bit"]:
                    features.append(float(missing))
            inputs[patient] = np.array(features)
    return inputs

def resized(pixels, height, width):
    """Bilinear, half-pixel centres, edges repeated, columns first, rounded to the nearest value (a half: up)."""
    for axis, size in ((1, width), (0, height)):
        old = pixels.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        first = np.floor(at).astype(int)
        share = np.expand_dims(at - first, (1, 2) if axis == 0 else (0, 2))
        before, after = (np.take(pixels, np.minimum(first + k, old - 1), axis) for k in (0, 1))
        pixels = before + share * (after - before)
    return np.floor(pixels + 0.5)

def image_inputs(fit, section, folder):
    """{patient id: pixels [height, width, channels]}"""
    inputs, (start, end) = {}, section["files"].split("{patient_id}")
    for path in folder.glob(start + "*" + end):
        name = str(path.relative_to(folder))
        patient = name[len(start):len(name) - len(end)]
        if "height" not in fit:  # the model does not read images
            inputs[patient] = np.array([])
            continue
        with Image.open(path) as image:
            white = 65535.0 if image.mode.startswith("I") else 255.0
            pixels = np.asarray(image, dtype=np.float64)
        pixels = resized(pixels.reshape(*pixels.shape[:2], -1), fit["height"], fit["width"])
        inputs[patient] = (pixels / white - fit["mean"]) / fit["std"]
    return inputs

def relu(x):
    return np.maximum(x, 0.0)
def dense(weights, name, x, activation=relu):
    return activation(weights[name + ".weight"] @ x + weights[name + ".bias"])

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

def logits_of(weights, model, inputs):
    """inputs: {modality number: what the patient has of it}. Logits and attention weights, or None to abstain."""
    fusion, specs = model["fusion"], model["inputs"]
    only = [m for m, spec in enumerate(specs) if spec["name"] == fusion]
    used = {m: x for m, x in inputs.items() if not only or m in only}
    if not used:
        return None, {}
    z = {m: encode(weights, specs[m], x) for m, x in used.items()}
    alpha = {}
    if only:
        fused = z[only[0]]
    elif fusion == "concat":
        fused = concatenation(weights, model, z)
    elif fusion in ("attention", "hybrid") and model["missing"] == "mask":
        fused, alpha = attention(weights, z)
        if fusion == "hybrid":
            fused = np.concatenate([fused, concatenation(weights, model, z)])
    else:
        sys.exit(f"rebuild_forward.py does not know fusion {fusion} with missing = {model['missing']}")
    return dense(weights, "head", fused, lambda x: x), alpha

def values_of(target, logits):
    if logits is None:
        return target["prior"]
    if target["task"] == "regression":
        return logits * target["std"] + target["mean"]
    if target["task"] == "multiclass":
        return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return 1.0 / (1.0 + np.exp(-logits))

def value_columns(target):
    one = {"binary": "probability", "regression": "value"}
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
        logits, alpha = logits_of(weights, model, inputs)
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

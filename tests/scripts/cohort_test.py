"""What a cohort folder holds, and what is never replaced."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "data"))

import cohort as folders
from cohort import Cohort, CohortError, Images, Table


def small():
    return Cohort(
        name="small", task="binary", labels={"a": "1", "b": "0"}, groups={"a": "a", "b": "a"}, readme="# small\n",
        source="here", modalities=[
            Table("ehr", "table", ["age", "note, long"], {"a": ["1.5", 'say "x"'], "b": ["", ""]}, ["note, long"]),
            Images("image", 2, 1, {"b": bytes([0, 252])})])


class Folder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name) / "small"

    def test_files(self):
        folders.write(small(), self.folder)
        def text(name):
            return (self.folder / name).read_text(encoding="utf-8")
        self.assertEqual(text("labels.csv"), "patient_id,label,group\na,1,a\nb,0,a\n")
        self.assertEqual(text("ehr.csv"), 'patient_id,age,"note, long"\na,1.5,"say ""x"""\nb,,\n')
        self.assertEqual(text("cohort.toml"), (
            'format = 1\nname = "small"\n\n[task]\nkind = "binary"\nfile = "labels.csv"\ntarget = "label"\n\n'
            '[modality.ehr]\nkind = "table"\nfile = "ehr.csv"\ncategorical = ["note, long"]\n\n'
            '[modality.image]\nkind = "image"\nfiles = "images/{patient_id}.png"\n'))
        self.assertEqual(sorted(p.name for p in (self.folder / "images").iterdir()), ["b.png"])
        self.assertEqual([p.name for p in self.folder.parent.iterdir()], ["small"])  # nothing is left beside it

    def test_summary_counts_a_row_of_missing_values_as_missing(self):
        self.assertEqual(small().summary(), "small: 2 patients | ehr 1, image 1 | labels 0: 1, 1: 1")

    def test_state(self):
        self.assertEqual(folders.state_of(self.folder, ["here"]), "missing")
        folders.write(small(), self.folder)
        self.assertEqual(folders.state_of(self.folder, ["there", "here"]), "complete")
        (self.folder / folders.STAMP).write_text("plait get_data, generator 0, source here\n")
        (self.folder / "stale").write_text("")
        self.assertEqual(folders.state_of(self.folder, ["here"]), "old")
        folders.write(small(), self.folder)
        self.assertFalse((self.folder / "stale").exists())
        (self.folder / folders.STAMP).unlink()
        with self.assertRaises(CohortError):
            folders.state_of(self.folder, ["here"])

    def test_refuses(self):
        def spoiled(change):
            cohort = small()
            change(cohort)
            with self.assertRaises(CohortError):
                folders.write(cohort, self.folder)
            self.assertFalse(self.folder.exists())
        spoiled(lambda c: c.labels.update({"../b": "0"}))
        spoiled(lambda c: c.modalities[0].rows.update({"stranger": ["1", "2"]}))
        spoiled(lambda c: c.modalities[0].rows.update({"a": ["1"]}))
        spoiled(lambda c: c.modalities[0].columns.__setitem__(1, "age"))
        spoiled(lambda c: c.modalities[0].columns.__setitem__(1, "patient_id"))
        spoiled(lambda c: c.modalities.append(c.modalities[0]))
        spoiled(lambda c: c.groups.pop("a"))

    def test_number(self):
        cells = [folders.number(v) for v in (0.0, 1.0, 123456.7, 1e-7, float("nan"), None, 14.126570805373417)]
        self.assertEqual(cells, ["0", "1", "123457", "1e-07", "", "", "14.1266"])


if __name__ == "__main__":
    unittest.main()

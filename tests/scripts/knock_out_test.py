"""Removing modalities: the draw, its distribution, and the folder that comes out."""

import csv
import io
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "data"))

import cohort as folders
import knock_out
from cohort import Cohort, Images, Table


class Draw(unittest.TestCase):
    def test_pinned(self):
        # printf '1/ehr/digit-0001' | sha256sum  begins with this; a change here changes every published hole.
        self.assertEqual(knock_out.draw(1, "ehr", "digit-0001"), 0x84aa5cf0c964a71f / 2 ** 64)

    def test_somebody_always_stays(self):
        names = ["ehr", "image", "genomics"]
        counts = {name: 0 for name in names}
        for i in range(3000):
            kept = knock_out.survivors(f"p{i}", names, 1.0, 5)
            self.assertEqual(len(kept), 1)
            counts[kept.pop()] += 1
            self.assertEqual(knock_out.survivors(f"p{i}", names, 0.0, 5), set(names))
            self.assertEqual(knock_out.survivors(f"p{i}", ["image"], 0.9, 5), {"image"})
        # A fair choice of three: 1000 each, standard deviation 26; six of them is never reached by a fair one.
        self.assertTrue(all(abs(count - 1000) < 155 for count in counts.values()), counts)
        self.assertEqual(knock_out.survivors("p", [], 0.3, 5), set())

    def test_share_removed(self):
        # Removed with .3, unless all three go (.027; then one of three stays): .3 - .009 = .291.
        removed = sum("ehr" not in knock_out.survivors(f"p{i}", ["ehr", "image", "genomics"], 0.3, 1)
                      for i in range(20000))
        self.assertLess(abs(removed / 20000 - 0.291), 0.02)  # six standard deviations of .0032


class Folder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.source, self.out = Path(scratch.name) / "whole", Path(scratch.name) / "holes"
        patients = [f"p{i}" for i in range(40)]
        folders.write(Cohort(
            name="whole", task="binary", source="here", readme="# whole\n", labels={p: "01"[i % 2] for i, p in
                                                                                    enumerate(patients)},
            modalities=[Table("ehr", "table", ["a", "b"], {p: ["1", ""] if i else ["", ""]
                                                           for i, p in enumerate(patients)}),
                        Images("image", 1, 1, {p: b"\x2a" for p in patients[:30]})]), self.source)

    def run_it(self, *more):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return knock_out.main([str(self.source), "--out", str(self.out), *more])

    def test_holes_are_those_of_the_draw(self):
        self.assertEqual(self.run_it("--rate", "0.5", "--seed", "9"), 0)
        with open(self.out / "ehr.csv", newline="", encoding="utf-8") as file:
            ehr = [row[0] for row in csv.reader(file)][1:]
        images = {p.stem for p in (self.out / "images").iterdir()}
        for i in range(40):
            patient = f"p{i}"
            had = [m for m, there in (("ehr", i > 0), ("image", i < 30)) if there]  # p0's row is missing values only
            now = {m for m, there in (("ehr", patient in ehr), ("image", patient in images)) if there}
            expected = {m for m in had if knock_out.draw(9, m, patient) >= 0.5}
            if not expected:
                expected = {max(had, key=lambda m: knock_out.draw(9, m, patient))}
            self.assertEqual(now, expected, patient)
        self.assertEqual((self.out / "labels.csv").read_bytes(), (self.source / "labels.csv").read_bytes())
        self.assertIn('name = "whole-holes"', (self.out / "cohort.toml").read_text())
        self.assertIn("seed 9", (self.out / "README.md").read_text())

    def test_again(self):
        self.assertEqual(self.run_it(), 0)
        before = (self.out / folders.STAMP).stat().st_mtime_ns
        self.assertEqual(self.run_it(), 0)
        self.assertEqual((self.out / folders.STAMP).stat().st_mtime_ns, before)  # complete: left alone
        self.assertEqual(self.run_it("--seed", "2"), 1)                           # another request: refused
        (self.source / folders.STAMP).write_text("made again\n")
        self.assertEqual(self.run_it(), 0)                                        # same request, newer source: anew
        self.assertIn("made again", (self.out / folders.STAMP).read_text())

    def test_refuses_files_outside(self):
        toml = self.source / "cohort.toml"
        toml.write_text(toml.read_text().replace('"ehr.csv"', '"../ehr.csv"'))
        self.assertEqual(self.run_it(), 1)
        self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()

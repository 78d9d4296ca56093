"""Where files come from: checksums, the folder of downloads, what happens when a source cannot be had."""

import hashlib
import io
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "data"))

import cohort as folders
import make_cohorts
from cohort import Cohort, Table
from sources import ChecksumError, DataFile, SourceError, fetch

GOOD = b"the data"


@dataclass(eq=False)
class Package:
    """A source that hands out `content`, or cannot be reached (None). `asked` counts how often it was tried."""
    content: bytes
    name: str = "package"
    asked: int = 0
    files: tuple = (DataFile("inside/data.csv", hashlib.sha256(GOOD).hexdigest()),)

    def __str__(self):
        return self.name

    def unpack(self, _scratch):
        self.asked += 1
        if self.content is None:
            raise SourceError("no network")
        yield self.files[0], self.content


class Scratch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.out = Path(scratch.name)
        self.downloads = self.out / ".downloads"


class Fetch(Scratch):
    def test_fetched_once_then_kept(self):
        package = Package(GOOD)
        for _ in range(2):
            self.assertEqual(fetch(package, self.downloads), {"data.csv": GOOD})
        self.assertEqual(package.asked, 1)
        self.assertEqual([p.name for p in self.downloads.iterdir()], ["data.csv"])

    def test_wrong_content_is_refused_and_not_kept(self):
        with self.assertRaisesRegex(ChecksumError, "CHECKSUM MISMATCH"):
            fetch(Package(b"other data"), self.downloads)
        self.assertEqual(list(self.downloads.iterdir()), [])

    def test_damaged_copy_is_fetched_anew(self):
        self.downloads.mkdir()
        (self.downloads / "data.csv").write_bytes(b"dam")
        with redirect_stderr(io.StringIO()):
            self.assertEqual(fetch(Package(GOOD), self.downloads), {"data.csv": GOOD})
        self.assertEqual((self.downloads / "data.csv").read_bytes(), GOOD)

    def test_nothing_is_left_behind_where_it_cannot_be_had(self):
        with self.assertRaisesRegex(SourceError, "no network"):
            fetch(Package(None), self.downloads)
        self.assertEqual(list(self.downloads.iterdir()), [])


class MakeCohorts(Scratch):
    def run_it(self, recipes, *arguments):
        self.printed = io.StringIO()
        with mock.patch.object(make_cohorts, "RECIPES", recipes), redirect_stdout(self.printed), \
                redirect_stderr(self.printed):
            return make_cohorts.main(["--out", str(self.out), *arguments])

    @staticmethod
    def recipe(*packages):
        def make(source, files):
            return Cohort("c", "binary", [Table("ehr", "table", ["a"], {"p": [files["data.csv"].decode()]})],
                          {"p": "1"}, "# c\n", source=str(source))
        return make_cohorts.Recipe(packages, make)

    def test_exit_codes(self):
        unreachable = Package(None, "b")
        good, bad = self.recipe(Package(GOOD, "g")), self.recipe(unreachable)
        self.assertEqual(self.run_it({"bad": bad, "also bad": bad}), 1)
        self.assertEqual(unreachable.asked, 1)  # who cannot be reached is not waited for twice
        self.assertIn("no network", self.printed.getvalue())
        self.assertIn(f"data.csv  (SHA-256 {Package.files[0].sha256})", self.printed.getvalue())
        wrong = make_cohorts.Recipe((Package(b"forged", "w", files=(DataFile("w.csv", "0" * 64),)),), good.make)
        self.assertEqual(self.run_it({"good": good, "wrong": wrong}), 3)
        self.assertIn("wrong: SKIPPED: CHECKSUM MISMATCH", self.printed.getvalue())
        self.assertTrue((self.out / "good" / folders.STAMP).is_file())
        self.assertFalse((self.out / "wrong").exists())
        self.assertEqual(self.run_it({"good": good, "wrong": wrong}, "good"), 0)
        self.assertIn("left alone", self.printed.getvalue())
        with self.assertRaises(SystemExit) as usage:
            self.run_it({"good": good}, "goood")
        self.assertEqual(usage.exception.code, 2)

    def test_second_choice_only_where_the_first_cannot_be_had(self):
        self.assertEqual(self.run_it({"c": self.recipe(Package(None, "first"), Package(GOOD, "second"))}), 0)
        self.assertIn("SECOND CHOICE", self.printed.getvalue())
        forged = Package(b"forged", "first", files=(DataFile("first.csv", "0" * 64),))
        second = Package(GOOD, "second")
        self.assertEqual(self.run_it({"d": self.recipe(forged, second)}), 1)
        self.assertEqual(second.asked, 0)

    def test_a_folder_of_somebody_else_is_left_alone(self):
        (self.out / "c").mkdir()
        (self.out / "c" / "precious").write_text("mine")
        self.assertEqual(self.run_it({"c": self.recipe(Package(GOOD))}), 1)
        self.assertEqual((self.out / "c" / "precious").read_text(), "mine")


if __name__ == "__main__":
    unittest.main()

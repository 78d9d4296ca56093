"""The decisions inside the real cohorts, on rows small enough to see."""

import math
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "data"))

import all_leukemia
import aml_bullinger
import mfeat
import tcga_acc


class Mfeat(unittest.TestCase):
    def test_groups_are_connected_components_over_the_views(self):
        views = {"one": ["a", "b", "b", "c", "d", "a"], "two": ["p", "q", "r", "r", "s", "t"]}
        # one: 0 = 5 and 1 = 2; two: 2 = 3; so {0, 5}, {1, 2, 3}, {4}
        self.assertEqual(mfeat.identical_objects(views, range(6)), {0: 0, 1: 1, 2: 1, 3: 1, 4: 4, 5: 0})
        self.assertEqual(mfeat.identical_objects(views, [1, 3, 4]), {1: 1, 3: 3, 4: 4})  # the link 2 is not there
        self.assertEqual(mfeat.identical_objects(views, []), {})

    def test_six_against_nine(self):
        def rows(values, width):
            return [[str(v)] * width for v in values]
        digits = [6, 1, 9, 6]
        def csv(view, header=True):
            lines = [",".join(map(str, range(len(view[0]) + 1)))] if header else []
            return "\n".join(lines + [",".join(row + [str(d)]) for row, d in zip(view, digits)]).encode()
        files = {"mfeat-pix.csv": csv(rows([0, 1, 2, 6], 240)), "mfeat-fou.csv": csv(rows(["0.10", 1, 2, 3], 76)),
                 "mfeat-mor.csv": csv(rows([5, 5, 5, 7], 6))}
        cohort = mfeat.six_against_nine(mfeat.FULL, files)
        self.assertEqual(cohort.labels, {"digit-0001": "0", "digit-0003": "1", "digit-0004": "0"})
        self.assertEqual(cohort.groups, {"digit-0001": "digit-0001", "digit-0003": "digit-0001",
                                         "digit-0004": "digit-0004"})
        ehr, image, genomics = cohort.modalities
        self.assertEqual((ehr.name, image.name, genomics.name), ("ehr", "image", "genomics"))
        self.assertEqual(image.pixels["digit-0003"], bytes([84] * 240))
        self.assertEqual(genomics.rows["digit-0001"], ["0.10"] * 76)  # the source's own text
        self.assertIn("Not patients", cohort.readme)


class TcgaAcc(unittest.TestCase):
    def test_label_of_three_years(self):
        label = tcga_acc.three_year_label
        self.assertEqual(label(True, 1095, None), "1")
        self.assertEqual(label(True, 1096, None), "0")
        self.assertEqual(label(False, None, 1096), "0")
        self.assertIsNone(label(False, None, 1095))
        self.assertIsNone(label(False, None, None))
        self.assertIsNone(label(True, None, 2000))

    def test_outcome(self):
        self.assertEqual(tcga_acc.outcome(True, 551, None), ("551", "1"))
        self.assertEqual(tcga_acc.outcome(False, None, 2000), ("2000", "0"))
        self.assertIsNone(tcga_acc.outcome(True, None, 2000))
        self.assertIsNone(tcga_acc.outcome(False, None, 0))

    def test_scales(self):
        self.assertEqual(tcga_acc.log2_counts([0, 1, 7]), [0, 1, 3])
        scaled = tcga_acc.log2_per_million([1, 3, 0])
        for value, expected in zip(scaled, (math.log2(250001), math.log2(750001), 0.0)):
            self.assertAlmostEqual(value, expected, places=12)
        self.assertTrue(all(math.isnan(v) for v in tcga_acc.log2_per_million([0, 0])))

    def test_nothing_that_leaks_is_kept(self):
        for column in tcga_acc.KEPT:
            self.assertNotIn(column, tcga_acc.DROPPED)
            for word in ("days", "vital", "cluster", "date"):
                self.assertNotIn(word, column.lower())


class AllLeukemia(unittest.TestCase):
    def test_clinical_columns(self):
        self.assertEqual(list(all_leukemia.KEPT), ["age", "sex"])
        self.assertFalse(set(all_leukemia.KEPT) & set(all_leukemia.DROPPED))


class AmlBullinger(unittest.TestCase):
    def test_nothing_that_leaks_is_kept(self):
        self.assertFalse(set(aml_bullinger.KEPT) & set(aml_bullinger.DROPPED))
        for column in ("time", "event", "Remission.status.", "Tx.Group."):
            self.assertIn(column, aml_bullinger.DROPPED)

    def test_published_split(self):
        split = aml_bullinger.published_split(["a", "b", "c"], ["test set", "training set", "training set"])
        self.assertEqual(split, {"train": ["b", "c"], "test": ["a"]})
        with self.assertRaises(aml_bullinger.CohortError):
            aml_bullinger.published_split(["a"], ["validation set"])


if __name__ == "__main__":
    unittest.main()

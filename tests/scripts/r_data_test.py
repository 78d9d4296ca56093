"""The reader of R's XDR serialisation against bytes put together by hand, as "R Internals" describes them."""

import bz2
import gzip
import lzma
import math
import random
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "data"))

import r_data
from r_values import Environment, RDataError, S4, matrix_of, strings_of

ATTRIBUTES, TAG = 0x200, 0x400
NULL = struct.pack(">i", 254)
R_NA_REAL = bytes.fromhex("7ff00000000007a2")  # a NaN whose low word is 1954


def word(*values):
    return struct.pack(f">{len(values)}i", *values)


def char(text, levels=64, encoding="ascii"):
    data = text.encode(encoding)
    return word(9 | levels << 12, len(data)) + data


def symbol(name):
    return word(1) + char(name)


def strings(*values, flags=0):
    return word(16 | flags, len(values)) + b"".join(word(9, -1) if v is None else char(v) for v in values)


def pairs(*items):
    """(name, bytes) cells, closed by NULL."""
    return b"".join(word(2 | TAG) + symbol(name) + value for name, value in items) + NULL


def workspace(name, value, version=3):
    encoding = word(5) + b"UTF-8" if version == 3 else b""
    return b"RDX%d\nX\n" % version + word(version, 0x40000, 0x20300) + encoding + pairs((name, value))


def load(value, version=3):
    return r_data.load(workspace("x", value, version))["x"]


class Values(unittest.TestCase):
    def test_numbers_and_their_missing_values(self):
        self.assertEqual(load(word(13, 3, 7, -(1 << 31), -1)).values, [7, None, -1])
        self.assertEqual(load(word(10, 3, 1, 0, -(1 << 31))).values, [1, 0, None])
        doubles = load(word(14, 3) + struct.pack(">dd", 0.1, -1e300) + R_NA_REAL).values
        self.assertEqual(list(doubles[:2]), [0.1, -1e300])
        self.assertTrue(math.isnan(doubles[2]))
        self.assertEqual(load(word(15, 1) + struct.pack(">dd", 1, -2)).values, [1 - 2j])

    def test_empty_vectors(self):
        for kind in (10, 13, 14, 15, 16, 19, 24):
            self.assertEqual(len(load(word(kind, 0))), 0, kind)
        self.assertEqual(r_data.load(b"RDX2\nX\n" + word(2, 1, 1) + NULL), {})

    def test_strings_in_their_encodings(self):
        latin = word(9 | 4 << 12, 1) + b"\xe9"
        utf8 = char("é", 8, "utf-8")
        self.assertEqual(load(word(16, 4) + latin + utf8 + word(9, -1) + char("")).values, ["é", "é", None, ""])

    def test_list_with_names_in_both_versions(self):
        value = word(19 | ATTRIBUTES, 2) + word(13, 1, 5) + strings("a") + pairs(("names", strings("n", "s")))
        for version in (2, 3):
            result = load(value, version)
            self.assertEqual(result.get("n").values, [5])
            self.assertEqual(result.get("s").values, ["a"])
            with self.assertRaises(RDataError):
                result.get("none")

    def test_factor_and_matrix(self):
        factor = word(13 | ATTRIBUTES, 3, 2, -(1 << 31), 1) + pairs(("levels", strings("B", "T")))
        self.assertEqual(strings_of(load(factor)), ["T", None, "B"])
        wrong = word(13 | ATTRIBUTES, 1, 3) + pairs(("levels", strings("B", "T")))
        with self.assertRaises(RDataError):
            strings_of(load(wrong))
        matrix = word(13 | ATTRIBUTES, 6, 1, 2, 3, 4, 5, 6) + pairs(("dim", word(13, 2, 2, 3)))
        self.assertEqual(matrix_of(load(matrix)), (2, 3, [1, 2, 3, 4, 5, 6]))

    def test_s4_object_with_a_slot(self):
        result = load(word(25 | 0x100 | ATTRIBUTES) + pairs(("slot", word(13, 1, 9)), ("class", strings("Thing"))))
        self.assertIsInstance(result, S4)
        self.assertEqual((result.class_name(), result.attribute("slot").values), ("Thing", [9]))

    def test_environment_that_contains_itself_and_a_symbol_met_twice(self):
        # References count symbols and environments in the order of their first bytes: x (1), the environment (2), me (3).
        frame = (word(2 | TAG) + symbol("me") + word(255 | 2 << 8)
                 + word(2 | TAG) + word(255 | 1 << 8) + word(13, 1, 4) + NULL)
        result = load(word(4, 0) + word(253) + frame + NULL + NULL)
        self.assertIsInstance(result, Environment)
        self.assertIs(result.frame["me"], result)
        self.assertEqual(result.frame["x"].values, [4])

    def test_environment_with_a_hash_table(self):
        table = word(19, 2) + NULL + pairs(("inside", word(13, 1, 3)))
        self.assertEqual(load(word(4, 0) + word(242) + NULL + table + NULL).frame["inside"].values, [3])

    def test_compact_forms(self):
        def alternative(name, state):
            information = word(2) + symbol(name) + NULL
            return word(238) + information + state + NULL

        sequence = word(14, 3) + struct.pack(">ddd", 4, 10, -2)
        self.assertEqual(load(alternative("compact_intseq", sequence)).values, [10, 8, 6, 4])
        self.assertEqual(list(load(alternative("compact_realseq", sequence)).values), [10.0, 8.0, 6.0, 4.0])
        wrapped = word(19, 2) + word(13, 1, 7) + word(13, 2, 0, 0)
        self.assertEqual(load(alternative("wrap_integer", wrapped)).values, [7])
        for bad in (word(14, 3) + struct.pack(">ddd", 1e18, 0, 1), word(14, 3) + struct.pack(">ddd", math.nan, 0, 1)):
            with self.assertRaises(RDataError):
                load(alternative("compact_intseq", bad))

    def test_functions_are_read_over(self):
        function = word(3 | TAG) + word(253) + NULL + symbol("body")
        both = word(19, 2) + function + word(13, 1, 8)
        self.assertEqual(load(both).values[1].values, [8])
        constants = word(2) + word(13) + word(13, 1, 1) + word(6) + NULL + word(1) + symbol("f") + word(254) + NULL
        code = word(21, 1) + word(13, 1, 10) + constants
        self.assertEqual(load(word(19, 2) + code + word(13, 1, 8)).values[1].values, [8])


class Compression(unittest.TestCase):
    def test_every_compression_gives_the_same(self):
        plain = workspace("x", strings("a", None))
        for pack in (bytes, gzip.compress, bz2.compress, lzma.compress):
            self.assertEqual(r_data.load(pack(plain))["x"].values, ["a", None])

    def test_limits(self):
        big = bytes(5000)
        for pack in (bytes, gzip.compress, bz2.compress, lzma.compress):
            self.assertEqual(r_data.decompress(pack(big), 5000), big)
            with self.assertRaises(RDataError):
                r_data.decompress(pack(big), 4999)
        for pack in (gzip.compress, bz2.compress, lzma.compress):
            with self.assertRaises(RDataError):
                r_data.decompress(pack(big)[:-5])


class DamagedFiles(unittest.TestCase):
    whole = workspace("x", word(19 | ATTRIBUTES, 3) + word(13, 1, 5) + strings("a", "b")
                      + word(4, 0) + word(253) + pairs(("k", word(14, 1) + bytes(8))) + NULL + NULL
                      + pairs(("names", strings("i", "s", "e"))))

    def test_cut_short_at_every_byte(self):
        r_data.load(self.whole)
        for end in range(len(self.whole)):
            with self.assertRaises(RDataError):
                r_data.load(self.whole[:end])

    def test_any_changed_byte_gives_a_value_or_the_one_error(self):
        draw = random.Random(1)
        refused = 0
        for at in range(5, len(self.whole)):
            for value in (0, 255, draw.randrange(256)):
                try:
                    r_data.load(self.whole[:at] + bytes([value]) + self.whole[at + 1:])
                except RDataError:
                    refused += 1
        self.assertGreater(refused, 100)

    def test_absurd_lengths_and_nesting(self):
        for value in (word(13, 0x7FFFFFFF), word(19, 0x7FFFFFFF), word(16, -2), word(13, -1, 1, 1), word(9, 1 << 30)):
            with self.assertRaises(RDataError):
                load(value)
        with self.assertRaises(RDataError):
            load(word(19, 1) * 100_000 + word(13, 0))
        with self.assertRaises(RDataError):
            load(word(255 | 99 << 8))
        with self.assertRaises(RDataError):
            r_data.load(self.whole + b"\0")
        with self.assertRaises(RDataError):
            r_data.load(b"PK\3\4 not R")

    def test_a_long_pairlist_is_no_nesting(self):
        cells = b"".join(word(2) + word(13, 1, i) for i in range(5000)) + NULL
        self.assertEqual([v.values[0] for v in load(cells).values], list(range(5000)))


if __name__ == "__main__":
    unittest.main()

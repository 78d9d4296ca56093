"""When clang-tidy has to look at a file again: when anything that its verdict depends on has changed, and only then."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import tidy

COMMAND = "c++ -std=c++20 -I. -o out/a.o -c a.cpp"


class Fingerprint(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name).resolve()
        (self.root / "a.cpp").write_text('#include <cstddef>\n#include "b.h"\nint a() { return b; }\n')
        (self.root / "b.h").write_text('#include "c.h"\n')
        (self.root / "c.h").write_text("inline constexpr int b = 1;\n")
        (self.root / "d.h").write_text("inline constexpr int d = 1;\n")

    def tearDown(self):
        self.folder.cleanup()

    def state(self, command=COMMAND, version="14", checks="bugprone-*"):
        return tidy.fingerprint(command, self.root, version, checks)

    def test_depends_on_the_projects_files_alone(self):
        self.assertEqual(tidy.depends_on(COMMAND, self.root), [self.root / name for name in ("a.cpp", "b.h", "c.h")])

    def test_a_source_outside_the_build_is_compiled_like_its_neighbour(self):
        known = str(self.root / "a.cpp")
        entries = {known: {"directory": str(self.root), "command": f"c++ -I. -o a.o -c {known}", "file": known}}
        self.assertIs(tidy.entry_of(known, entries), entries[known])
        other = tidy.entry_of(str(self.root / "e.cpp"), entries)
        self.assertEqual(other["command"], f"c++ -I. -o a.o -c {self.root / 'e.cpp'}")
        with self.assertRaises(SystemExit):
            tidy.entry_of("/elsewhere/e.cpp", entries)

    def test_what_changes_it(self):
        before = self.state()
        self.assertEqual(self.state(), before)
        (self.root / "d.h").write_text("// not included\n")
        self.assertEqual(self.state(), before)
        self.assertNotEqual(self.state(command=COMMAND + " -DX"), before)
        self.assertNotEqual(self.state(version="15"), before)
        self.assertNotEqual(self.state(checks="-*"), before)
        (self.root / "c.h").write_text("inline constexpr int b = 1;  // NOLINT\n")
        self.assertNotEqual(self.state(), before)


if __name__ == "__main__":
    unittest.main()

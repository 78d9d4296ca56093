"""The PNG writer, read back by hand: chunks, checksums, pixels."""

import struct
import sys
import unittest
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "data"))

from png import grey_png


def read_grey(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(data):
        length, = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        crc, = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
        assert crc == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert rest == [8, 0, 0, 0, 0]
    rows = zlib.decompress(chunks[1][1])
    assert len(rows) == height * (width + 1) and not any(rows[r * (width + 1)] for r in range(height))
    return width, height, b"".join(rows[r * (width + 1) + 1:(r + 1) * (width + 1)] for r in range(height))


class GreyPng(unittest.TestCase):
    def test_reads_back(self):
        for width, height in ((1, 1), (15, 16), (1, 300), (257, 3)):
            pixels = bytes((7 * i + i // 5) % 256 for i in range(width * height))
            self.assertEqual(read_grey(grey_png(width, height, pixels)), (width, height, pixels))

    def test_refuses_what_is_no_image(self):
        for width, height, pixels in ((2, 2, b"abc"), (0, 5, b""), (1, 1, [256])):
            with self.assertRaises(ValueError):
                grey_png(width, height, pixels)


if __name__ == "__main__":
    unittest.main()

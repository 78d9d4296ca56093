"""Writes 8-bit greyscale PNG files, and nothing else (PNG specification, third edition)."""

import struct
import zlib


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def grey_png(width, height, pixels):
    """The bytes of a PNG: `pixels` are width * height values 0..255, row-major, top row first."""
    pixels = bytes(pixels)
    if width < 1 or height < 1 or len(pixels) != width * height:
        raise ValueError(f"{width} x {height} pixels announced, {len(pixels)} given")
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits, grey, deflate, filters, not interlaced
    rows = b"".join(b"\x00" + pixels[r * width:(r + 1) * width] for r in range(height))  # each row: no filter
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9))
            + _chunk(b"IEND", b""))

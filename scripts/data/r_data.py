"""Reads R's saved workspaces (.rda, .RData): the XDR form of R's serialisation, versions 2 and 3.

Format: "R Internals", section 1.8 "Serialization Formats", of the R project's manuals. A file is a (compressed)
magic line "RDX2" or "RDX3", then "X\\n", three version numbers, and one item. Every item starts with 32 bits of
flags: type (bits 0-7), "is an object" (8), "has attributes" (9), "has a tag" (10), levels (from bit 12).

What comes out is described in r_values.py.

The file is not trusted: decompressed size, nesting and lengths are bounded, and whatever does not fit raises
RDataError with the byte offset.
"""

import array
import bz2
import lzma
import math
import struct
import sys
import zlib

from r_values import Environment, Opaque, RDataError, RValue, S4, Symbol, Vector

MAX_BYTES = 256 << 20  # after decompression; the largest file read here holds 17 MB
MAX_DEPTH = 150        # nested items (the deepest file read here: 50); each costs up to four stack frames
MAX_SEQUENCE = 10_000_000  # entries of a sequence that is stored as "from, how many, step"

NA_INTEGER = -(1 << 31)


def decompress(data, max_bytes=MAX_BYTES):
    """The plain bytes of a gzip, bzip2, xz or uncompressed file, at most max_bytes of them."""
    try:
        if data[:2] == b"\x1f\x8b":
            machine = zlib.decompressobj(wbits=31)
            plain = machine.decompress(data, max_bytes + 1)
        elif data[:3] == b"BZh":
            machine = bz2.BZ2Decompressor()
            plain = machine.decompress(data, max_length=max_bytes + 1)
        elif data[:6] == b"\xfd7zXZ\x00":
            machine = lzma.LZMADecompressor(memlimit=MAX_BYTES)
            plain = machine.decompress(data, max_length=max_bytes + 1)
        else:
            machine = None
            plain = data
    except (zlib.error, OSError, lzma.LZMAError, ValueError) as error:
        raise RDataError(f"the compressed data is damaged: {error}") from None
    if len(plain) > max_bytes:
        raise RDataError(f"more than {max_bytes} bytes after decompression; refusing to read on")
    if machine is not None and not machine.eof:
        raise RDataError("the compressed data ends early: the file is cut short")
    return plain


def load(data):
    """The workspace in `data` (bytes of an .rda or .RData file): a dict from variable name to value."""
    plain = decompress(data)
    if plain[:5] not in (b"RDX2\n", b"RDX3\n"):
        raise RDataError("not an R workspace: it starts neither with RDX2 nor with RDX3")
    item = _Reader(plain, 5).serialisation()
    if item is None:
        return {}
    if not isinstance(item, Vector) or item.kind != "pairlist":
        raise RDataError("the workspace holds no list of variables")
    return dict(zip(item.names(), item.values))


class _Reader:
    _SPECIAL = {
        254: None, 253: Environment("global"), 252: Symbol(""), 251: Symbol(""), 247: None,
        242: Environment("empty"), 241: Environment("base"),
    }

    def __init__(self, data, offset):
        self._data = data
        self._at = offset
        self._references = []

    # --- bytes ---------------------------------------------------------------------------------------------
    def _fail(self, message):
        raise RDataError(f"byte {self._at}: {message}")

    def _take(self, count):
        if count < 0 or count > len(self._data) - self._at:
            self._fail(f"{count} bytes wanted, {len(self._data) - self._at} are left: cut short or damaged")
        start = self._at
        self._at += count
        return self._data[start:self._at]

    def _int(self):
        return struct.unpack(">i", self._take(4))[0]

    def _length(self, bytes_each):
        """A length field; bytes_each is the least that one entry takes, so that no absurd length is believed."""
        length = self._int()
        if length == -1:  # long vector: two more words
            high, low = self._int(), self._int() & 0xFFFFFFFF
            length = (high << 32) | low
        if length < 0 or length * bytes_each > len(self._data) - self._at:
            self._fail(f"a length of {length} cannot be right: the file ends before that")
        return length

    def _numbers(self, code, length):
        values = array.array(code)
        values.frombytes(self._take(length * values.itemsize))
        if sys.byteorder == "little":
            values.byteswap()
        return values

    # --- items ---------------------------------------------------------------------------------------------
    def serialisation(self):
        """Header and the one item of a serialisation."""
        if self._take(2) != b"X\n":
            self._fail("only the XDR form of R's serialisation is read here")
        version, _writer, _least = self._int(), self._int(), self._int()
        if version not in (2, 3):
            self._fail(f"serialisation version {version}; this reader knows 2 and 3")
        if version == 3:
            self._take(self._length(1))  # the writer's native encoding; strings say their own
        item = self._item(0)
        if self._at != len(self._data):
            self._fail(f"{len(self._data) - self._at} bytes follow the last item")
        return item

    def _item(self, depth):
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels of nesting")
        flags = self._int()
        kind = flags & 0xFF
        has_attributes, has_tag = bool(flags & 0x200), bool(flags & 0x400)

        if kind in self._SPECIAL:
            if kind == 247:
                return self._remember(self._names_record("persistent"))
            return self._SPECIAL[kind]
        if kind == 255:
            return self._reference(flags)
        if kind == 1:
            return self._symbol(depth)
        if kind in (249, 250):  # namespace, package
            return self._remember(self._names_record("namespace" if kind == 249 else "package"))
        if kind == 4:
            return self._environment(depth)
        if kind in (2, 6):
            return self._pairlist(flags, depth)
        if kind in (3, 5):
            return self._function(flags, depth)
        if kind == 238:
            return self._alternative(depth)

        value = self._vector(kind, flags, depth)
        if has_tag:
            self._fail(f"an item of type {kind} has a tag")
        if has_attributes and kind != 9:
            self._attributes(value, depth)
        elif has_attributes:
            self._item(depth + 1)  # a string's attributes mean nothing here, but must be read over
        return value

    def _vector(self, kind, flags, depth):
        if kind == 9:
            return self._string(flags)
        if kind in (10, 13):
            raw = self._numbers("i", self._length(4))
            values = [None if v == NA_INTEGER else v for v in raw]
            return Vector("logical" if kind == 10 else "integer", values)
        if kind == 14:
            return Vector("double", self._numbers("d", self._length(8)))
        if kind == 15:
            pairs = self._numbers("d", 2 * self._length(16))
            return Vector("complex", [complex(pairs[i], pairs[i + 1]) for i in range(0, len(pairs), 2)])
        if kind == 16:
            values = [self._item(depth + 1) for _ in range(self._length(4))]
            if not all(v is None or isinstance(v, str) for v in values):
                self._fail("a character vector holds something else than strings")
            return Vector("character", values)
        if kind in (19, 20):
            return Vector("list", [self._item(depth + 1) for _ in range(self._length(4))])
        if kind == 24:
            return Vector("raw", self._take(self._length(1)))
        if kind == 25:
            return S4()
        if kind == 21:
            self._int()  # how many shared calls the code holds; they are not kept
            self._byte_code(depth)
            return Opaque()
        if kind in (7, 8):  # built-in functions: a name
            self._take(self._length(1))
            return Opaque()
        if kind == 22:
            pointer = self._remember(Opaque())  # first: what it protects may refer to it
            self._item(depth + 1)
            self._item(depth + 1)
            return pointer
        if kind == 23:
            return self._remember(Opaque())
        self._fail(f"items of type {kind} are not read here")

    def _string(self, flags):
        length = self._int()
        if length == -1:
            return None
        data = self._take(length)
        # Levels say the encoding: 4 = Latin-1, 8 = UTF-8, 64 = ASCII. Without any, take UTF-8 where it fits.
        if (flags >> 12) & 4:
            return data.decode("latin-1")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    def _attributes(self, value, depth):
        pairs = self._item(depth + 1)
        if pairs is None:
            return
        if not isinstance(pairs, Vector) or pairs.kind != "pairlist":
            self._fail("attributes must be a pairlist")
        value.attributes.update(zip(pairs.names(), pairs.values))

    def _pairlist(self, flags, depth):
        """Cells are chained, so they are read in a loop: the length of a list is no nesting."""
        values, names = [], []
        result = Vector("pairlist", values)
        first = True
        while True:
            if flags & 0x200:
                holder = result if first else Vector("pairlist", [])  # later cells' attributes have no meaning
                self._attributes(holder, depth)
            tag = self._item(depth + 1) if flags & 0x400 else ""
            if not isinstance(tag, str):
                self._fail("the tag of a list entry must be a name")
            names.append(str(tag))
            values.append(self._item(depth + 1))
            first = False
            here = self._at
            flags = self._int()
            if flags & 0xFF == 254:
                break
            if flags & 0xFF not in (2, 6):
                self._at = here  # a dotted pair: the rest is one more value
                names.append("")
                values.append(self._item(depth + 1))
                break
        if any(names):
            result.attributes["names"] = Vector("character", names)
        return result

    def _function(self, flags, depth):
        """Stored like one list cell: attributes, environment (the tag), arguments, body."""
        result = Opaque()
        if flags & 0x200:
            self._attributes(result, depth)
        for _ in range(3 if flags & 0x400 else 2):
            self._item(depth + 1)
        return result

    def _byte_code(self, depth):
        """Reads over a compiled function: the code as an integer vector, then its typed constants."""
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels of nesting")
        self._item(depth + 1)
        for _ in range(self._length(4)):
            kind = self._int()
            if kind == 21:
                self._byte_code(depth + 1)
            else:
                self._code_constant(kind, depth + 1)

    def _code_constant(self, kind, depth):
        """One constant. Calls and lists are chains of (attributes, tag, value, rest), the types standing before."""
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels of nesting")
        while True:
            if kind == 243:  # a shared call, met before
                self._int()
                return
            if kind == 244:  # a call that will be shared: its number, then what it is
                self._int()
                kind = self._int()
            if kind not in (2, 6, 239, 240):
                self._item(depth + 1)
                return
            if kind in (239, 240):
                self._item(depth + 1)  # attributes
            self._item(depth + 1)      # tag
            self._code_constant(self._int(), depth + 1)
            kind = self._int()

    def _symbol(self, depth):
        name = self._item(depth + 1)
        if name is not None and not isinstance(name, str):
            self._fail("a symbol must have a name")
        return self._remember(Symbol("NA" if name is None else name))

    def _names_record(self, label):
        """Namespaces, packages and persistent objects: only the names that they are known by are stored."""
        if self._int() != 0:
            self._fail("names inside a persistent name are not defined")
        parts = []
        for _ in range(self._length(4)):
            part = self._item(MAX_DEPTH)
            if part is not None and not isinstance(part, str):
                self._fail("a persistent name must be made of strings")
            parts.append(str(part))
        return Environment(f"{label}:{'/'.join(parts)}")

    def _environment(self, depth):
        result = self._remember(Environment())  # first: what is inside may refer to it
        self._int()  # locked or not
        _enclosing, frame, table, attributes = (self._item(depth + 1) for _ in range(4))
        chains = [frame] + (list(table.values) if isinstance(table, Vector) else [])
        for chain in chains:
            if isinstance(chain, Vector) and chain.kind == "pairlist":
                result.frame.update(zip(chain.names(), chain.values))
        if isinstance(attributes, Vector):
            result.attributes.update(zip(attributes.names(), attributes.values))
        return result

    def _alternative(self, depth):
        """ALTREP, the compact forms of version 3: information (class), state, attributes."""
        information, state, attributes = (self._item(depth + 1) for _ in range(3))
        name = information.values[0] if isinstance(information, Vector) and information.values else ""
        if name in ("compact_intseq", "compact_realseq"):
            if not isinstance(state, Vector) or state.kind != "double" or len(state) != 3:
                self._fail("a compact sequence must hold length, first value and step")
            length, start, step = state.values
            if not (0 <= length <= MAX_SEQUENCE and math.isfinite(start) and math.isfinite(step)):
                self._fail("a compact sequence of absurd length, start or step")
            whole = name == "compact_intseq"
            values = [start + step * i for i in range(int(length))]
            value = Vector("integer", [int(v) for v in values]) if whole else Vector("double", array.array("d", values))
        elif name.startswith("wrap_") and isinstance(state, Vector) and len(state) > 0:
            value = state.values[0]  # the vector itself; the rest says whether it is sorted
        elif name == "deferred_string" and isinstance(state, Vector) and len(state) > 0:
            numbers = state.values[0]
            if not isinstance(numbers, Vector) or numbers.kind != "integer":
                self._fail("deferred strings are only read where they stand for integers")
            value = Vector("character", [None if v is None else str(v) for v in numbers.values])
        else:
            self._fail(f"the compact form '{name}' is not known here")
        if isinstance(attributes, Vector) and isinstance(value, RValue):
            value.attributes.update(zip(attributes.names(), attributes.values))
        return value

    # --- references ----------------------------------------------------------------------------------------
    def _remember(self, value):
        self._references.append(value)
        return value

    def _reference(self, flags):
        index = flags >> 8
        if index == 0:
            index = self._int()
        if not 1 <= index <= len(self._references):
            self._fail(f"reference to item {index}, of which there are {len(self._references)}")
        return self._references[index - 1]

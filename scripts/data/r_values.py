"""What R's values become in Python: vectors, S4 objects, environments, names. Read by r_data.py.

  NULL                     None
  logical, integer         Vector of int or None (None is NA)
  double, complex          Vector of float (NA is a NaN) or complex
  character                Vector of str or None
  list, expression         Vector of anything
  pairlist, call           Vector with the tags as attribute "names"
  S4 object                S4 (slots are its attributes)
  environment              Environment (compared by identity, contents readable)
  symbol                   Symbol
  function, pointer, ...   Opaque (S4 objects drag the environments of their methods along)
"""


class RDataError(Exception):
    """The bytes are not an R workspace this reader understands."""


class RValue:
    """Anything that can carry attributes. `attributes` is a dict from name to value."""

    def __init__(self):
        self.attributes = {}

    def attribute(self, name):
        """The attribute (for S4: the slot), or an RDataError that says which one is missing."""
        if name not in self.attributes:
            raise RDataError(f"no attribute or slot '{name}'; there are: {', '.join(sorted(self.attributes))}")
        return self.attributes[name]

    def class_name(self):
        """First entry of the class attribute, or ''."""
        value = self.attributes.get("class")
        return value.values[0] if isinstance(value, Vector) and value.values else ""


class Vector(RValue):
    """An R vector: `kind` (logical, integer, double, complex, character, list, raw, pairlist) and `values`."""

    def __init__(self, kind, values):
        super().__init__()
        self.kind = kind
        self.values = values

    def __len__(self):
        return len(self.values)

    def names(self):
        value = self.attributes.get("names")
        return list(value.values) if isinstance(value, Vector) else []

    def get(self, name):
        """The entry of that name, or an RDataError."""
        names = self.names()
        if name not in names:
            raise RDataError(f"no entry '{name}'; there are: {', '.join(map(str, names))}")
        return self.values[names.index(name)]


class S4(RValue):
    """An S4 object; its slots are its attributes."""


class Environment(RValue):
    """An R environment: `frame` holds name -> value; `label` names the special ones (global, base, empty, ...)."""

    def __init__(self, label=""):
        super().__init__()
        self.label = label
        self.frame = {}


class Opaque(RValue):
    """A function, promise, byte code, external pointer or weak reference: nothing that data could be read from."""


class Symbol(str):
    """An R name."""


def strings_of(value):
    """A character vector or a factor as a list of str or None."""
    if not isinstance(value, Vector):
        raise RDataError("a character vector or a factor was expected")
    if value.kind == "integer" and "levels" in value.attributes:
        levels = value.attributes["levels"].values
        if not all(v is None or 1 <= v <= len(levels) for v in value.values):
            raise RDataError("a factor's code has no level")
        return [None if v is None else levels[v - 1] for v in value.values]
    if value.kind != "character":
        raise RDataError(f"a character vector or a factor was expected, this is {value.kind}")
    return list(value.values)


def matrix_of(value):
    """A numeric matrix: (rows, columns, values), values column-major as R keeps them."""
    if not isinstance(value, Vector) or "dim" not in value.attributes:
        raise RDataError("a matrix was expected")
    dim = value.attributes["dim"].values
    if len(dim) != 2 or dim[0] * dim[1] != len(value):
        raise RDataError("a matrix's dimensions do not match its length")
    return dim[0], dim[1], value.values

"""Mutants of a kernel file: every place where an operator of tests/mutation/operators.md applies. Standard library.

Works on the text. Comments, strings, preprocessor lines, and what only nvcc sees (#ifdef __CUDACC__) are left alone.
"""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Mutant:
    operator: str
    start: int  # the text from start to end becomes `new`
    end: int
    new: str

    def apply(self, text):
        return text[: self.start] + self.new + text[self.end :]

    def line(self, text):
        return text.count("\n", 0, self.start) + 1

    def diff(self, text):
        """The changed lines, before and after, without their indentation; equal texts are the same mutant."""
        first = text.rfind("\n", 0, self.start) + 1
        last = text.find("\n", self.end)
        last = len(text) if last < 0 else last
        tidy = lambda part: [line.strip() for line in part.split("\n")]
        return tidy(text[first:last]), tidy(text[first : self.start] + self.new + text[self.end : last])


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def code_of(text):
    """The text with everything that is not to be mutated blanked out; offsets and lines stay."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'(?!\w)", blank, text, flags=re.S)
    lines, hidden = [], []  # hidden: a stack of conditions, True where the host's compiler does not read
    for line in text.split("\n"):
        directive = re.match(r"\s*#\s*(\w+)\s*(\w*)", line)
        if directive:
            word, name = directive.groups()
            if word in ("if", "ifdef", "ifndef"):
                hidden.append(word == "ifdef" and name == "__CUDACC__")
            elif word == "else" and hidden:
                hidden[-1] = False
            elif word == "endif" and hidden:
                hidden.pop()
        ignored = directive or any(hidden) or re.match(r"\s*(template (?!<)|using |static_assert|namespace )", line)
        lines.append(" " * len(line) if ignored else line)
    return "\n".join(lines)


# One side of an operation that can be moved without parentheses.
ATOM = r"[A-Za-z_][\w.:]*(?:\[[^\[\]]*\])*(?:\([^()]*\))?|\d[\w.]*"

# name, pattern, replacement (a string for re.expand, or a function of the match). A pattern is matched everywhere, and
# where it has a group named `at`, only that part is replaced.
BARRIER = r"(?:\w+::)?(?:__syncthreads|__syncwarp|named_barrier_sync|named_barrier_arrive)\([^;{}]*\);"
PATTERNS = [
    ("drop_barrier", BARRIER, ";"),
    ("move_barrier", rf"(?P<barrier>{BARRIER})(?P<space>\n\s*)(?P<next>[^\n{{}}]*;)(?=\n)", r"\g<next>\g<space>\g<barrier>"),
    ("move_barrier", rf"(?<=\n)(?P<indent>[ ]*)(?P<before>[^\n{{}}]*;)(?P<space>\n\s*)(?P<barrier>{BARRIER})",
     r"\g<indent>\g<barrier>\g<space>\g<before>"),
    ("drop_wait", r"(?:\w+::)?async_(?:wait(?:<[^>]*>)?|commit)\(\w*\);", ";"),
    ("short_wait", r"async_wait<(?P<at>[^>]*)>", r"(\g<at>) + 1"),
    ("lane_mask", r"\b(?:device::)?full_warp\b", "0x0000FFFFu"),
    ("lane_mask", r"\b0xFFFFFFFFu\b", "0x7FFFFFFFu"),
    ("swap_axis", r"\b(?:threadIdx|blockIdx|blockDim|gridDim)\.(?P<at>[xy])\b", lambda m: "xy"["xy".index(m["at"]) ^ 1]),
    ("swap_index", r"(?P<a>\[[^\[\]]+\])(?P<b>\[[^\[\]]+\])(?!\s*[;{]\n)", r"\g<b>\g<a>"),
    ("shift_index", r"(?<=\w)\[(?P<at>[^\[\]]*[a-zA-Z][^\[\]]*)\]", r"\g<at> + 1"),
    ("bound", r" (?P<at><=?|>=?) (?!\{)", lambda m: {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[m["at"]]),
    ("off_by_one", r" [+-] 1\b(?![.])", ""),
    ("off_by_one", r"(?<= [<>] )(?P<at>[A-Za-z_][\w.]*)(?=;| \?|\) )", r"\g<at> - 1"),
    ("arithmetic", r" (?P<at>[-+*/%]) ", lambda m: {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/"}[m["at"]]),
    ("swap_operands", rf"(?P<a>{ATOM}) (?P<op>[-/%]) (?P<b>{ATOM})", r"\g<b> \g<op> \g<a>"),
    ("swap_operands", r"(?P<head>fmaf?\((?:[^(),]|\([^()]*\))*), (?P<a>(?:[^(),]|\([^()]*\))*), (?P<b>(?:[^(),]|\([^()]*\))*)\)",
     r"\g<head>, \g<b>, \g<a>)"),
    ("swap_operands", r"(?<![\w.])(?P<name>(?!if|for|while|switch|return|max\(|min\()[a-z_]\w*)\((?P<a>[\w.]+), (?P<b>[\w.]+)\)", r"\g<name>(\g<b>, \g<a>)"),
    ("stride", r"(?<!_t )(?<!int )(?<!auto )(?P<at>\b[\w.]*(?:stride|pitch|leading)\w*\b)(?!\s*(?:\(|=[^=]))", r"(\g<at> + 1)"),
    ("constant", r"(?<![\w.])(?:device::)?warp_size\b", "16"),
    ("constant", r"(?<![\w.])(?P<at>\d+)(?![\w.])", lambda m: {0: "1", 1: "2"}.get(int(m["at"]), str(int(m["at"]) // 2))),
    ("drop_guard", r"\bif \((?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\))*\) (?:return|continue|break)[^;\n]*;", ";"),
    ("negate", r"(?<=\bif )\((?P<at>(?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\))+)\)", r"!(\g<at>)"),
    ("connective", r" (?P<at>&&|\|\|) ", lambda m: {"&&": "||", "||": "&&"}[m["at"]]),
    ("select", r"(?:(?<=\()|(?<=[^=!<>]= )|(?<=return )|(?<=, )|(?<=\[))(?P<at>(?:[^?:,;=\n{}]|[=!<>]=|::)+)(?= \? )", "true"),
    ("select", r"(?:(?<=\()|(?<=[^=!<>]= )|(?<=return )|(?<=, )|(?<=\[))(?P<at>(?:[^?:,;=\n{}]|[=!<>]=|::)+)(?= \? )", "false"),
    ("accumulate", r" (?P<at>[-+*|&^]=) ", "="),
    ("accumulate", r"GradMode::(?P<at>overwrite|accumulate)\b",
     lambda m: {"overwrite": "accumulate", "accumulate": "overwrite"}[m["at"]]),
    ("drop_statement", r"(?<=\n)[ ]+(?P<at>[\w.\->]+(?:\[[^\n=]*\])* [-+*/|&^]?= [^\n{}]*;)(?=\n)", ";"),
    ("drop_statement", r"(?<=\n)[ ]+(?P<at>(?!return\b)[\w.:]+(?:<[^\n;()]*>)?\([^\n{}]*\);)(?=\n)", ";"),
]
OPERATORS = sorted({name for name, _, _ in PATTERNS})

# In front of the [ of an array's declaration: a type, perhaps other arrays, a name. A larger array is no mistake.
DECLARATION = re.compile(
    r"\s*(?:(?:static|constexpr|const) )*(?!(?:return|else|case)\b)[A-Za-z_][\w:]*(?:<[^;=]*>)? (?:\w+(?:\[[^\]]*\])*(?: = \{\})?, )*\w+(?:\[[^\]]*\])*\[")


def condition_of(text):
    """Where a condition begins in what stands in front of its question mark: behind the last ( that stays open."""
    still_open = []
    for i, letter in enumerate(text):
        if letter == "(":
            still_open.append(i + 1)
        elif letter == ")" and still_open:
            still_open.pop()
    return still_open[-1] if still_open else 0


def mutants(text):
    """All mutants of a file, by place; no two give the same text."""
    code, found, texts = code_of(text), [], set()
    for name, pattern, replacement in PATTERNS:
        for match in re.finditer(pattern, code):
            group = "at" if "at" in match.re.groupindex else 0
            start, end = match.span(group)
            new = replacement(match) if callable(replacement) else match.expand(replacement)
            if name == "select":
                start += condition_of(code[start:end])
            if new == text[start:end] or (start, end, new) in texts or text[start:end].count(")") > text[start:end].count("("):
                continue
            if name == "drop_statement" and (
                re.match(BARRIER, text[start:end]) or not code[:start].rstrip().endswith((";", "{", "}"))
            ):
                continue  # drop_barrier's, or the end of a statement
            if name == "shift_index" and DECLARATION.fullmatch(code[code.rfind("\n", 0, start) + 1 : start]):
                continue
            texts.add((start, end, new))
            found.append(Mutant(name, start, end, new))
    return sorted(found, key=lambda m: (m.start, m.end, m.operator, m.new))

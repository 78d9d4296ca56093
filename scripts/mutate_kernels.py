#!/usr/bin/env python3
"""Do the tests of the kernels notice a mistake? Plants one at a time and runs the tests under the checker.

A mutant is one small change of kernels/cuda/ or kernels/device/ (tests/mutation/operators.md). The changed file is compiled
as for checked_tests, but without optimisation, and linked in front of the rest; the tests of the op run until the first
failure. A mutant is killed when a test fails, the checker reports, the program crashes or does not end in time. One that does
not compile, or gives the same machine code, is no mutant. Survivors that change nothing anybody could see are listed in
tests/mutation/equivalent.txt.

    scripts/mutate_kernels.py --sample 60 --seed 1
    scripts/mutate_kernels.py --sample 0 --files 'kernels/cuda/gather.cu'     every mutant of a file

Which tests: kernels/cuda/<op>*.cu is tested by tests/kernels/cuda/<op>_test.cpp, the longest <op> that fits; a header by the
tests of the files that include it, and one of kernels/device/ by the conformance tests as well.
Exit 1 when fewer than --minimum percent are killed.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

import mutation_operators

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = "tests/kernels/cuda/checked_tests"
OBJECT = re.compile(r"(?:plait_gpu_checked|conformance_checked)\.dir/")


class Build:
    """The build folder: how each kernel file is compiled, what it includes, how the tests are linked."""

    def __init__(self, folder):
        self.folder = folder
        commands = self.ninja("commands", PROGRAM).splitlines()
        self.link = commands[-1]
        self.compile = {}  # source -> (words, object)
        for command in commands:
            words = shlex.split(command)
            target = words[words.index("-o") + 1] if "-o" in words else ""
            if "-c" in words and OBJECT.search(target):
                source = pathlib.Path(words[words.index("-c") + 1]).resolve().relative_to(ROOT)
                self.compile[str(source)] = (words, target)
        self.includes = {source: self.headers(target) for source, (_, target) in self.compile.items()}

    def ninja(self, tool, target):
        done = subprocess.run(["ninja", "-C", self.folder, "-t", tool, target], capture_output=True, text=True, check=True)
        return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ninja:"))

    def headers(self, target):
        found = set()
        for line in self.ninja("deps", target).splitlines()[1:]:
            path = pathlib.Path(self.folder, line.strip()).resolve()
            if path.is_relative_to(ROOT):
                found.add(str(path.relative_to(ROOT)))
        return found

    def users(self, path, name):
        """The .cu files to try a changed file in, one after the other: itself, or of those that include it some three that
        speak of what is changed."""
        if path in self.compile:
            return [path]
        found = [source for source, headers in self.includes.items() if path in headers]
        stem = pathlib.Path(path).stem.split("_")[0]
        size = lambda source: pathlib.Path(self.folder, self.compile[source][1]).stat().st_size  # small is quick
        speaks = lambda source: any(re.search(rf"\b{name}\b", (ROOT / file).read_text())
                                    for file in {source} | self.includes[source] - {path} if not file.startswith("build"))
        found.sort(key=lambda u: (not speaks(u), not u.startswith("tests/"), not pathlib.Path(u).stem.startswith(stem), size(u)))
        return found[:3]


def name_around(text, start):
    """The function, class or constant of the file that a place of the text belongs to."""
    heads = re.findall(r"^(?:struct|class) (?:alignas\(.*\) )?(\w+)|^(?!template|namespace|using|PLAIT)\w[\w:<>,&* ]*?\b(\w+)(?: = |\()",
                       text[: text.find("\n", start)], re.M)
    return "".join(heads[-1]) if heads else ""


def suites_of(source):
    """The test suites that judge a .cu file."""
    folder = ROOT / "tests/kernels/cuda"
    if source.startswith("tests/"):
        return {"Conformance", "ConformanceOfMatrices"}
    stem = pathlib.Path(source).stem
    fitting = [t for t in folder.glob("*_test.cpp") if stem.startswith(t.stem.removesuffix("_test"))]
    if not fitting:
        return set()
    text = max(fitting, key=lambda t: len(t.stem)).read_text()
    return set(re.findall(r"^TEST(?:_F|_P)?\((\w+),", text, re.M))


def limits(seconds):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))


def silent_tools():
    """A folder whose addr2line says nothing."""
    folder = tempfile.TemporaryDirectory(prefix="mutant-")
    pathlib.Path(folder.name, "addr2line").symlink_to("/bin/true")
    return folder


TOOLS = silent_tools()
ENVIRONMENT = dict(os.environ, PATH=f"{TOOLS.name}:{os.environ['PATH']}")


def run(command, cwd, seconds):
    """(exit status or None where time ran out, what was said). Seconds of processor time, which other load does not change."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=cwd, stdout=said, stderr=subprocess.STDOUT, env=ENVIRONMENT,
                                   stdin=subprocess.DEVNULL, preexec_fn=lambda: limits(seconds))
        try:
            status = process.wait(20 * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = None
        if status == -signal.SIGXCPU:
            status = None
        said.seek(0)
        return status, said.read(1 << 22).decode(errors="replace")


class Bench:
    """A folder in which one .cu file is compiled with one variant of one file, linked and tested."""

    def __init__(self, build, folder, source, path, text):
        self.build, self.folder, self.source = build, pathlib.Path(folder), source
        changed = self.folder / "tree" / path
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(text)
        self.place = changed if source == path else ROOT / source
        self.object = self.folder / "changed.o"

    def compile(self, level="-O0"):
        """Without optimisation: a mutant is compiled once and mostly dies early."""
        words = [w for w in self.build.compile[self.source][0] if not w.endswith("ccache") and w not in ("-MD", "-g1")]
        for option in ("-MF", "-MT", "-o", "-c"):
            at = words.index(option)
            del words[at : at + 2]
        # -g0 and the map: the same code gives the same bytes wherever it was compiled.
        tree = self.folder / "tree"
        words[1:1] = ["-w", f"-I{tree}"]
        words += [level, "-g0", f"-ffile-prefix-map={tree}=.", "-o", str(self.object), "-c", str(self.place)]
        status, self.said = run(words, self.build.folder, 900)
        return status == 0

    def link(self):
        words = shlex.split(self.build.link)
        words = words[words.index("&&") + 1 :]  # ": && c++ ... && the tests are listed"
        words = [w for w in words[: words.index("&&")] if w != self.build.compile[self.source][1]]
        # In front of the rest: the library's own object is not taken, and what both have inline is taken from here.
        words.insert(next(i for i, w in enumerate(words) if w.endswith(".o")), str(self.object))
        words[words.index("-o") + 1] = str(self.folder / "tests")
        status, self.said = run(words, self.build.folder, 300)
        return status == 0

    def test(self, seconds, slow):
        """The quick tests first: most mutants do not survive them."""
        quick = test(self.folder / "tests", self.source, self.build.folder, seconds, "-" + ":".join(slow))
        if quick[0] != 0 or not slow:
            return quick
        return test(self.folder / "tests", self.source, self.build.folder, seconds, ":".join(slow))


def test(program, source, folder, seconds, chosen="-"):
    """chosen: a filter, or behind a - what to leave out of all the source's tests. The checker asks addr2line for every
    address that it reports; nobody reads these lines, so here it is answered at once."""
    if chosen.startswith("-"):
        chosen = ":".join(f"{suite}.*:*/{suite}.*" for suite in sorted(suites_of(source))) + chosen
    return run([str(program), f"--gtest_filter={chosen}", "--gtest_fail_fast"], folder, seconds)


def verdict(status, said):
    if status == 0:
        return "survived"
    if status is None:
        return "killed: does not end"
    if status < 0:
        return "killed: crash"
    reports = r"race on|uninitialised|out of bounds|outside of|behind the end|in front of an array|no memory of|misaligned|index -?\d+ into|deadlock|divergent|wrong lane mask|absent lane|copies|on its way|released"
    return "killed: checker" if re.search(reports, said) else "killed: test"


class Judge:
    def __init__(self, build):
        self.build = build
        self.program = pathlib.Path(build.folder, PROGRAM)
        self.unchanged = {}  # (source, file that would be changed) -> the object without a change
        self.locks = collections.defaultdict(threading.Lock)
        # Suites -> (seconds of processor time that they take, the tests that take most of it); None where they fail by
        # themselves. Kept beside the program.
        self.note = self.program.parent / "mutation_times.json"
        self.version = self.program.stat().st_mtime_ns
        noted = json.loads(self.note.read_text()) if self.note.exists() else {}
        self.seconds = noted.get("seconds", {}) if noted.get("version") == self.version else {}

    def measured(self, source):
        """Without a mutation the tests must pass; how long they take sets the limit."""
        suites = ":".join(sorted(suites_of(source)))
        with self.locks[suites]:
            if suites not in self.seconds:
                self.seconds[suites] = self.measure(source, suites)
                with self.locks["the note"]:
                    passing = {key: value for key, value in self.seconds.items() if value is not None}
                    self.note.write_text(json.dumps({"version": self.version, "seconds": passing}))
        return self.seconds[suites]

    def measure(self, source, suites):
        if not suites:
            print(f"{source}: left out, it has no tests", flush=True)
            return None
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status, said = test(self.program, source, self.build.folder, 900)
        if status != 0:
            print(f"{source}: left out, its tests fail without a mutation\n{said[-1500:]}", flush=True)
            return None
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = {name: int(ms) for name, ms in re.findall(r"OK \] (\S+) \((\d+) ms\)", said)}
        slow = [name for name, ms in times.items() if ms > sum(times.values()) / 10 and len(times) > 1]
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, slow

    def object_of(self, source, path, text):
        with self.locks[source, path]:
            if (source, path) not in self.unchanged:
                with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
                    bench = Bench(self.build, folder, source, path, text)
                    self.unchanged[source, path] = bench.object.read_bytes() if bench.compile("-O1") else b""
        return self.unchanged[source, path]

    def judge(self, path, text, mutant):
        """(verdict, what was said)"""
        result = "left out"
        for source in self.build.users(path, name_around(text, mutant.start)):
            measured = self.measured(source)
            if measured is None:
                continue
            seconds, slow = measured
            with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
                bench = Bench(self.build, folder, source, path, mutant.apply(text))
                if not bench.compile() or not bench.link():
                    return "does not compile", bench.said
                status, said = bench.test(20 + 10 * seconds, slow)
                if status != 0:
                    return verdict(status, said), said
                same = bench.compile("-O1") and bench.object.read_bytes() == self.object_of(source, path, text)
                if result == "left out" or not same:
                    result = "same code" if same else "survived"
        return result, ""


def read_equivalents():
    """[(file pattern, old lines, new lines, reason)] of tests/mutation/equivalent.txt."""
    entries, entry = [], None
    for line in (ROOT / "tests/mutation/equivalent.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        key, rest = line[0], line[1:].strip()
        if key == "@":
            entry = {"file": rest, "old": [], "new": [], "why": ""}
            entries.append(entry)
        elif key in "-+":
            entry["old" if key == "-" else "new"].append(rest)
        else:
            entry["why"] += line.strip() + " "
    return entries


def listed(entries, path, diff):
    """The reason why a mutant is equivalent, or None. In a listed line, ... stands for anything."""
    same = lambda wanted, lines: len(wanted) == len(lines) and all(
        re.fullmatch(".*".join(map(re.escape, w.split("..."))), line) for w, line in zip(wanted, lines))
    for entry in entries:
        if fnmatch.fnmatch(path, entry["file"]) and same(entry["old"], diff[0]) and same(entry["new"], diff[1]):
            return entry["why"].strip()
    return None


def choose(mutants, sample, seed):
    """A sample that gives every file and every operator a chance: a file, an operator, then a place, all at random."""
    if sample == 0:
        return [(path, m) for path, found in mutants.items() for m in found]
    draw = random.Random(seed)
    left = {path: collections.defaultdict(list) for path in mutants}
    for path, found in mutants.items():
        for m in found:
            left[path][m.operator].append(m)
    chosen = []
    while len(chosen) < sample and any(left.values()):
        path = draw.choice(sorted(p for p in left if left[p]))
        operator = draw.choice(sorted(left[path]))
        places = left[path][operator]
        chosen.append((path, places.pop(draw.randrange(len(places)))))
        if not places:
            del left[path][operator]
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=60, help="how many mutants; 0: all (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default 1)")
    parser.add_argument("--files", action="append", help="only files that match, e.g. 'kernels/cuda/gemm*'; may be repeated")
    parser.add_argument("--at", action="append", help="only mutants of a place, e.g. kernels/cuda/gather.cu:65; may be repeated")
    parser.add_argument("--operators", default="*", help="only operators that match, e.g. '*barrier'")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time (default 1)")
    parser.add_argument("--build", default=str(ROOT / "build/release"), help="a build folder (default build/release)")
    parser.add_argument("--no-build", action="store_true", help="the folder's checked_tests is up to date")
    parser.add_argument("--minimum", type=float, default=0.0, help="percent that must be killed (default 0)")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--verbose", action="store_true", help="print what the tests said of each mutant")
    options = parser.parse_args()
    options.build = str(pathlib.Path(options.build).resolve())  # the tests run elsewhere

    if not (options.list or options.no_build):
        subprocess.run(["cmake", "--build", options.build, "--target", "checked_tests"], check=True, stdout=subprocess.DEVNULL)
    build = Build(options.build)
    texts, mutants = {}, {}
    known = set(build.compile) | set().union(*build.includes.values())
    for path in sorted(known):
        if fnmatch.fnmatch(path, "kernels/cuda/*") or fnmatch.fnmatch(path, "kernels/device/*"):
            if any(fnmatch.fnmatch(path, wanted) for wanted in options.files or ["*"]):
                texts[path] = (ROOT / path).read_text()
                found = [m for m in mutation_operators.mutants(texts[path]) if fnmatch.fnmatch(m.operator, options.operators)
                         and (not options.at or f"{path}:{m.line(texts[path])}" in options.at)]
                if found:
                    mutants[path] = found
    chosen = choose(mutants, options.sample, options.seed)
    print(f"{len(chosen)} of {sum(map(len, mutants.values()))} mutants of {len(mutants)} files, seed {options.seed}", flush=True)
    if options.list:
        for path, m in chosen:
            old, new = m.diff(texts[path])
            print(f"{path}:{m.line(texts[path])}: {m.operator}", *(f"  - {l}" for l in old), *(f"  + {l}" for l in new), sep="\n")
        return 0

    judge, equivalents, results = Judge(build), read_equivalents(), []

    def show(path, m):
        old, new = m.diff(texts[path])
        return "\n".join([f"@ {path}:{m.line(texts[path])} ({m.operator})", *(f"- {l}" for l in old), *(f"+ {l}" for l in new)])

    def work(path, m):
        start = time.monotonic()
        result, said = judge.judge(path, texts[path], m)
        reason = listed(equivalents, path, m.diff(texts[path])) if result == "survived" else None
        if reason:
            result, said = "equivalent", reason
        print(f"{time.monotonic() - start:4.0f} s  {path}:{m.line(texts[path])}: {m.operator}: {result}", flush=True)
        if result == "survived":
            print(show(path, m), flush=True)
        return path, m, result, said

    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    for done in concurrent.futures.as_completed([pool.submit(work, *job) for job in chosen]):
        path, m, result, said = done.result()
        results.append((path, m, result))
        if options.verbose:
            print(said[-1500:])

    counts = collections.Counter(result.split(":")[0] for _, _, result in results)
    by_kind = collections.Counter(result.split(": ")[1] for _, _, result in results if result.startswith("killed"))
    print("\noperator              killed survived equivalent same-code not-compiling")
    for operator in mutation_operators.OPERATORS:
        row = collections.Counter(r.split(":")[0] for _, m, r in results if m.operator == operator)
        if row:
            print(f"{operator:21} {row['killed']:6} {row['survived']:8} {row['equivalent']:10} {row['same code']:9} {row['does not compile']:13}")
    if counts["survived"]:
        print("\nsurvivors")
        for path, m, result in results:
            if result == "survived":
                print(show(path, m))
    tried = counts["killed"] + counts["survived"]
    rate = 100.0 * counts["killed"] / tried if tried else 0.0
    print(f"\nkilled {counts['killed']} of {tried} ({rate:.1f} %; by {json.dumps(by_kind)}); equivalent {counts['equivalent']}, "
          f"same code {counts['same code']}, not compiling {counts['does not compile']}")
    return 1 if tried == 0 or rate < options.minimum else 0


if __name__ == "__main__":
    sys.exit(main())

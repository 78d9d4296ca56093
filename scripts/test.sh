#!/usr/bin/env bash
# Everything a change must pass: packages, format, build, the tests of the scripts, the tests of the program.
#   scripts/test.sh [--long] [--sanitize | --coverage]
#     --long       the tests labelled `long` too, a million inputs for every fuzz target, and a sample of mutants of the kernels
#     --sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer (slower; a build folder of its own)
#     --coverage   counts the lines that the tests run (a build folder of its own) and prints the share of each folder
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
selection=(--label-exclude '^long$')
fuzz=no
mutants=no
for option in "$@"; do
  case $option in
    --long) selection=() fuzz=yes mutants=yes ;;
    --sanitize) preset=asan-ubsan ;;
    --coverage) preset=coverage ;;
    -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown option $option (see --help)" >&2; exit 2 ;;
  esac
done

echo "== packages"
setup=(--tests)
if [ "$fuzz" = yes ]; then setup+=(--long); fi
if [ "$preset" = coverage ]; then setup+=(--coverage); fi
scripts/setup.sh "${setup[@]}"

echo "== format"
# Other versions of clang-format lay out the same style differently, so only 14 decides.
formatter=
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" > /dev/null && "$candidate" --version | grep -q 'version 14\.'; then
    formatter=$candidate
    break
  fi
done
if [ -z "$formatter" ]; then
  echo "SKIPPED: needs clang-format 14, found $(clang-format --version 2> /dev/null || echo none)"
elif ! git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
  echo "SKIPPED: not a git checkout, so there is no list of files"
else
  git ls-files -z -- '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -0 -r "$formatter" --dry-run --Werror
  echo "all files are laid out as .clang-format says"
fi

echo "== build ($preset)"
launcher=()
if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache); fi
cuda=()
if [ "$preset" = release ]; then cuda=(-DPLAIT_CUDA=AUTO); fi  # the demo may have turned it off
cmake --preset "$preset" "${cuda[@]}" -DPLAIT_TESTS=ON "${launcher[@]}" > /dev/null
cmake --build --preset "$preset"

echo "== registers and spills"
if grep -qs '^CMAKE_CUDA_COMPILER:[A-Z]*=/' "build/$preset/CMakeCache.txt"; then
  scripts/ptxas_report.sh "build/$preset"
else
  echo "SKIPPED: no nvcc, so nobody knows what the kernels take of a GPU"
fi
if [ "$preset" = coverage ]; then find build/coverage -name '*.gcda' -delete; fi

echo "== oracle"
# numpy, safetensors and Pillow rebuild the models' forward pass outside plait. A virtual environment outside the tree; where it cannot
# be had, the tests that need it say so and are skipped.
oracle=${PLAIT_PYTHON:-${XDG_CACHE_HOME:-$HOME/.cache}/plait/venv/bin/python}
if ! "$oracle" -c 'import numpy, safetensors, PIL' 2> /dev/null && [ -z "${PLAIT_PYTHON:-}" ]; then
  rm -rf "${oracle%/bin/python}"
  python3 -m venv "${oracle%/bin/python}" > /dev/null 2>&1 &&
    timeout 300 "$oracle" -m pip install --quiet --disable-pip-version-check numpy safetensors Pillow 2> /dev/null || true
fi
if "$oracle" -c 'import numpy, safetensors, PIL' 2> /dev/null; then
  echo "numpy, safetensors and Pillow are there: $oracle"
else
  echo "SKIPPED: numpy, safetensors and Pillow could not be installed (needs python3-venv and a reachable package index)"
fi

echo "== GPU check (dry run)"
scripts/gpu_check.sh --dry-run

# Before ctest, so that ctest's summary closes the output.
if compgen -G 'tests/scripts/*test*.py' > /dev/null; then
  echo "== scripts"
  python3 -B -m unittest discover -s tests/scripts -p '*test*.py'
fi

if [ "$fuzz" = yes ]; then
  echo "== fuzz"
  scripts/fuzz.sh
fi

if [ "$mutants" = yes ]; then
  echo "== mutants of the kernels"
  scripts/mutate_kernels.py --build "build/$preset" --sample 60 --minimum 85
fi

echo "== tests"
export UBSAN_OPTIONS=print_stacktrace=1
status=0
ctest --test-dir "build/$preset" -j 2 --output-on-failure --no-tests=error "${selection[@]}" || status=$?

if [ "$preset" = coverage ]; then
  echo "== lines that the tests run"
  python3 -B scripts/coverage.py build/coverage || status=1
fi
exit $status

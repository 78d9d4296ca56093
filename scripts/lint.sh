#!/usr/bin/env bash
# Static analysis of the program's sources: cppcheck, then clang-tidy 14 with the checks of .clang-tidy.
#   scripts/lint.sh [FILE...]     all sources of the program, or the files named
# Some 20 minutes of two cores the first time, then what has changed. Exit 1 when anything is found. Where a finding is wrong, the
# source says so in place.
set -euo pipefail
cd "$(dirname "$0")/.."

folders=(kernels engine layers fusion io study apps)
files=()
for option in "$@"; do
  case $option in
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    -*) echo "lint.sh: unknown option $option (see --help)" >&2; exit 2 ;;
    *) files+=("$option") ;;
  esac
done
scripts/setup.sh --lint
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(git ls-files -- "${folders[@]/%//*.cpp}")
fi

build=build/lint
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON > /dev/null
status=0

echo "== cppcheck"
mkdir -p "$build/cppcheck"
includes=()
for folder in "$build"/include/*/; do includes+=(-I "$folder"); done
cppcheck --enable=warning,performance,portability --std=c++20 --language=c++ --quiet --error-exitcode=1 --inline-suppr -j 2 \
  --cppcheck-build-dir="$build/cppcheck" "${includes[@]}" "${files[@]}" || status=1

echo "== clang-tidy"
scripts/tidy.py "$build" "${files[@]}" || status=1
[ $status -eq 0 ] && echo "nothing found in ${#files[@]} files"
exit $status

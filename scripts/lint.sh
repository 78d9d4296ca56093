#!/usr/bin/env bash
# Static analysis with the checked-in settings: cppcheck (.cppcheck) over everything, then clang-tidy 14 (.clang-tidy).
#   scripts/lint.sh [--all] [FILE...]     sources of the program (default), of the tests too (--all), or the files named
# Long: the program alone is some 40 minutes of two cores. Exit 1 when anything is found.
set -euo pipefail
cd "$(dirname "$0")/.."

folders=(kernels engine layers fusion io study apps)
files=()
for option in "$@"; do
  case $option in
    --all) folders+=(tests bench) ;;
    -h | --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;;
    -*) echo "lint.sh: unknown option $option (see --help)" >&2; exit 2 ;;
    *) files+=("$option") ;;
  esac
done
scripts/setup.sh --tests --lint
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(git ls-files -- "${folders[@]/%//*.cpp}")
fi

build=build/lint
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPLAIT_TESTS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON > /dev/null
status=0

echo "== cppcheck"
mkdir -p "$build/cppcheck"
includes=()
for folder in "$build"/include/*/; do includes+=(-I "$folder"); done
cppcheck --enable=warning,performance,portability --std=c++20 --language=c++ --quiet --error-exitcode=1 --inline-suppr -j 2 \
  --library=googletest --suppressions-list=.cppcheck --cppcheck-build-dir="$build/cppcheck" "${includes[@]}" "${files[@]}" || status=1

echo "== clang-tidy"
# A file that has no compile command here (fuzz targets) is left out, and said.
known=()
for file in "${files[@]}"; do
  if grep -qF "\"$PWD/$file\"" "$build/compile_commands.json"; then known+=("$file"); else echo "not built here: $file"; fi
done
printf '%s\0' "${known[@]}" | xargs -0 -P 2 -n 1 clang-tidy-14 --quiet -p "$build" 2> "$build/clang-tidy.log" || status=1
[ $status -eq 0 ] && echo "nothing found in ${#files[@]} files"
exit $status

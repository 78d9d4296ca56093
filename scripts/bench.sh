#!/usr/bin/env bash
# Builds and runs the benchmarks, then puts plait beside its rivals (OpenBLAS, oneDNN), where those are installed.
#   scripts/bench.sh [--filter REGEX] [--out DIR]
#     --filter   only benchmarks whose name matches, e.g. dense_forward
#     --out      where the JSON results go (default: build/release/bench/results)
# For numbers worth keeping: an idle machine, and the processor's frequency fixed.
set -euo pipefail
cd "$(dirname "$0")/.."

filter=.
out=build/release/bench/results
while [ $# -gt 0 ]; do
  case $1 in
    --filter) filter=${2:?--filter needs a regular expression}; shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
    *) echo "bench.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
done

echo "== packages"
scripts/setup.sh --bench

echo "== build"
launcher=()
if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake --preset release -DPLAIT_BENCHMARKS=ON "${launcher[@]}" > /dev/null
cmake --build --preset release

mkdir -p "$out"
rm -f "$out"/*.json
found=0
for program in build/release/bench/*_bench build/release/bench/*/*_bench; do
  [ -x "$program" ] || continue
  name=$(basename "$program")
  [ "$name" = allreduce_bench ] && continue  # needs mpirun: bench/README.md
  echo "== $name"
  found=$((found + 1))
  "$program" --benchmark_filter="$filter" --benchmark_out="$out/$name.json" --benchmark_out_format=json
  # A program without a match leaves a file that is not JSON.
  python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$out/$name.json" 2> /dev/null || rm -f "$out/$name.json"
done
if [ "$found" -eq 0 ]; then
  echo "bench.sh: no benchmark was built (build/release/bench/*_bench)" >&2
  exit 1
fi
if ! compgen -G "$out/*.json" > /dev/null; then
  echo "bench.sh: no benchmark matches '$filter'" >&2
  exit 1
fi

echo "== side by side"
python3 bench/ratios.py "$out"/*.json

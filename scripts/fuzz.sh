#!/usr/bin/env bash
# Feeds invented inputs to every reader of files, under AddressSanitizer and UndefinedBehaviorSanitizer.
#   scripts/fuzz.sh [--runs N] [TARGET...]     N inputs a target, default 1,000,000; targets: tests/fuzz/*_fuzz.cpp
# An input that breaks something is kept in build/fuzz/found/; once the reader is mended it belongs into
# tests/fuzz/seeds/TARGET/.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=1000000
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=${2:?--runs needs a number}; shift ;;
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    -*) echo "fuzz.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do
    name=${source##*/}
    targets+=("${name%_fuzz.cpp}")
  done
fi

compiler=clang++-14
if ! command -v "$compiler" > /dev/null ||
  ! echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' |
    "$compiler" -x c++ -fsanitize=fuzzer - -o /dev/null 2> /dev/null; then
  echo "SKIPPED: fuzzing needs clang++-14 with libFuzzer (packages clang-14 and libclang-rt-14-dev)"
  exit 0
fi

build=${PLAIT_FUZZ_BUILD:-build/fuzz}
launcher=()
if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" -DPLAIT_FUZZ=ON -DPLAIT_CUDA=OFF -DPLAIT_SANITIZE=address,undefined -DPLAIT_TESTS=OFF \
  "${launcher[@]}" > /dev/null
cmake --build "$build" -- "${targets[@]/%/_fuzz}"

found=0
for target in "${targets[@]}"; do
  corpus=$build/corpus/$target
  mkdir -p "$corpus" "$build/found"
  seeds=("tests/fuzz/seeds/$target")
  # The hostile files are good beginnings, too.
  case $target in
    csv) seeds+=(tests/hostile/csv) ;;
    cohort_file) seeds+=(tests/hostile/cohort) ;;
    run_config) seeds+=(tests/hostile/config) ;;
  esac
  echo "-- $target"
  log=$build/$target.log
  if "$build/tests/fuzz/${target}_fuzz" -runs="$runs" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/found/$target-" "$corpus" "${seeds[@]}" > "$log" 2>&1; then
    grep -E 'number_of_executed_units|average_exec_per_sec' "$log" | sed 's/^stat::/  /'
  else
    found=1
    grep -E 'ERROR|runtime error|deadly signal|SUMMARY|Test unit written' "$log" || tail -5 "$log"
  fi
done
exit $found

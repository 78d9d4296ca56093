#!/usr/bin/env bash
# The proof on a GPU, in one command: device -> wrappers against their host twins -> every kernel against its reference ->
# compute-sanitizer -> ceilings -> whole step against PyTorch -> products -> convolutions -> fusion, losses, optimizer ->
# the rest -> the same bits again. Most valuable first, each row written as it is measured, within 8 minutes after the build.
#   scripts/gpu_check.sh                     builds what is needed (nvcc, cmake, ninja; no packages), then checks
#   scripts/gpu_check.sh --make-bundle DIR   builds programs that need nothing but a driver, for a machine elsewhere
#                                            (DIR.tar.xz: packed, some 7 MB)
#     --arch LIST      of what GPU, semicolons between (default 90a: H100 and H200)
#   scripts/gpu_check.sh --bundle DIR        checks with these
#   scripts/gpu_check.sh --dry-run           says what would be done, on any machine; programs that are there are asked for
#                                            their cases
#     --out FILE       where the rows go (default: bench/results/<date>-<device>.jsonl)
#     --seconds N      for everything after the build (default 480)
#     --only REGEX     only the sections whose name matches
# Without a GPU everything is skipped, visibly, and the exit status is 0. Exit status 1: something was wrong or failed.
set -uo pipefail
cd "$(dirname "$0")/.."

bundle='' make_bundle='' dry_run=no arch=90a out='' total=480 only=.
while [ $# -gt 0 ]; do
  case $1 in
    --bundle) bundle=${2:?--bundle needs a folder}; shift 2 ;;
    --make-bundle) make_bundle=${2:?--make-bundle needs a folder}; shift 2 ;;
    --arch) arch=${2:?--arch needs a list}; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --out) out=${2:?--out needs a file}; shift 2 ;;
    --seconds) total=${2:?--seconds needs a number}; shift 2 ;;
    --only) only=${2:?--only needs a regular expression}; shift 2 ;;
    -h | --help) sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu_check.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
  esac
done

if ! command -v nvcc > /dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then export PATH=/usr/local/cuda/bin:$PATH; fi

# Where PyTorch keeps the rivals' libraries: nvidia/cu13, nvidia/cudnn and the like.
nvidia_folders() {
  python3 - 2> /dev/null <<'PYTHON'
import glob, site, sys
roots = set(site.getsitepackages() + [site.getusersitepackages()] + [p for p in sys.path if p.endswith("-packages")])
print("\n".join(sorted(f for root in roots for f in glob.glob(root + "/nvidia/*"))))
PYTHON
}

build() {  # build <folder> <more options of cmake...>
  local folder=$1
  shift
  local prefixes
  prefixes=$(nvidia_folders | paste -sd ';' -)
  local launcher=()
  if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache); fi
  cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPLAIT_CUDA=ON -DPLAIT_WITHOUT_PACKAGES=ON \
    -DPLAIT_BENCHMARKS=ON -DCMAKE_PREFIX_PATH="$prefixes" "${launcher[@]}" "$@" || return 1
  local targets=(plait_gpu_bench plait_gpu_bench_alone)
  for optional in gpu_tests step_rounds_gpu; do
    if ninja -C "$folder" -t query "$optional" > /dev/null 2>&1; then targets+=("$optional"); fi
  done
  cmake --build "$folder" --target "${targets[@]}"
}

if [ -n "$make_bundle" ]; then
  build build/gpu-bundle -DPLAIT_CUDA_ARCHITECTURES="$arch" -DCMAKE_EXE_LINKER_FLAGS="-static-libstdc++ -static-libgcc" || exit 1
  packed=''
  if [[ $make_bundle == *.tar.xz ]]; then
    packed=$make_bundle make_bundle=$(mktemp -d)
  fi
  mkdir -p "$make_bundle"
  for program in bench/gpu/plait_gpu_bench bench/gpu/plait_gpu_bench_alone bench/gpu/step_rounds_gpu \
    tests/kernels/cuda/gpu_tests; do
    if [ -x "build/gpu-bundle/$program" ]; then
      cp "build/gpu-bundle/$program" "$make_bundle/"
      strip "$make_bundle/$(basename "$program")"
    fi
  done
  git rev-parse HEAD > "$make_bundle/commit" 2> /dev/null || true
  if [ -n "$packed" ]; then
    # The programs share the device's code: a window that spans them all keeps it once.
    tar -C "$make_bundle" -c . | xz -6 --lzma2=dict=256MiB > "$packed" || exit 1
    rm -r "$make_bundle"
    make_bundle=$packed
  fi
  echo "bundle: $(du -sh "$make_bundle" | cut -f1) in $make_bundle"
  exit 0
fi

reason=''
if [ "$dry_run" = yes ]; then
  reason='dry run'
elif ! nvidia-smi -L 2> /dev/null | grep -q GPU; then
  reason='no NVIDIA GPU on this machine (nvidia-smi names none)'
fi

unpacked=''
if [[ $bundle == *.tar.xz ]]; then
  unpacked=$(mktemp -d)
  tar -xJf "$bundle" -C "$unpacked" 2> /dev/null || python3 -m tarfile -e "$bundle" "$unpacked" || exit 1
  bundle=$unpacked
fi
programs=$bundle
if [ -z "$programs" ] && [ -z "$reason" ]; then
  echo "== build"
  if ! build build/gpu; then
    echo "gpu_check.sh: the build failed" >&2
    exit 1
  fi
fi
program() {  # the path of a program, or nothing
  local name=$1 candidate
  for candidate in ${programs:+"$programs/$name"} ${programs:-build/gpu/bench/gpu/$name build/gpu/tests/kernels/cuda/$name}; do
    if [ -f "$candidate" ] && [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
}
while read -r folder; do
  [ -d "$folder/lib" ] && LD_LIBRARY_PATH="$folder/lib:${LD_LIBRARY_PATH:-}"
done < <(nvidia_folders)
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}

# The expected words of the conformance test travel with the checkout, not with its program.
export PLAIT_GOLDEN_DIR=$PWD/tests/golden/device

alone=$(program plait_gpu_bench_alone)
bench=$(program plait_gpu_bench)
if [ -n "$bench" ] && ! "$bench" --list > /dev/null 2>&1; then
  echo "rivals take no part: $bench does not start, cuBLASLt or cuDNN were not found"
  bench=$alone
fi
tests=$(program gpu_tests)
steps=$(program step_rounds_gpu)

device=none
if [ -z "$reason" ]; then
  device=$(nvidia-smi --query-gpu=name --format=csv,noheader -i 0 | tr -cs 'A-Za-z0-9\n' '-' | tr 'A-Z' 'a-z' | sed 's/-*$//')
fi
temporary=''
if [ -z "$out" ]; then
  if [ -n "$reason" ]; then
    temporary=$(mktemp) out=$temporary
  else
    mkdir -p bench/results
    out=bench/results/$(date +%F)-$device.jsonl
  fi
fi
log=$(mktemp)
trap 'rm -rf "$log" ${temporary:+"$temporary"} ${unpacked:+"$unpacked"}' EXIT
begin=$SECONDS
failures=0

row() {  # row <section> <status> <reason> [<more JSON, with a comma in front>]
  printf '{"section": "run", "name": "%s", "status": "%s", "reason": "%s"%s}\n' "$1" "$2" "${3//\"/\'}" "${4:-}" >> "$out"
}

# section <name> <deadline in seconds> <command...>: an empty command says why it cannot run.
section() {
  local name=$1 limit=$2
  shift 2
  [[ $name =~ $only ]] || return 0
  echo "== $name"
  local left=$((total - (SECONDS - begin))) why=''
  if [ -n "$reason" ]; then
    why=$reason
  elif [ -z "${1:-}" ]; then
    why=${2:-not built (the tests need GoogleTest; a bundle has it inside)}
  elif [ "$left" -le 3 ]; then
    why="the $total s are over"
  fi
  if [ -n "$why" ]; then
    echo "SKIPPED: $why"
    row "$name" skipped "$why"
    # In a dry run the benchmark lists what it would do.
    if [ "$dry_run" = yes ] && [[ ${1:-} == *plait_gpu_bench* ]]; then
      "$@" --dry-run > "$log" 2>&1 || { failures=$((failures + 1)); tail -3 "$log"; }
      tail -1 "$log"
    fi
    return 0
  fi
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  local started=$SECONDS status=0
  timeout --kill-after=5 "$limit" "$@" 2>&1 | tee "$log" || status=$?
  local seconds=", \"seconds\": $((SECONDS - started)), \"exit_status\": $status"
  if [ $status -eq 124 ] || [ $status -eq 137 ]; then
    echo "STOPPED after $limit s"
    row "$name" stopped "after $limit s" "$seconds"
  elif [ $status -ne 0 ]; then
    echo "FAILED: exit status $status"
    row "$name" failed "$(tail -1 "$log" | tr -d '\\\000-\037' | cut -c1-200)" "$seconds"
    failures=$((failures + 1))
  elif grep -q '^\[  SKIPPED \] [0-9]' "$log"; then
    echo "SKIPPED: some tests were"
    row "$name" skipped "$(grep -E '^\[  (PASSED|SKIPPED) +\] [0-9]' "$log" | paste -sd ' ' -)" "$seconds"
  elif grep -q '^SKIPPED' "$log"; then
    row "$name" skipped "$(grep -m1 '^SKIPPED' "$log" | tr -d '\\\000-\037')" "$seconds"
  else
    row "$name" ok "$(grep -E 'PASSED|ERROR SUMMARY| ok, ' "$log" | tail -1 | tr -d '\\\000-\037')" "$seconds"
  fi
}

note_device() {  # note_device <when>: clocks belong to the numbers
  [ -z "$reason" ] || return 0
  local facts
  facts=$(nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.draw,temperature.gpu --format=csv,noheader -i 0 2> /dev/null)
  printf '{"section": "device", "name": "%s", "status": "ok", "when": "%s", "facts": "%s", "commit": "%s", "date": "%s"}\n' \
    "$device" "$1" "$facts" "$(cat ${programs:+"$programs/commit"} 2> /dev/null || git rev-parse HEAD 2> /dev/null)" "$(date -u +%FT%TZ)" >> "$out"
}
# bench_section <names of sections, comma separated> <deadline>
bench_section() {
  local arguments=() name
  for name in ${1//,/ }; do arguments+=(--section "$name"); done
  local each=$(($2 / ${#arguments[@]} * 2))
  section "$1" "$2" "$bench" "${arguments[@]}" --out "$out" --deadline "$each"
}
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2> /dev/null)
sanitized() {  # sanitized <tool> <deadline>: every kernel once on small shapes
  if [ -z "$sanitizer" ]; then
    section "$1" "$2" "" "no compute-sanitizer on this machine"
  else
    section "$1" "$2" ${alone:+"$sanitizer" --tool "$1" --error-exitcode 9 --print-limit 20 "$alone" --small --repeat 1}
  fi
}
python=$(command -v python3)
whole_step() {  # whole_step <name> <deadline> <options...>
  local name=$1 limit=$2
  shift 2
  section "$name" "$limit" "$python" bench/compare_pytorch.py "${steps:-step_rounds_gpu}" --device cuda --json "$out" "$@"
}

note_device before
section device 10 nvidia-smi --format=csv -i 0 \
  --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu,clocks_event_reasons.active
section conformance 30 ${tests:+"$tests" --gtest_filter='Conformance*' --gtest_brief=1}
section tests 70 ${tests:+"$tests" --gtest_filter='-Conformance*' --gtest_brief=1}
sanitized memcheck 30
sanitized racecheck 40
sanitized initcheck 30
sanitized synccheck 30
bench_section ceilings 20
whole_step step_256 75 --what train --batch 256 --rounds 10
bench_section gemm 80
bench_section conv2d 60
bench_section fusion,losses,optimizer 60
bench_section dense 30
section pytorch_kernels 75 ${bench:+"$python" bench/gpu/compare_kernels.py "$bench" --json "$out" --rounds 5}
section same_bits 30 ${alone:+"$alone" --repeat 3 --out "$out" --filter '^(?!copy|read|write|l2_read|launch|graph_node|product)' --deadline 10}
bench_section pooling,reductions,rows,sorting 40
whole_step step_256_bf16 60 --what train --batch 256 --rounds 10 --precision bf16
whole_step step_32 60 --what train --batch 32 --rounds 10
whole_step step_table 45 --what train --batch 256 --rounds 10 --model table
whole_step step_table_bf16 45 --what train --batch 256 --rounds 10 --model table --precision bf16
note_device after

echo "== table"
if [ -n "$reason" ]; then
  python3 bench/gpu/table.py "$out" > "$log" || { failures=$((failures + 1)); cat "$log"; }
  echo "SKIPPED: $reason"
else
  python3 bench/gpu/table.py "$out" || failures=$((failures + 1))
  echo "rows: $out   (bench/gpu/table.py --update puts them into bench/README.md)"
fi
if [ $failures -gt 0 ]; then
  echo "gpu_check: $failures sections FAILED"
  exit 1
fi
echo "gpu_check: nothing failed${reason:+; SKIPPED: $reason}"

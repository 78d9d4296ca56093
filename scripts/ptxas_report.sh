#!/usr/bin/env bash
# What every kernel takes of the GPU, for each architecture: registers a thread, bytes of static shared memory a block,
# bytes of spilled registers (stores/loads). Read from what ptxas said when the kernels were built; builds them first.
#   scripts/ptxas_report.sh [BUILD_FOLDER]     default: build/release
# Exit 1 when a kernel of kernels/cuda/hot_kernels.txt spills, or when that list names one that is not there.
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/release
for option in "$@"; do
  case $option in
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    -*) echo "ptxas_report.sh: unknown option $option (see --help)" >&2; exit 2 ;;
    *) build=$option ;;
  esac
done
if ! grep -qs '^CMAKE_CUDA_COMPILER:[A-Z]*=/' "$build/CMakeCache.txt"; then
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPLAIT_CUDA=ON > /dev/null
fi
if ! built=$(cmake --build "$build" --target plait_gpu_cuda); then
  echo "$built" >&2
  exit 1
fi

find "$build/kernels/cuda" -name '*.ptxas' | sort | while read -r said; do
  echo "== $(basename "$said" .o.ptxas)"
  cat "$said"
done | c++filt | awk -v hot_list=kernels/cuda/hot_kernels.txt '
  BEGIN {
    while ((getline line < hot_list) > 0) {
      sub(/[ \t]*#.*/, "", line)
      if (line != "") pattern[++patterns] = line
    }
  }
  /^== / { file = substr($0, 4); next }
  /Compiling entry function/ {
    match($0, / for .sm_[0-9a-z]+/)
    architecture = substr($0, RSTART + 6, RLENGTH - 6)
    name = substr($0, 1, RSTART - 2)
    sub(/^[^\047]*\047/, "", name)
    gsub(/\(anonymous namespace\)::|plait::|device::|\(bool\)|\(int\)/, "", name)
    sub(/^void /, "", name)
    depth = 0  # the arguments go, from the first parenthesis outside <...>
    for (i = 1; i <= length(name); ++i) {
      c = substr(name, i, 1)
      if (c == "<") ++depth
      if (c == ">") --depth
      if (c == "(" && depth == 0) { name = substr(name, 1, i - 1); break }
    }
    if (!((file, name) in seen)) { seen[file, name] = 1; file_of[++kernels] = file; name_of[kernels] = name }
    next
  }
  /bytes stack frame/ { stores = $5; loads = $9; next }
  /Used [0-9]+ registers/ && name != "" {
    match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5, RLENGTH - 5)
    shared = 0
    if (match($0, /[0-9]+ bytes smem/)) shared = substr($0, RSTART, RLENGTH - 11)
    cell[file, name, architecture] = sprintf("%4d %6d %5d/%-5d", registers, shared, stores, loads)
    if (stores + loads > 0) spilled[file, name] = spilled[file, name] " " architecture
    name = ""
  }
  END {
    if (kernels == 0) { print "no kernels: was the folder built with nvcc?"; exit 1 }
    columns = split("sm_80 sm_90a sm_100", architecture_of, " ")
    for (c = 1; c <= columns; ++c) heading = heading sprintf("| %-22s", architecture_of[c])
    print heading "|"
    for (c = 1; c <= columns; ++c) units = units sprintf("| %-22s", " reg shared   spilled")
    print units "| kernel (* hot)"
    for (k = 1; k <= kernels; ++k) {
      file = file_of[k]
      name = name_of[k]
      if (file != last_file) print "-- " file
      last_file = file
      hot = 0
      for (p = 1; p <= patterns; ++p) if (name ~ ("^(" pattern[p] ")$")) { hot = 1; found[p] = 1 }
      row = ""
      for (c = 1; c <= columns; ++c) row = row sprintf("| %-22s", cell[file, name, architecture_of[c]])
      print row "| " (hot ? "* " : "") name
      if (spilled[file, name] == "") continue
      if (hot) failures[++failed] = file ": " name " spills on" spilled[file, name]
      else ++cold_spills
    }
    for (p = 1; p <= patterns; ++p) if (!found[p]) failures[++failed] = "no kernel matches `" pattern[p] "` of " hot_list
    printf "%d kernels, %d of them spill and are not listed as hot\n", kernels, cold_spills
    for (f = 1; f <= failed; ++f) print "FAILED: " failures[f]
    exit failed > 0
  }'

#!/usr/bin/env bash
# The main job, end to end, on a machine without a GPU: packages, build, real data, training, honest evaluation.
#   scripts/demo.sh [--out DIR]        default: runs/demo
set -euo pipefail
cd "$(dirname "$0")/.."

out=runs/demo
case "${1:-}" in
  --out) out=${2:?--out needs a folder} ;;
  -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
  "") ;;
  *) echo "demo.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
esac
started=$SECONDS

echo "== packages"
scripts/setup.sh

echo "== build"
launcher=()
if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cuda=OFF  # compiling for a GPU takes minutes: only where there is one
if command -v nvcc > /dev/null && nvidia-smi -L > /dev/null 2>&1; then cuda=AUTO; fi
cmake --preset release -DPLAIT_TESTS=OFF -DPLAIT_CUDA=$cuda "${launcher[@]}" > /dev/null
cmake --build --preset release --target plait
plait=build/release/plait
"$plait" info

echo "== data"
# Whatever cannot be had is said there, and the demo goes on with the rest.
scripts/get_data.sh mfeat3 tcga-acc || true

rm -rf "$out"
mkdir -p "$out"
shown=0
trained=0

# train_and_show COHORT RUN [plait train options...]
train_and_show() {
  local cohort=$1 run=$2 began
  shift 2
  "$plait" check "$cohort" > "$run.check.txt"
  began=$SECONDS
  "$plait" train "$cohort" --out "$run" --set model.fusion=hybrid "$@"
  trained=$((trained + SECONDS - began))
  python3 scripts/demo_table.py "$plait" "$run" "$cohort"
  "$plait" predict "$run" "$cohort" --out "$run/predictions.csv"
  shown=$((shown + 1))
}

if [ -d data/mfeat3 ]; then
  echo
  echo "== mfeat3: handwritten digits seen three ways (not patients), 30 % of the modalities knocked out"
  python3 scripts/data/knock_out.py data/mfeat3 --out data/mfeat3-holes --rate 0.3 --seed 1
  train_and_show data/mfeat3-holes "$out/mfeat3"
fi
if [ -d data/tcga-acc ]; then
  echo
  echo "== tcga-acc: adrenocortical carcinoma, death within three years; few patients, really missing modalities"
  train_and_show data/tcga-acc "$out/tcga-acc" --set train.batch_size=16 --set train.test=0.3 --set preprocess.genes=200
fi
if [ "$shown" -eq 0 ]; then
  echo "demo.sh: none of the cohorts could be had (see above), so there was nothing to train on" >&2
  exit 1
fi

cat <<TEXT

== where things are
  $out/<cohort>/             model.safetensors, config.toml, preprocess.json, split.json, metrics.jsonl, summary.json
  $out/<cohort>/predictions.csv   every patient: probability, attention weights, what was available
  data/<cohort>/README.md    what each cohort is and is not
== what to try next
  $plait train data/mfeat3 --out runs/attention --set model.fusion=attention
  $plait evaluate runs/attention data/mfeat3 --without image
  $plait info runs/attention
  scripts/cross_validate.py data/mfeat3-6v9 --without image      (after scripts/get_data.sh mfeat3-6v9)
demo done in $((SECONDS - started)) s, $trained s of them training
TEXT

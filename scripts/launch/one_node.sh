#!/usr/bin/env bash
# Trains on this machine with one rank for each of N processors or GPUs.
#   scripts/launch/one_node.sh N COHORT --out RUN [options of plait train]...
# N has to divide distributed.shards (--set distributed.shards=8), unless --fast is given.
# Run by us: Debian 12, Open MPI 4.1.4, 2 cores, up to 8 ranks on the CPU. Not run by us: several GPUs.
set -euo pipefail
ranks=${1:?one_node.sh N COHORT --out RUN [options of plait train]...}
shift
plait=${PLAIT:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/plait}

options=(-n "$ranks")
if [ "$ranks" -gt "$(nproc)" ]; then options+=(--oversubscribe); fi
# SIGKILL follows SIGTERM by a minute instead of a second, so that there is time for a checkpoint.
options+=(--mca odls_base_sigkill_timeout 60)
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
exec mpirun "${options[@]}" "$plait" train "$@"

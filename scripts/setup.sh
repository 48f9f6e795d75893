#!/usr/bin/env bash
# Installs the Debian packages that the build needs, and only those that are missing: when all are there it asks no
# network and no password. Why each package is needed: docs/dependencies.md.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/setup.sh [--tests] [--train] [--check]

Installs the Debian packages that building cobra needs (with apt-get; through sudo unless run as root).

  --tests   also what building and running the tests needs
  --train   also what the trainer needs (cobra-train, in the release preset)
  --check   only name what is missing; exit status 1 if anything is
EOF
}

build_packages=(g++ cmake ninja-build pkg-config libdnnl-dev libhwy-dev libfmt-dev nlohmann-json3-dev libcli11-dev
                libjpeg-dev libpng-dev libwebp-dev libicu-dev libzip-dev libxxhash-dev zlib1g-dev libedit-dev)
test_packages=(libgtest-dev libgmock-dev python3 dataset-fashion-mnist openmpi-bin python3-torch)
train_packages=(libtorch-dev libgloo-dev libopenblas0-openmp)
optional_packages=(ccache)  # shortens repeated builds; tried only when something needed is installed as well

packages=("${build_packages[@]}")
check_only=no
while [[ $# -gt 0 ]]; do
  case $1 in
    --tests) packages+=("${test_packages[@]}") ;;
    --train) packages+=("${train_packages[@]}") ;;
    --check) check_only=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "setup.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done

if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: not a Debian system; please provide the equivalents of: ${packages[*]}" >&2
  exit 0  # cmake names whatever is really missing
fi

installed() { dpkg -s "$1" 2>/dev/null | grep '^Status: install ok installed$' >/dev/null; }

missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done

if [[ ${#missing[@]} -eq 0 ]]; then
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi
echo "setup: missing: ${missing[*]}"
[[ $check_only == no ]] || exit 1

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: neither root nor sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() { ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"; }

apt update
apt install -y --no-install-recommends "${missing[@]}"
for package in "${optional_packages[@]}"; do
  installed "$package" || apt install -y --no-install-recommends "$package" || echo "setup: going on without $package"
done

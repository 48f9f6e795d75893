#!/usr/bin/env bash
# Cross-builds the engine for 64-bit Arm and runs its tests under qemu. Debian's arm64 libraries go into
# build/aarch64-sysroot; on the machine itself only the cross compiler and qemu are installed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sysroot=$root/build/aarch64-sysroot
tools=(g++-aarch64-linux-gnu qemu-user)
libraries=(libc6-dev libstdc++-12-dev libdnnl-dev libhwy-dev libfmt-dev nlohmann-json3-dev libcli11-dev libjpeg-dev
           libpng-dev libwebp-dev libicu-dev libzip-dev libxxhash-dev zlib1g-dev libedit-dev libgtest-dev
           libgmock-dev)
programs=(base_test kernels_test formats_test image_test tokenizer_test lm_test compare_test allocation_test
          engine_test)

usage() {
  cat <<'EOF'
usage: scripts/test-aarch64.sh [program...]

Installs a cross compiler and qemu, fetches Debian's arm64 libraries into build/aarch64-sysroot, builds the preset
aarch64 and runs the test programs under qemu. Without arguments:
EOF
  echo "  ${programs[*]}"
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -*) echo "test-aarch64.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  ?*) programs=("$@") ;;
esac

step() { printf '\n== %s\n' "$*"; }

install_tools() {
  local missing=() as_root=()
  for package in "${tools[@]}"; do
    dpkg -s "$package" 2>/dev/null | grep '^Status: install ok installed$' >/dev/null || missing+=("$package")
  done
  if [[ ${#missing[@]} -gt 0 ]]; then
    [[ $(id -u) -eq 0 ]] || as_root=(sudo)
    ${as_root[@]+"${as_root[@]}"} apt-get -q update
    ${as_root[@]+"${as_root[@]}"} apt-get -q install -y --no-install-recommends "${missing[@]}"
  fi
}

# apt-get with a state of its own, in which nothing is installed and the architecture is arm64: it resolves and
# downloads everything the libraries need and leaves the machine's packages alone.
apt_arm64() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Debug::NoLocking=1 \
    -o Dir::State="$sysroot/apt/state" -o Dir::State::status="$sysroot/apt/status" -o Dir::Cache="$sysroot/apt/cache" \
    "$@"
}

make_sysroot() {
  [[ ! -e $sysroot/complete ]] || return 0
  rm -rf "$sysroot"
  mkdir -p "$sysroot/apt/state/lists/partial" "$sysroot/apt/cache/archives/partial"
  touch "$sysroot/apt/status"
  apt_arm64 update
  apt_arm64 install --download-only -y --no-install-recommends "${libraries[@]}"
  for package in "$sysroot"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
  rm -rf "$sysroot/apt"
  touch "$sysroot/complete"
}

cd "$root"
step "Packages"
install_tools
step "Libraries for arm64"
make_sysroot
step "Build: aarch64"
cmake --preset aarch64
cmake --build --preset aarch64 --target "${programs[@]}"

failed=0
for program in "${programs[@]}"; do
  step "Tests under qemu: $program"
  qemu-aarch64 -L "$sysroot" "build/aarch64/bin/$program" --gtest_brief=1 || failed=$((failed + 1))
done
step "Result"
echo "$((${#programs[@]} - failed)) programs passed, $failed failed"
[[ $failed -eq 0 ]]

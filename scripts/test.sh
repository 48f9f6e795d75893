#!/usr/bin/env bash
# Builds everything and runs all tests, then the tests of the rooms that read untrusted input under sanitizers.
# The last line is "N passed, N failed", the sum of both runs; the exit status is 0 only if nothing failed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sanitized_rooms=(base data formats image tokenizer)

usage() {
  cat <<'EOF'
usage: scripts/test.sh [--fast]

Installs what is missing, builds build/release and runs every test; then builds build/sanitizers and runs the tests of
the rooms that read files and text (base, data, formats, image, tokenizer) with address and undefined-behaviour
sanitizers.

  --fast    without the sanitizers
EOF
}

fast=no
while [[ $# -gt 0 ]]; do
  case $1 in
    --fast) fast=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done

step() { printf '\n== %s\n' "$*"; }
passed=0 failed=0 skipped=0

# Tests run side by side, each with a thread for every core: one that waits must leave its core to the others.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

# Tests make and remove thousands of small files, which takes some disks minutes; so it is done in memory where that has
# room. Prints the folder.
scratch_folder() {
  local free_kb=0
  [[ ! -d /dev/shm ]] || free_kb=$(df --output=avail -k /dev/shm | tail -n 1)
  if [[ -z ${TMPDIR:-} && $free_kb -ge $((4 << 20)) ]]; then
    mktemp -d /dev/shm/cobra-tests.XXXXXX
  else
    mktemp -d
  fi
}
scratch=$(scratch_folder)
trap 'rm -rf "$scratch"' EXIT

# add_results FILE STATUS NAME: sums up a JUnit file. A run that failed without a failed test in its file (a crash, no
# file at all) counts as one failure.
add_results() {
  local p=0 f=0 s=0
  if [[ -s $1 ]]; then read -r p f s < <(python3 "$root/scripts/junit_counts.py" "$1") || true; fi
  if [[ $2 -ne 0 && $f -eq 0 ]]; then f=1; fi
  if [[ $((p + f + s)) -eq 0 ]]; then f=1; fi
  echo "$3: $p passed, $f failed, $s skipped"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# A leftover result must never be taken for a new one.
fresh_results() { mkdir -p "$(dirname "$1")" && rm -f "$1" && printf '%s' "$1"; }

cd "$root"
step "Packages"
scripts/setup.sh --tests --train

step "Build: release"
cmake --preset release
cmake --build --preset release

step "Tests: release"
results=$(fresh_results "$root/build/release/results.xml")
status=0
TMPDIR=$scratch ctest --preset release -j"$(nproc)" --output-on-failure --no-tests=error --output-junit "$results" ||
  status=$?
add_results "$results" "$status" "release"

if [[ $fast == no ]]; then
  step "Build: sanitizers"
  cmake --preset sanitizers
  cmake --build --preset sanitizers --target "${sanitized_rooms[@]/%/_test}"

  step "Tests: ${sanitized_rooms[*]} under sanitizers, side by side"
  running=()
  for room in "${sanitized_rooms[@]}"; do
    while [[ $(jobs -rp | wc -l) -ge $(nproc) ]]; do sleep 0.2; done
    results=$(fresh_results "$root/build/sanitizers/results-$room.xml")
    TMPDIR=$scratch "build/sanitizers/bin/${room}_test" --gtest_brief=1 --gtest_output="xml:$results" \
      >"$scratch/$room.output" 2>&1 &
    running+=($!)
  done
  for i in "${!sanitized_rooms[@]}"; do
    room=${sanitized_rooms[i]}
    status=0
    wait "${running[i]}" || status=$?
    step "Tests: $room under sanitizers"
    cat "$scratch/$room.output"
    add_results "$root/build/sanitizers/results-$room.xml" "$status" "$room under sanitizers"
  done
fi

step "Result"
[[ $skipped -eq 0 ]] || echo "$skipped skipped; their output says why"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]

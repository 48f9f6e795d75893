#!/usr/bin/env bash
# From a fresh checkout to answers about pictures: packages, build, questions. Cheap to run again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'EOF'
usage: scripts/quickstart.sh [--model M.gguf] [--image I.jpg] [-p "question"]

Installs what is missing, builds the program into build/release/bin, and asks the model in models/, which knows drawn
scenes and garments, about two pictures; or, with the options, what you like.

  -m, --model M     another Cobra model
  -i, --image I     your picture
  -p, --prompt P    your question ("What is in the picture?")
EOF
}

model=""
image=""
prompt=""

need_value() { [[ $# -ge 2 ]] || { echo "quickstart.sh: $1 needs a value (see --help)" >&2; exit 2; }; }
while [[ $# -gt 0 ]]; do
  case $1 in
    -m | --model) need_value "$@"; model=$2; shift ;;
    -i | --image) need_value "$@"; image=$2; shift ;;
    -p | --prompt) need_value "$@"; prompt=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "quickstart.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done
for file in ${image:+"$image"} ${model:+"$model"}; do
  [[ -f $file ]] || { echo "quickstart.sh: no such file: $file" >&2; exit 1; }
done

step() { printf '\n== %s\n' "$*"; }

step "1/3 Packages"
"$root/scripts/setup.sh"

step "2/3 Build (the first time takes some minutes)"
build() {
  cd "$root"
  if grep -qs '^COBRA_TRAIN:BOOL=ON' build/release/CMakeCache.txt; then  # a developer's: the trainer stays
    cmake --build --preset release --target cobra
  else
    cmake --preset engine && cmake --build --preset engine
  fi
}
(build)
cobra=$root/build/release/bin/cobra

step "3/3 Questions"
ask() {  # picture, question
  printf '== %s: %s\n' "${1#"$root/"}" "$2"
  "$cobra" run ${model:+-m "$model"} --image "$1" -p "$2"
}

if [[ -n $image || -n $prompt ]]; then
  ask "${image:-$root/docs/images/scene.png}" "${prompt:-What is in the picture?}"
else
  ask "$root/docs/images/scene.png" "What is in the picture?"
  ask "$root/docs/images/boot.png" "What garment is this?"
fi
cat <<'EOF'

The same for a picture of yours, or as a conversation:
  build/release/bin/cobra run --image PICTURE -p "What is in the picture?"
  build/release/bin/cobra chat --image PICTURE
EOF

#!/usr/bin/env bash
# From a fresh checkout to an answer about a picture: packages, build, one run. Cheap to run again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'EOF'
usage: scripts/quickstart.sh [--model M.gguf] [--image I.jpg] [-p "question"]

Installs what is missing, builds the programs into build/release/bin, and asks one question about one picture.

  -m, --model M     a Cobra model; without it a tiny model with random weights is made, whose answer is noise
  -i, --image I     the picture (docs/images/garden.jpg)
  -p, --prompt P    the question ("What is in the picture?")
EOF
}

model=""
image=$root/docs/images/garden.jpg
prompt="What is in the picture?"

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
for file in "$image" ${model:+"$model"}; do
  [[ -f $file ]] || { echo "quickstart.sh: no such file: $file" >&2; exit 1; }
done

step() { printf '\n== %s\n' "$*"; }

step "1/3 Packages"
"$root/scripts/setup.sh"

step "2/3 Build (the first time takes some minutes)"
(cd "$root" && cmake --preset engine && cmake --build --preset engine)
cobra=$root/build/release/bin/cobra

step "3/3 Run"
if [[ -z $model ]]; then
  model=$root/build/release/cobra-random.gguf
  "$cobra" init --preset tiny -o "$model"
  echo "No --model was given. This model is tiny and its WEIGHTS ARE RANDOM: the answer below is noise."
  echo "It shows that the program works here, not what Cobra can do."
fi
printf 'picture:  %s\nquestion: %s\nanswer:   ' "$image" "$prompt"
"$cobra" run -m "$model" --image "$image" -p "$prompt"

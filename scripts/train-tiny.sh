#!/usr/bin/env bash
# Makes models/cobra-tiny.gguf again: data, vocabulary, training from nothing, weights in 8 bits, scores.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'EOF'
usage: scripts/train-tiny.sh WORK

Trains cobra-tiny in the folder WORK (about 2 GB) and leaves WORK/cobra-tiny.gguf, the model, WORK/run, the run, and
WORK/scores.md, its scores. An interrupted training goes on when the command is given again. Needs the release
build with the trainer (scripts/setup.sh --tests --train).
EOF
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -* | "") usage >&2; exit 2 ;;
esac
work=$1
cobra=$root/build/release/bin/cobra
[[ -x $cobra && -x $cobra-train ]] || { echo "train-tiny.sh: build the release preset first (see --help)" >&2; exit 1; }
mkdir -p "$work"
cd "$work"

step() { printf '\n== %s\n' "$*"; }

recipe=$root/train/recipes/cobra-tiny.json
ranks=$(($(nproc) < 2 ? 1 : 2)) # of the recipe's 16 examples an update, 8 at a time
export WORLD_SIZE=$ranks MASTER_ADDR=127.0.0.1 MASTER_PORT=${MASTER_PORT:-29500}

scenes() {  # folder, flags of cobra data scenes
  local folder=$1
  shift
  [[ -e $folder ]] || "$cobra" data scenes --test 0 "$@" -o "$folder"
}

join() {  # file, folders
  local file=$1
  shift
  [[ -e $file ]] || "$cobra" data join "${@/%//train.json}" -o "$file"
}

train() {  # run folder, flags of the recipe: a process for each core, one thread each
  local run=$1
  shift
  [[ ! -e $run/model.gguf ]] || return 0
  local arguments=("$recipe" --output "$run" "$@")
  [[ ! -e $run/recipe.json ]] || arguments=(--resume "$run")
  for ((rank = 1; rank < ranks; ++rank)); do
    RANK=$rank "$cobra" train run "${arguments[@]}" --threads 1 >"$run-rank-$rank.log" 2>&1 &
  done
  RANK=0 "$cobra" train run "${arguments[@]}" --threads 1
  wait
}

step "1/4 Data"
scenes one --places --max-objects 1 --train 16000 --seed 30
scenes few --places --train 60000 --seed 31
scenes look --lookups --train 20000 --seed 33
scenes look-more --lookups --train 20000 --seed 34
scenes all --train 62000 --seed 0
scenes compare --comparisons --train 30000 --seed 35
scenes captions --captions --train 15000 --seed 36
scenes lists --places --train 15000 --seed 37
[[ -e fashion ]] || "$cobra" data fashion -o fashion
[[ -e garments ]] || "$cobra" data fashion --sentences 0.25 -o garments
# The words of the short answers make the vocabulary; garments shares its pictures' names with fashion, not its answers.
join words.json few look all fashion
# A part of each is taken, at random: how often a file is named sets its share.
join look.json look look-more look look-more look look-more
join talk.json all all garments
join compare.json compare compare compare all garments
join train.json compare compare compare compare all all garments captions lists look
join last.json garments garments garments garments compare compare all captions lists
[[ -e tokenizer.json ]] || "$cobra" data tokenizer words.json --vocab-size 1024 -o tokenizer.json
[[ -e untrained.gguf ]] || "$cobra" init --preset cobra-tiny --type f32 --tokenizer tokenizer.json -o untrained.gguf

step "2/4 Training: to see one object, to see where several are, to find one by its name, to talk, to compare, and all of it"
train see-one --model untrained.gguf --data one/train.json --images one --max-steps 1000
# The next five end before their learning rate is down, which rises again in the one after.
train see-few --model see-one/model.gguf --data few/train.json --images few --max-steps 3750 --stop-after 2500
train look-up --model see-few/model.gguf --data look.json --max-steps 6000 --stop-after 1688
# States that fade a sixteenth as fast: with Mamba's own decay hardly any object was found by its name.
[[ -e slow.gguf ]] || "$cobra" init --preset cobra-tiny --type f32 --towers look-up/model.gguf \
  --projector look-up/model.gguf --language-model look-up/model.gguf --state-decay 0.0625 -o slow.gguf
train look-again --model slow.gguf --data look.json --max-steps 6000 --stop-after 1200
train talk --model look-again/model.gguf --data talk.json --max-steps 4900 --stop-after 1400
train comparing --model talk/model.gguf --data compare.json --max-steps 3500 --stop-after 2000
train everything
# Garments are hard for a model that sees little of them: a short last stage, mostly of these.
train run --model everything/model.gguf --data last.json --max-steps 1000 --learning-rate 3e-4

step "3/4 Weights in 8 bits"
"$cobra" quantize run/model.gguf --type q8_0 -o cobra-tiny.gguf

step "4/4 Scores"
python3 "$root/scripts/score_tiny.py" --work scored cobra-tiny.gguf | tee scores.md

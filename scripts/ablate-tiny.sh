#!/usr/bin/env bash
# The paper's ablations in small: projector, towers, language model, epochs, alignment; three seeds each; one table.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/trained-work.sh"

usage() {
  cat <<'EOF'
usage: scripts/ablate-tiny.sh WORK

WORK is the folder of a finished scripts/train-tiny.sh. Its towers stay as they are; projector and language model learn
from new scenes, in WORK/ablations, where table.md will be. An interrupted run goes on when the command is given again.
EOF
}

enter_work "$@"

start() {  # file, preset, language model
  [[ -e $1 ]] || "$cobra" init --preset "$2" --type f32 --towers run/model.gguf --language-model "$3" -o "$1"
}

[[ -e taught ]] || "$cobra" data scenes --train 1600 --test 0 --seed 40 -o taught
[[ -e aligning ]] || "$cobra" data scenes --train 800 --test 0 --seed 41 --captions -o aligning
start start.gguf cobra-tiny run/model.gguf
start start-ldp.gguf cobra-tiny-ldpnet run/model.gguf
start start-siglip.gguf cobra-tiny-siglip run/model.gguf
start start-base.gguf cobra-tiny see-few/model.gguf # has read places only

python3 - "$root" <<'EOF'
import json, pathlib, sys
root = pathlib.Path(sys.argv[1])
grid = json.loads((root / "train/recipes/ablate-tiny.json").read_text())
grid["score"] = f"python3 '{root}/scripts/score_tiny.py' --mean --no-fashion --scenes 100 --seed 2 --work scored {{model}}"
pathlib.Path("grid.json").write_text(json.dumps(grid, indent=2))
EOF
"$cobra" train ablate grid.json

#!/usr/bin/env bash
# What weights in fewer bits, and a recurrent state in fewer bits, cost cobra-tiny in accuracy: a table.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/trained-work.sh"

usage() {
  cat <<'EOF'
usage: scripts/precision-tiny.sh WORK

WORK is the folder of a finished scripts/train-tiny.sh. Its model is written in every weight type and asked about 200
test scenes and as many illusions, and once more with a state that is rounded to bfloat16 after every token.
EOF
}

enter_work "$@"

scores() {  # row name, weight type, flags of score_tiny.py
  local name=$1 file=typed-$2.gguf row
  [[ $file -nt run/model.gguf ]] || "$cobra" quantize run/model.gguf --type "$2" -o "$file" >/dev/null
  shift 2
  row=$(python3 "$root/scripts/score_tiny.py" --work scored --no-fashion --scenes 200 --row "$@" "$file")
  printf '| %s | %.1f | %s |\n' "$name" "$(($(stat -c %s "$file") / 100000))e-1" "$row"
}

echo "| % right | file, MB | presence | places | open | illusions |"
echo "|---|---|---|---|---|---|"
for type in f32 bf16 q8_0 q4_k q4_0; do scores "$type" "$type"; done
scores "f32, state in bf16" f32 --state-type bf16

# Sourced by scripts that go on from a finished train-tiny.sh: `enter_work "$@"` with usage() defined and $root set. Sets
# $cobra and enters the work folder, or says what is wrong and ends.
enter_work() {
  case ${1:-} in
    -h | --help) usage; exit 0 ;;
    -* | "") usage >&2; exit 2 ;;
  esac
  cobra=$root/build/release/bin/cobra
  cd "$1"
  [[ -e run/model.gguf ]] || {
    echo "$(basename "$0"): $1/run/model.gguf is missing: run scripts/train-tiny.sh first" >&2
    exit 1
  }
}

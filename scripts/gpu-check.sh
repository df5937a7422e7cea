#!/usr/bin/env bash
# Everything that a machine with a GPU should run, in one command, and one JSON of it: OUT_DIR/gpu-check.json.
#
#   scripts/gpu-check.sh [--cpu] [WHEELS_DIR] OUT_DIR
#
# WHEELS_DIR: install from this folder alone, offline. Filled on a machine with a network and the same Python by
#   pip wheel -w WHEELS_DIR hatchling editables ".[test]"        (add torch or cupy-cuda13x where the machine has none)
# --cpu: rehearse the same steps on the CPU, the tests marked gpu skipped.
#
# The machine's own torch and cupy serve where it has them; PYTHON names another interpreter than python3.
# Exit code 0 when every step went well, 1 when one did not or no CUDA device is here, 2 for a wrong command.
set -euo pipefail

usage() {
  sed -n '4p' "$0" | cut -c 3- >&2
  exit 2
}

cpu=()
if [[ ${1:-} == --cpu ]]; then
  cpu=(--cpu)
  shift
fi
case $# in
  1) wheels='' out=$1 ;;
  2) wheels=$(realpath -e "$1") out=$2 ;;
  *) usage ;;
esac
[[ $out != -* ]] || usage
mkdir -p "$out"
out=$(realpath "$out")
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

# Without a device there is nothing to install for: the check says so, leaves its JSON, and ends.
if [[ ${#cpu[@]} == 0 ]] && ! "$python" -c 'import runpy, sys
sys.exit(0 if runpy.run_path("scripts/gpu_check.py")["cuda_devices"]()[0] else 1)'; then
  exec "$python" scripts/gpu_check.py "$out"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv --system-site-packages "$work/venv"
# shellcheck disable=SC1091
source "$work/venv/bin/activate"
export PIP_DISABLE_PIP_VERSION_CHECK=1

source_of_wheels=()
extras="test"
if [[ $wheels ]]; then
  # A configured index or folder must not help out: offline means from this folder.
  export PIP_CONFIG_FILE=/dev/null
  unset PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CONSTRAINT
  source_of_wheels=(--no-index --find-links "$wheels")
  for pair in torch:torch cupy:cupy_cuda13x; do
    if ! python -c "import ${pair%%:*}" 2>/dev/null && compgen -G "$wheels/${pair##*:}-*.whl" >/dev/null; then
      extras+=,${pair%%:*}
    fi
  done
fi
echo "== install nn-harness[$extras]"
pip install --quiet "${source_of_wheels[@]}" -e ".[$extras]"
python scripts/gpu_check.py "${cpu[@]}" "$out"

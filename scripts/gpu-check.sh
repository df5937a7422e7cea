#!/usr/bin/env bash
# Everything that a machine with a GPU should run, in one command, and what came of it.
#
#   scripts/gpu-check.sh [--cpu] [WHEELS_DIR] OUT_DIR
#
# OUT_DIR: where the results go, results/gpu/NAME to keep them: summary.md, gpu-check.json, the log of every step. They
#   are written after each step, and each has a time limit: a check that is cut off leaves all that it has done.
# WHEELS_DIR: install from this folder alone, offline. Filled on a machine with a network and the same Python by
#   pip wheel -w WHEELS_DIR hatchling editables ".[test]"      (add torch or "cupy-cuda13x[ctk]" where the machine has none)
# --cpu: rehearse the same steps on the CPU, the tests marked gpu skipped.
#
# Steps: harness doctor, parity with numpy in both placements, of networks of images too, with a graph and without, the
# other tests marked gpu, short trainings under NVIDIA's compute-sanitizer where it is (it comes with CUDA, and with
# pip install nvidia-cuda-sanitizer-api), peak memory, benchmarks, the noise floor, a quick suite; meanwhile nvidia-smi
# notes clocks, power and throttling (gpu.csv).
#
# The machine's own torch and cupy serve where it has them; PYTHON names another interpreter than python3. GPU_CHECK holds
# further options of scripts/gpu_check.py: GPU_CHECK="--require cupy --seconds 540" fails without CuPy, and ends in time.
# Exit code 0 when every step went well, 1 when one did not or no CUDA device is here, 2 for a wrong command.
set -euo pipefail

explain() {
  sed -n '2,/^set /p' "$0" | sed -n 's/^# \{0,1\}//p'
}

wrong() {
  printf 'gpu-check.sh: %s\n\n' "$1" >&2
  explain >&2
  exit 2
}

failed() {
  printf 'gpu-check.sh: %s ended with exit code %s; nothing was checked\n' "$1" "$2" >&2
  exit 1
}

cpu=()
while [[ ${1:-} == -* ]]; do
  case $1 in
    -h | --help) explain && exit 0 ;;
    --cpu) cpu=(--cpu) ;;
    *) wrong "there is no option $1" ;;
  esac
  shift
done
case $# in
  0) wrong "name the folder for the results" ;;
  1) wheels='' out=$1 ;;
  2)
    [[ -d $1 ]] || wrong "$1: there is no such folder of wheels"
    wheels=$(realpath -e "$1") out=$2
    ;;
  *) wrong "two folders at most, not $#" ;;
esac
mkdir -p "$out" || wrong "$out: cannot be made"
out=$(realpath "$out")
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
command -v "$python" >/dev/null || wrong "there is no $python: name a Python from 3.11 on, PYTHON=/path/to/python3"
read -r -a options <<<"${GPU_CHECK:-}"

# Without a device there is nothing to install for: the check says so, leaves its JSON, and ends.
if [[ ${#cpu[@]} == 0 ]] && ! "$python" scripts/gpu_check.py --devices >/dev/null; then
  exec "$python" scripts/gpu_check.py "$out"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv --system-site-packages "$work/venv" || failed "$python -m venv" $?
# Where PYTHON is itself in a virtual environment, --system-site-packages passes that environment by: its torch and cupy
# are found through this file.
inherited=$("$python" -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))')
# shellcheck disable=SC1091
source "$work/venv/bin/activate"
echo "$inherited" >"$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/inherited.pth"
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
pip install --quiet "${source_of_wheels[@]}" -e ".[$extras]" || failed "pip install nn-harness[$extras]" $?
python scripts/gpu_check.py "${cpu[@]}" "${options[@]}" "$out"

#!/usr/bin/env bash
# Keep a run's results as text: every table as Markdown and CSV, the verdicts, the environment; never the data.
#
#   scripts/keep-results.sh RUN FOLDER
set -euo pipefail
[[ $# == 2 ]] || { sed -n '4p' "$0" | cut -c 3- >&2; exit 2; }
run=$1 folder=$2
mkdir -p "$folder"
harness leaderboard "$run" --format markdown > "$folder/leaderboard.md"
harness leaderboard "$run" --format csv --table all > "$folder/leaderboard.csv"
harness verify "$run" --format markdown > "$folder/verdicts.md" || [[ $? == 3 ]]
python3 - "$run" > "$folder/environment.json" <<'PYTHON'
import json, sys
from pathlib import Path

run = Path(sys.argv[1])
rows = [json.loads(path.read_text())["row"] for path in run.glob("trials/*/*/row.json")]
found = {json.dumps(row["environment"] | row["components"], sort_keys=True) for row in rows if row["metrics"]}
dataset = json.loads((run / "run.json").read_text())["dataset"]
dataset.pop("class_names")
print(json.dumps({"dataset": dataset, "trials": [json.loads(one) for one in sorted(found)]}, indent=1, ensure_ascii=False))
PYTHON

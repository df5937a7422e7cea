"""Write a run that is on disk to MLflow's store: ``python -m harness_mlflow RUN``."""

import json
import sys
from pathlib import Path

import harness
from harness_mlflow.store import TrackedRun


def main(directory: Path) -> str:
    """Write a run with all its trials as the observer would have; return how many there were, in a sentence.

    Raises:
        HarnessError: there is no run, or it is damaged.
        ConnectionError: the store cannot be reached.
    """
    harness.open_run(directory)
    about = json.loads((directory / "run.json").read_text())
    paths = sorted(directory.glob("trials/*/*/row.json"))
    rows = [(path, json.loads(path.read_text())["row"]) for path in paths]
    run = TrackedRun(about | {"directory": str(directory)})
    for _, row in rows:
        run.finished(row)
        run.evaluated(row)
    files = {
        "run": str(directory / "run.json"),
        "sums": str(directory / "sums.npz"),
        "trials": [
            {"experiment": row["experiment"], "seed": row["seed"], "row": str(path)}
            | {"files": sorted(map(str, path.parent.glob("*.npz")))}
            for path, row in rows
        ],
    }
    run.ended({row["status"]: 1 for _, row in rows}, files)
    return f"{directory}: {len(rows)} trials written"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(main(Path(sys.argv[1])))  # noqa: T201 - a command
    except (harness.HarnessError, ConnectionError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        sys.exit(2)

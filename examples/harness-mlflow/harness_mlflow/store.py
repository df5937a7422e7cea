"""A run of harness in MLflow's store: a run for it, and one within that for each trial."""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any, Literal

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

STATUSES = {"done": "FINISHED", "timed out": "KILLED"}
"""MLflow's word for how a trial ended; ``FAILED`` for all others."""
ARTIFACTS = "HARNESS_MLFLOW_ARTIFACTS"
"""The environment variable that says which files are kept: ``all``, ``rows`` (JSON alone) or ``none``."""
_MOST = {"metrics": 1000, "params": 100, "tags": 100}
"""What MLflow takes in one call."""
_LONGEST = 500
"""Characters of a parameter, in every store."""
_DATASET = ("name", "title", "digest", "rows", "classes", "sizes", "split", "shape", "kind")

Trial = Mapping[str, Any]
"""What a hook is given of a trial, or its row: both have experiment, seed, backend, parameters and settings."""


class TrackedRun:
    """A run of MLflow that holds a run for each trial that trained, or was tested, meanwhile."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        """Start it, of what `harness.hookspecs.run_started` is given.

        Raises:
            ConnectionError: the store cannot be reached.
        """
        # A call of an observer has 30 s, and harness goes on without one that fails: MLflow's 7 attempts take minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # its tables are no news
        self._children: dict[tuple[str, int], str] = {}
        self._logged: dict[str, set[int]] = {}
        """The epochs that each child has."""
        self._running: set[str] = set()
        directory = about["directory"]
        try:
            self._client = MlflowClient()
            self._experiment = self._named(os.environ.get("MLFLOW_EXPERIMENT_NAME") or about["suite"]["suite"]["name"])
            self._parent = self._start(Path(directory).name, {"harness.directory": directory, **_tags(about)})
        except Exception as error:
            msg = (
                f"MLflow's store cannot be reached ({type(error).__name__}: {error}). The run goes on without it; "
                f"afterwards, 'python -m harness_mlflow {directory}' writes it to the store"
            )
            raise ConnectionError(msg) from error
        dataset = {key: about["dataset"][key] for key in _DATASET if key in about["dataset"]}
        self._params(self._parent, {"dataset": dataset})

    def trial(self, trial: Trial) -> str:
        """Return the trial's run; the first call starts it, with the settings as parameters."""
        key = trial["experiment"], trial["seed"]
        if key not in self._children:
            tags = {"mlflow.parentRunId": self._parent, "harness.experiment": key[0], "harness.seed": str(key[1])}
            child = self._start(f"{key[0]} seed {key[1]}", tags)
            self._children[key], self._logged[child] = child, set()
            self._params(child, {name: trial[name] for name in ("experiment", "seed", "backend", "parameters")})
            self._params(child, trial["settings"])
        return self._children[key]

    def epochs(self, trial: Trial, history: Iterable[Mapping[str, Any]]) -> None:
        """Log what each epoch measured, at its number as step; those that are logged already are left."""
        child = self.trial(trial)
        new = [epoch for epoch in history if epoch["epoch"] not in self._logged[child]]
        self._metrics(child, [(_numbers(epoch, leave_out=("epoch",)), epoch["epoch"]) for epoch in new])
        self._logged[child].update(epoch["epoch"] for epoch in new)

    def finished(self, row: Trial) -> None:
        """Log how training ended: epochs that were left out, ``kept/…`` of the weights that were kept, the status."""
        child = self.trial(row)
        self.epochs(row, row["history"])
        metrics = row["metrics"] or {}
        kept = _numbers(metrics) | _numbers(metrics.get("values", {}))
        self._metrics(child, [({f"kept/{name}": value for name, value in kept.items()}, 0)])
        status = {"harness.status": row["status"], "harness.reason": row["reason"]}
        self._put(child, "tags", [RunTag(key, value) for key, value in status.items() if value])
        self._end(child, STATUSES.get(row["status"], "FAILED"))

    def evaluated(self, row: Trial) -> None:
        """Log test metrics: ``test_accuracy`` of clean rows, ``test_accuracy/NAME/SEVERITY`` of perturbed ones."""
        if (row["experiment"], row["seed"]) not in self._children:  # it trained in an earlier run of harness
            self.finished(row)
        for measure in row["evaluation"]["measures"] if row["evaluation"] else ():
            under = f"/{measure['perturbation']}/{measure['severity']:g}" if measure["perturbation"] else ""
            values = {f"{name}{under}": value for name, value in _numbers(measure["values"]).items()}
            self._metrics(self.trial(row), [(values, 0)])

    def ended(self, statuses: Mapping[str, int], files: Mapping[str, Any]) -> None:
        """Keep the files of `harness.hookspecs.run_finished` as artefacts, and end what still runs."""
        done = set(statuses) <= {"done"}
        for child in [child for child in self._children.values() if child in self._running]:
            self._end(child, "KILLED")  # the run was interrupted
        for path in (files[name] for name in ("run", "sums") if name in files):
            self._keep(self._parent, path)
        trials = [trial for trial in files["trials"] if (trial["experiment"], trial["seed"]) in self._children]
        for path, child in [(trial["row"], self.trial(trial)) for trial in trials]:
            self._keep(child, path)
        for path, child in [(path, self.trial(trial)) for trial in trials for path in trial["files"]]:
            self._keep(child, path)
        self._end(self._parent, "FINISHED" if done else "KILLED" if "planned" in statuses else "FAILED")

    def _named(self, name: str) -> str:
        """Return the experiment of a name, which another run may make at the same moment."""
        known = self._client.get_experiment_by_name(name)
        if known is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                known = self._client.get_experiment_by_name(name)
                if known is None:
                    raise
        return str(known.experiment_id)

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        started = self._client.create_run(self._experiment, run_name=name, tags=dict(tags))
        self._running.add(started.info.run_id)
        return str(started.info.run_id)

    def _end(self, run: str, status: str) -> None:
        self._client.set_terminated(run, status)
        self._running.discard(run)

    def _params(self, run: str, table: Mapping[str, Any]) -> None:
        self._put(run, "params", [Param(key, value[:_LONGEST]) for key, value in _flat(table)])

    def _metrics(self, run: str, groups: Iterable[tuple[Mapping[str, float], int]]) -> None:
        now = round(time() * 1000)
        self._put(run, "metrics", [Metric(name, x, now, step) for table, step in groups for name, x in table.items()])

    def _put(self, run: str, what: Literal["metrics", "params", "tags"], entries: Sequence[Any]) -> None:
        for start in range(0, len(entries), _MOST[what]):
            self._client.log_batch(run, **{what: entries[start : start + _MOST[what]]})

    def _keep(self, run: str, path: str) -> None:
        kinds = {"all": "", "rows": ".json"}
        if path.endswith(kinds.get(os.environ.get(ARTIFACTS, "all"), "\0")) and Path(path).is_file():
            self._client.log_artifact(run, path)


def _tags(about: Mapping[str, Any]) -> dict[str, str]:
    """Return what identifies a run of harness: its version, and the machine."""
    machine = {f"environment.{key}": str(value) for key, value in about["environment"].items()}
    return {"harness.version": about["harness"], **machine}


def _numbers(table: Mapping[str, Any], leave_out: Sequence[str] = ()) -> dict[str, float]:
    """Return the numbers of a table; what is None, a text or a table has no place among metrics."""
    return {key: float(x) for key, x in table.items() if isinstance(x, int | float) and key not in leave_out}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings with dots: ``optimizer.learning_rate``."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)

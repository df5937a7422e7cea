"""What observers are called with in a run of four trials: one is done, one failed, one timed out, one cannot run."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.datasets.info import DatasetInfo
from harness.execution import announced
from harness.execution.planned import PlannedTrial
from harness.machine.arrays import write_arrays
from harness.machine.host import host
from harness.plugins.loading import Registry
from harness.rows import EpochRecord, EvaluationRow, Measure, TrialMetrics, TrialRow
from harness.store import Run, plain
from harness.store.sums import NAME as SUMS
from harness.suite import load_suite

SEED = 1
EPOCHS = 3
SUITE: Mapping[str, Any] = {
    "suite": {"name": "recorded", "seeds": [SEED]},
    "dataset": {"name": "digits", "split": {"train": 0.7, "val": 0.1, "test": 0.2, "seed": 42}},
    "defaults": {"hidden_layers": [16], "epochs": EPOCHS, "optimizer": {"name": "adam", "learning_rate": 0.01}},
    "experiments": {
        "done": {"group": "a group", "description": "ends well"},
        "failed": {"optimizer": {"name": "sgd", "learning_rate": 1e9}},
        "timed-out": {"hidden_layers": [4096, 4096], "batch_norm": True},
        "unavailable": {"dropout": 0.5},
    },
}
_ENDS = {
    "failed": ("failed", "the loss is not finite in epoch 2"),
    "timed-out": ("timed out", "took longer than 60 s"),
    "unavailable": ("unavailable", "numpy cannot honour dropout"),
}
_METRICS = {"accuracy": 0.9, "f1": 0.89, "log_loss": 0.3, "brier": None}


@dataclass(frozen=True)
class Recorded:
    """A call of an observer's hook."""

    hook: str
    arguments: dict[str, Any]


def recording(folder: Path, registry: Registry) -> list[Recorded]:
    """Return the calls of a run in ``folder``, where the files are that they name."""
    suite = load_suite(SUITE, registry).suite
    sizes = {"train": 1257, "val": 180, "test": 360}
    names = tuple("0123456789")
    data = DatasetInfo("digits", "d" * 64, 1797, names, sizes, "digits, 1,797 images", split="5" * 64, shape=(8, 8))
    run = Run(folder, suite, data, [(name, SEED) for name in suite.experiments], {"backend numpy": "nn-harness"})
    folder.mkdir(parents=True)
    run.write_header({"environment": host()})
    trials = {name: PlannedTrial(_planned(run, name), None) for name in suite.experiments}
    about = announced.begun(run, [trial.row for trial in trials.values()], list(trials.values())[:3], 12.5)
    calls = [Recorded("run_started", {"run": about})]
    rows = {}
    for name, planned in trials.items():
        row = _ended(planned.row)
        arrays = {"state.npz": {"0.weight": np.zeros((64, 16), dtype=np.float32)}} if row.metrics else None
        rows[name] = run.write(row, arrays).row
        calls += _trial(planned, rows[name])
    rows["done"] = replace(rows["done"], evaluation=_evaluation())
    run.write(rows["done"], {"evaluation.npz": {"rows": np.arange(360)}})
    calls.append(Recorded("trial_evaluated", {"row": plain(rows["done"])}))
    write_arrays(folder / SUMS, {"count": np.zeros(1)}, durable=False)
    calls.append(Recorded("run_finished", {"run": announced.ended(run, about, rows.values(), ())}))
    return calls


def _trial(planned: PlannedTrial, row: TrialRow) -> Iterator[Recorded]:
    """Yield the calls of one trial; one that cannot run has none."""
    if row.status == "unavailable":
        return
    trial = announced.trial(planned) | {"epochs": EPOCHS}
    yield Recorded("trial_started", {"trial": trial})
    if row.status == "timed out":
        yield Recorded("trial_lost", {"trial": trial, "reason": "the process ended by signal 9"})
        yield Recorded("trial_started", {"trial": trial})
        yield Recorded("trial_remarked", {"trial": trial, "remark": "goes on from its checkpoint, after epoch 1"})
    for epoch in _history()[: EPOCHS if row.status == "done" else 1]:
        yield Recorded("epoch_finished", {"trial": trial, "epoch": asdict(epoch)})
    yield Recorded("trial_finished", {"row": plain(row)})


def _planned(run: Run, name: str) -> TrialRow:
    table = run.suite.experiments[name]
    return TrialRow(
        experiment=name, seed=SEED, group=table.group, description=table.description, status="planned",
        fingerprint=f"{sorted(run.suite.experiments).index(name):064x}", backend="numpy",
        settings=table.model_dump(mode="json"), parameters=1210, basis={"dataset": run.dataset.digest},
        components={"backend numpy": "nn-harness"},
    )  # fmt: skip


def _ended(row: TrialRow) -> TrialRow:
    if row.experiment in _ENDS:
        status, reason = _ENDS[row.experiment]
        return replace(row, status=status, reason=reason)  # type: ignore[arg-type] # they are statuses
    last = _history()[-1]
    metrics = TrialMetrics(
        last.train_loss, last.train_accuracy, last.val_loss, last.val_accuracy, best_epoch=EPOCHS, epochs=EPOCHS,
        stopped_early=False, seconds=0.4, samples_per_second=1e4,
        values={f"val_{name}": value for name, value in _METRICS.items()},
    )  # fmt: skip
    return replace(row, status="done", history=_history(), metrics=metrics, environment=dict(host()))


def _history() -> list[EpochRecord]:
    losses = [1.5 / (epoch + 1) for epoch in range(EPOCHS)]
    return [
        EpochRecord(epoch, 0.01, loss, 1 - loss / 3, loss, 1 - loss / 3, 0.1, 1e4, 0.02)
        for epoch, loss in enumerate(losses, start=1)
    ]


def _evaluation() -> EvaluationRow:
    values = {f"test_{name}": value for name, value in _METRICS.items()}
    measures = [Measure(None, 0.0, values), Measure("gaussian_noise", 0.3, values)]
    return EvaluationRow("e" * 64, measures, 0.2, dict(host()), {"perturbation gaussian_noise": "nn-harness"})

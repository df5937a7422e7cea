"""From a suite to its trials: which would run, on which backend, and which cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.datasets.cache import CachedDataset, cache_root, materialise
from harness.errors import HarnessError, nearest
from harness.interfaces import INTERFACE_VERSION, BatchNorm, Context, NetworkSpec
from harness.jobs import load_backend, split_of
from harness.plugins import Registry
from harness.rows import TrialRow
from harness.specs import OptimizerSpec, PerturbationSpec, TrialSpec, fingerprint, network_spec
from harness.suite import Experiment, LoadedSuite, Suite
from harness.suite.finalists import matching

PRESENTATION = {"group", "description"}
"""Settings that name an experiment without changing what it computes."""
PLACE = {"backend", "device", "placement"}
"""Settings that say where it is computed: the fingerprint has the backend that was chosen, the environment the rest."""


@dataclass(frozen=True)
class PlannedTrial:
    """A trial that the suite asks for; ``spec`` is None where no backend can run it, and the row says why."""

    row: TrialRow
    spec: TrialSpec | None


@dataclass(frozen=True)
class Plan:
    """Every trial that was asked for, in the suite's order, and the data that they share."""

    data: CachedDataset
    trials: list[PlannedTrial]
    sizes: dict[str, int]
    """Rows in train, val and test."""


def make_plan(loaded: LoadedSuite, registry: Registry, *, only: Sequence[str] = (), threads: int = 1) -> Plan:
    """Return the plan of a suite; its dataset is loaded into the cache.

    ``only``: names or globs of experiments; all without.

    Raises:
        HarnessError: the dataset is not to be had or cannot be split, ``only`` matches nothing, or an experiment cannot
            be trained on it.
    """
    suite = loaded.suite
    chosen = choose(suite, only)
    data = open_dataset(loaded)
    try:
        split = split_of(data, suite.dataset.split)
    except HarnessError as error:
        msg = f"{loaded.path}: dataset {suite.dataset.name!r}: {error}"
        raise HarnessError(msg) from None
    base = {
        "interface": INTERFACE_VERSION,
        "dataset": data.digest,
        "split": split.digest(),
        "precision": Context(seed=0).precision,
    }
    trials = []
    for name in chosen:
        experiment = suite.experiments[name]
        network = network_spec(experiment, data.shape, len(data.class_names))
        _check_last_batch(loaded, name, network, len(split.train))
        backend, reason = _choose_backend(registry, experiment, network)
        optimizer = registry.find("optimizer", experiment.optimizer.name)
        components = {f"optimizer {experiment.optimizer.name}": optimizer.provenance}
        if backend:
            components[f"backend {backend}"] = registry.find("backend", backend).provenance
        settings = experiment.model_dump(mode="json")
        meaning = {key: value for key, value in settings.items() if key not in PRESENTATION | PLACE}
        for seed in suite.suite.seeds:
            row = TrialRow(
                experiment=name,
                seed=seed,
                group=experiment.group,
                description=experiment.description,
                status="planned" if backend else "unavailable",
                fingerprint=fingerprint(
                    base | {"settings": meaning, "seed": seed, "backend": backend, "components": components}
                ),
                backend=backend or ", ".join(experiment.backends),
                settings=settings,
                parameters=network.parameter_count(),
                reason=reason,
                components=components,
            )
            spec = _trial_spec(loaded, row, data, network, threads) if backend else None
            trials.append(PlannedTrial(row, spec))
    sizes = {name: len(getattr(split, name)) for name in ("train", "val", "test")}
    return Plan(data, trials, sizes)


def choose(suite: Suite, only: Sequence[str]) -> list[str]:
    """Return the experiments that ``only`` names, in the suite's order.

    Raises:
        HarnessError: a pattern matches none.
    """
    names = list(suite.experiments)
    wanted: set[str] = set()
    for pattern in only:
        found = matching(pattern, names)
        if not found:
            msg = f"--only {pattern}: matches no experiment. {nearest(pattern, names)}"
            raise HarnessError(msg)
        wanted.update(found)
    return [name for name in names if name in wanted] if only else names


def open_dataset(loaded: LoadedSuite) -> CachedDataset:
    """Return the suite's dataset from the cache, where it is put first if need be.

    Raises:
        HarnessError: it is not available, or its files are faulty.
    """
    table = loaded.suite.dataset
    try:
        reason = loaded.dataset.unavailable()
        if reason is None:
            return materialise(table.name, table.options, loaded.dataset, cache_root())
    except HarnessError as error:
        reason = str(error)
    msg = f"{loaded.path}: dataset {table.name!r}: {reason}"
    raise HarnessError(msg)


def perturbation_specs(suite: Suite) -> tuple[PerturbationSpec, ...]:
    """Return what the suite's robustness tables ask for."""
    return tuple(PerturbationSpec(one.perturbation, tuple(one.severities), one.seed) for one in suite.robustness)


def evaluation_fingerprint(trial: str, perturbations: Sequence[PerturbationSpec], registry: Registry) -> str:
    """Return the fingerprint of an evaluation: the trial's, and every perturbation with its version and severities."""
    content: list[dict[str, Any]] = [
        {
            "name": spec.name,
            "from": registry.find("perturbation", spec.name).provenance,
            "severities": spec.severities,
            "seed": spec.seed,
        }
        for spec in perturbations
    ]
    return fingerprint({"trial": trial, "perturbations": content})


def _choose_backend(registry: Registry, experiment: Experiment, network: NetworkSpec) -> tuple[str | None, str]:
    """Return the first backend that is available and can honour the experiment, or None and each one's reason."""
    reasons = []
    for name in experiment.backends:
        try:
            backend = load_backend(registry.find("backend", name))
            reason = backend.unavailable(experiment.device)
            if reason is None:
                keys = backend.unsupported(network)
                if not keys:
                    return name, ""
                reason = f"{name} cannot honour {', '.join(keys)}"
        except HarnessError as error:
            reason = str(error)
        reasons.append(reason)
    return None, "; ".join(reasons)


def _check_last_batch(loaded: LoadedSuite, name: str, network: NetworkSpec, rows: int) -> None:
    """Refuse a batch norm over a last batch of one row, which has no variance."""
    if rows % network.batch_size == 1 and any(isinstance(layer, BatchNorm) for layer in network.layers):
        msg = (
            f"{loaded.path}: experiments.{name}.batch_size: {network.batch_size} leaves a last batch of one row out of "
            f"{rows}, which batch_norm cannot normalise. Choose {network.batch_size + 1} or another"
        )
        raise HarnessError(msg)


def _trial_spec(
    loaded: LoadedSuite, row: TrialRow, data: CachedDataset, network: NetworkSpec, threads: int
) -> TrialSpec:
    experiment = loaded.suite.experiments[row.experiment]
    optimizer = experiment.optimizer
    return TrialSpec(
        experiment=row.experiment,
        seed=row.seed,
        data=data,
        split=loaded.suite.dataset.split,
        network=network,
        backend=row.backend,
        optimizer=OptimizerSpec(optimizer.name, optimizer.options, loaded.path.parent),
        learning_rate=optimizer.learning_rate,
        schedule=experiment.schedule,
        epochs=experiment.epochs,
        early_stopping=experiment.early_stopping or None,
        context=Context(row.seed, device=experiment.device, threads=threads, placement=experiment.placement),
        fingerprint=row.fingerprint,
    )

"""Train and evaluate as jobs: functions of a picklable specification, that a pool runs anywhere."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.datasets.cache import CachedDataset
from harness.datasets.splits import Split, SplitTable, partition
from harness.descent import for_blocks
from harness.errors import HarnessError, TrialError, one_line, shown
from harness.interfaces import INTERFACE_VERSION, Backend, BlockOptimizer, Network, Optimizer, State
from harness.machine.contention import Waiting
from harness.machine.host import anonymous_bytes, host
from harness.machine.pages import huge_pages
from harness.machine.threads import limited
from harness.plugins.components import KINDS, Component
from harness.plugins.foreign import foreign
from harness.plugins.loading import Registry
from harness.plugins.options import ComponentSpec, build, checked
from harness.plugins.perturbations import perturbation_options
from harness.rows import EpochRecord
from harness.seeding import initial_state
from harness.trial.augmentation import augmenter_of
from harness.trial.checkpoints import Checkpoints
from harness.trial.declared import read_facts, read_launch, read_placement
from harness.trial.inputs import Inputs, read_only, training_labels
from harness.trial.losses import with_loss
from harness.trial.perturbed import NamedPerturb
from harness.trial.robustness import Robustness
from harness.trial.rules import check_rule
from harness.trial.scaling import Scaling
from harness.trial.specs import Remark, Trained, TrialSpec
from harness.trial.tasks import Report
from harness.trial.training import fit

_LOG = logging.getLogger(__name__)


def load_backend(component: Component, options: Mapping[str, Any] | None = None, directory: Path = Path()) -> Backend:
    """Return a backend; ``options`` are its factory's keywords, in which paths resolve against ``directory``.

    Raises:
        HarnessError: its import or its factory fails, or it was written for another interface.
    """
    try:
        factory = component.load()
        keywords = checked(component, options, directory) if options else {}
        with foreign():
            backend: Backend = factory(**keywords)
    except HarnessError:
        raise
    except Exception as error:
        msg = f"{component.spoken}: {one_line(error)}"
        raise HarnessError(msg) from error
    version = getattr(backend, "interface", None)
    if version is None:
        msg = f"{component.spoken} does not say which interface it was written for: set interface = {INTERFACE_VERSION}"
        raise HarnessError(msg)
    if type(version) is not int:
        msg = (
            f"{component.spoken}: interface is {shown(version)}, of type {type(version).__name__}; the contract says "
            f"an int: set interface = {INTERFACE_VERSION} if it was written for that"
        )
        raise HarnessError(msg)
    if version != INTERFACE_VERSION:
        msg = (
            f"{component.spoken} was written for interface {version}; this harness "
            f"has {INTERFACE_VERSION}: install a version of {component.distribution} that matches{_moving(version)}"
        )
        raise HarnessError(msg)
    return backend


def _moving(version: int) -> str:
    """Return what the author of a backend of an earlier interface would do."""
    page = f"docs/how-to/move-to-interface-{INTERFACE_VERSION}.md"
    return (
        f", or change it as {page} says and set interface = {INTERFACE_VERSION}" if version < INTERFACE_VERSION else ""
    )


def split_of(data: CachedDataset, table: SplitTable) -> Split:
    """Return the split of a cached dataset: the same wherever it is computed; read-only, as later trials share it."""
    return _split(replace(data, info=replace(data.info, sizes={}, split="", scale="")), table)


@lru_cache(maxsize=4)
def _split(data: CachedDataset, table: SplitTable) -> Split:
    split = partition(data.open().labels, table, data.info.class_names, data.info.test_rows)
    return Split(read_only(split.train), read_only(split.val), read_only(split.test))


def open_inputs(data: CachedDataset, table: SplitTable) -> Inputs:
    """Return a cached dataset as networks are given it; vectors are scaled once a process, and kept for later trials.

    Raises:
        HarnessError: what `CachedDataset.open` and `split_of` raise.
    """
    if data.info.kind == "image":
        return Inputs(data.open())
    return _vectors(replace(data, info=replace(data.info, sizes={}, split="")), table)


@lru_cache(maxsize=1)
def _vectors(data: CachedDataset, table: SplitTable) -> Inputs:
    loaded = data.open()
    scaling = Scaling.of(loaded.features, split_of(data, table).train)
    if data.info.scale == "none":
        return Inputs(loaded, scaling)
    return Inputs(replace(loaded, features=read_only(scaling.standardised(loaded.features))))


def train(spec: TrialSpec, registry: Registry, report: Report) -> Trained:
    """Train a trial; ``report`` is called with each epoch's record, and with each `Remark`."""
    inputs = open_inputs(spec.data, spec.split)
    data = inputs.rows
    split = split_of(spec.data, spec.split)
    augmenter = augmenter_of(
        spec.augment, inputs, spec.network.batch_size, spec.seed, registry, spec.optimizer.directory
    )

    def epoch(record: EpochRecord) -> None:
        _LOG.info(
            "epoch %d: loss %.6g, accuracy %.4f, val loss %.6g, val accuracy %.4f, %.0f samples/s",
            record.epoch,
            record.train_loss,
            record.train_accuracy,
            record.val_loss,
            record.val_accuracy,
            record.samples_per_second,
        )
        report(record)

    def remark(text: str) -> None:
        _LOG.info(text)
        report(Remark(text))

    with limited(spec.context.threads):
        network = build_network(spec, initial_state(spec.network, spec.seed), registry)
        try:
            network.attach(data.features, training_labels(data.labels, split.train))
            where = environment_of(spec, registry) | {"placement": read_placement(network)} | read_launch(network)
            checkpoints = Checkpoints(*spec.checkpoint, spec.fingerprint, where) if spec.checkpoint else None
            waiting = Waiting()
            trained = fit(network, spec, split, data.labels, epoch, checkpoints, remark, augmenter)
            where |= read_launch(network)  # a capture may have failed since
            memory, waited = anonymous_bytes(), waiting.share()
        finally:
            network.close()
    return replace(trained, environment=where, anonymous_bytes=memory, waited=waited)


def checkpoint_remark(spec: TrialSpec, registry: Registry, _report: Report) -> str:
    """Return what a trial would say of the checkpoint in its place: a job."""
    if spec.checkpoint is None:
        return ""
    return Checkpoints(*spec.checkpoint, spec.fingerprint, environment_of(spec, registry)).find().remark


def build_network(spec: TrialSpec, state: State, registry: Registry) -> Network:
    """Return a trial's network, from a state."""
    backend = _backend_of(spec, registry)
    network = with_loss(spec.network, spec.loss, registry)
    optimizer = for_blocks(build_optimizer(spec.optimizer, registry), network.parameters())
    refuse_edited(spec.components, registry)
    return backend.build(network, state, optimizer, spec.context)


def refuse_edited(components: Mapping[str, str], registry: Registry) -> None:
    """Refuse plugins that are loaded and are not what a row says of them, ``"optimizer lion"`` -> its identity.

    Raises:
        TrialError: one has been edited since the run began.
    """
    for part, planned in components.items():
        kind, _, name = part.partition(" ")
        known = next((known for known in KINDS if known == kind and kind != "dataset"), None)
        loaded = registry.find(known, name) if known else None
        if loaded and loaded.identity != planned:
            msg = (
                f"{part} was {planned} when the run began, and is {loaded.identity}: the same command trains with that"
            )
            raise TrialError(msg)


def named_perturbs(tables: Sequence[Robustness], registry: Registry, directory: Path = Path()) -> list[NamedPerturb]:
    """Return perturbations with what the suite says of them; ``directory``: against which paths in options resolve."""
    pairs = [(table, registry.find("perturbation", table.perturbation)) for table in tables]
    return [
        NamedPerturb(table, component.load(), perturbation_options(component, table.options, directory))
        for table, component in pairs
    ]


def build_optimizer(spec: ComponentSpec, registry: Registry) -> Optimizer | BlockOptimizer:
    """Return the optimizer with its options.

    Raises:
        HarnessError: no plugin offers it, its options are wrong, or it is a third-party one that breaks its contract.
    """
    component = registry.find("optimizer", spec.name)
    rule: Optimizer | BlockOptimizer = build(component, spec.options, spec.directory)
    if not component.own:
        check_rule(rule, component.spoken)
    return rule


def _backend_of(spec: TrialSpec, registry: Registry) -> Backend:
    """Return a trial's backend with its options."""
    return load_backend(registry.find("backend", spec.backend), spec.backend_options, spec.optimizer.directory)


def environment_of(spec: TrialSpec, registry: Registry) -> dict[str, str]:
    """Return what a row says of where its trial runs: the host's facts, pages, the backend's facts, and threads."""
    backend = _backend_of(spec, registry)
    own = read_facts(backend.environment(spec.context.device))
    return host() | huge_pages() | own | {"threads": str(spec.context.threads)}

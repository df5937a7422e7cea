"""What a plugin can offer (pluggy hook specifications)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from harness.interfaces import Backend, BlockOptimizer, Dataset, Layer, Loss, Optimizer, Peer, Perturb

hookspec = pluggy.HookspecMarker("harness")


@hookspec
def register_backends(register: Callable[[str, Callable[..., Backend] | str], None]) -> None:
    """Offer backends: call ``register(name, factory)`` once for each.

    Called once, when plugins are loaded. ``factory`` may be ``"module:attribute"``, imported only when a suite asks for
    it; its keywords are the options of a suite's ``backend`` table. A name that two distributions offer is reachable as
    ``distribution:name`` only.
    """


@hookspec
def register_optimizers(register: Callable[[str, Callable[..., Optimizer | BlockOptimizer] | str], None]) -> None:
    """Offer optimizers: ``register(name, factory)``; the factory's keywords are the options of the TOML table.

    Called once, when plugins are loaded. The annotations of the keywords are enforced; ``ValueError`` refuses a value.
    """


@hookspec
def register_losses(register: Callable[[str, Callable[..., Loss] | str], None]) -> None:
    """Offer losses: ``register(name, factory)``; the factory's keywords are the options of the TOML table.

    Called once, when plugins are loaded. The annotations of the keywords are enforced; ``ValueError`` refuses a value.
    """


@hookspec
def register_models(register: Callable[[str, Callable[..., tuple[Layer, ...]] | str], None]) -> None:
    """Offer models: ``register(name, factory)``; ``factory(input_shape, classes, **options)`` returns layers.

    Called once, when plugins are loaded. The other keywords of the factory are the options of the TOML table; their
    annotations are enforced; ``ValueError`` refuses a value.
    """


@hookspec
def register_perturbations(register: Callable[[str, Perturb | str], None]) -> None:
    """Offer perturbations: ``register(name, perturb)``, where ``perturb(images, severity, rng)`` returns new images.

    Called once, when plugins are loaded. An attribute ``sweep`` of ``perturb`` is used for several severities.
    """


@hookspec
def register_datasets(register: Callable[[str, Callable[..., Dataset] | str], None]) -> None:
    """Offer datasets: ``register(name, factory)``; the factory's keywords are the options of the TOML table.

    Called once, when plugins are loaded. The annotations of the keywords are enforced; ``ValueError`` refuses a value.
    """


@hookspec
def register_peers(register: Callable[[str, Callable[[], Peer] | str], None]) -> None:
    """Offer peers, which `harness bench` measures beside the backends: ``register(name, factory)``.

    Called once, when plugins are loaded. ``factory`` may be ``"module:attribute"``, imported only when it is measured.
    """


@hookspec
def run_started(run: Mapping[str, Any]) -> None:
    """Observe that trials are about to run.

    Called once a run, in the driver. Like all hooks below, it is called in a thread that each plugin has, in the order
    of what happened. All arguments are what JSON has: dicts, lists, texts, numbers, None. Other observers are given
    the same objects, so they are not to be changed. ``run``: ``directory``, ``trials`` (planned), ``reused`` (already
    done), ``pending`` (to be trained), ``predicted_seconds`` (of their training; None where nothing like it has run
    here), ``suite`` (complete, as ``run.json`` has it), ``dataset`` (``name``, ``title``, ``digest``, ``rows``,
    ``classes``, ``class_names``, ``sizes`` of train, val and test, ``split``, ``shape``, ``kind``, …),
    ``environment`` (system, processor, cores, Python) and ``harness``, its version.
    """


@hookspec
def trial_started(trial: Mapping[str, Any]) -> None:
    """Observe that a trial begins.

    Called in the driver, once for each time that a trial begins: again after `trial_lost`, when it is run once more.
    ``trial``: ``experiment``, ``seed``, ``backend``, ``epochs`` (at most), ``parameters`` (their number),
    ``settings`` (the experiment's, complete, as rows have them).
    """


@hookspec
def epoch_finished(trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
    """Observe the end of an epoch.

    Called once an epoch, in the driver, best effort: the row's history is what counts. ``trial`` as in
    `trial_started`; ``epoch``: a row of the history.
    """


@hookspec
def trial_remarked(trial: Mapping[str, Any], remark: str) -> None:
    """Observe what a trial says of itself: that it goes on from its checkpoint, or why it does not use it.

    Called in the driver, best effort: the trial's log has it too. ``trial`` as in `trial_started`; ``remark``: one
    line.
    """


@hookspec
def trial_lost(trial: Mapping[str, Any], reason: str) -> None:
    """Observe that a trial's process died, or the node of a cluster that ran it was lost: it will run once more.

    After its process died it runs by itself, when the others have ended; after the loss of a node, on another.

    Called at most once a trial, in the driver. ``trial`` as in `trial_started`; ``reason``: one line.
    """


@hookspec
def trial_finished(row: Mapping[str, Any]) -> None:
    """Observe that a trial has its row, ``done`` or not.

    Called once a trial that ran, in the driver, after the row is on disk. ``row``: the row as stored.
    """


@hookspec
def trial_evaluated(row: Mapping[str, Any]) -> None:
    """Observe that a trained trial was measured on its test rows, or could not be.

    Called once a trial that was measured, in the driver, when all have trained. ``row``: the row as stored.
    """


@hookspec
def run_finished(run: Mapping[str, Any]) -> None:
    """Observe the end of a run.

    Called once, in the driver, interrupted or not. ``run`` as in `run_started`, and ``statuses``: how many rows have
    each status; ``files``: the paths of what there is, ``run`` (``run.json``), ``sums`` (what leaderboards compare
    from) and ``trials``, of each trial and ensemble that has a row its ``experiment``, ``seed``, ``row`` and ``files``.
    """

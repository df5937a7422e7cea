"""An ensemble on the test rows: trained networks that answer together, by the mean of their probabilities."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.cache import CachedDataset
from harness.datasets.splits import SplitTable
from harness.interfaces import Victim
from harness.machine.host import host
from harness.machine.threads import limited
from harness.plugins.loading import Registry
from harness.rows import EvaluationRow
from harness.trial.attacks import TestedEnsemble, TestedNetwork
from harness.trial.evaluation import BLOCK, NamedPerturb, as_given, attacked, gathered, measures
from harness.trial.gallery import Album, confused
from harness.trial.jobs import build_network, named_perturbs, refuse_edited, split_of
from harness.trial.measuring import trained_state
from harness.trial.outputs import read_predictions
from harness.trial.probabilities import mean_log_probabilities
from harness.trial.robustness import Robustness, conditions
from harness.trial.specs import Evaluated, TrialSpec
from harness.trial.tasks import Report


@dataclass(frozen=True)
class EnsembleSpec:
    """The files of the members' probabilities, and what they are of."""

    data: CachedDataset
    split: SplitTable
    members: tuple[Path, ...]
    perturbations: tuple[Robustness, ...]
    attacks: frozenset[str] = frozenset()
    """Which of the perturbations are made against it."""
    attacked: tuple[tuple[TrialSpec, Path, str], ...] = ()
    """The members as `harness.trial.specs.EvaluationSpec` has them, each on its device: where there are attacks."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """The attacks that it cannot be tested under, and why."""
    components: Mapping[str, str] = field(default_factory=dict)
    """What the perturbations' plugins were when the run began, as rows name them."""

    def on(self, device: str) -> "EnsembleSpec":
        """Return the same with the members that are attacked on a device of this kind on this one."""
        kind, _, _ = device.partition(":")
        moved = (
            (trial.on(device) if trial.context.device.partition(":")[0] == kind else trial, path, digest)
            for trial, path, digest in self.attacked
        )
        return replace(self, attacked=tuple(moved))


def answer_together(spec: EnsembleSpec, registry: Registry, _report: Report) -> Evaluated:
    """Return the predictions and metrics of an ensemble: a job.

    Its probabilities are the means of those that its members' evaluations kept. Under attack its members are built
    again, as the images are made against all of them together; only then has a plugin a part in it. ``seconds`` of the
    evaluation do not have those of the members' evaluations.

    Raises:
        TrialError: a member's probabilities or state cannot be read, or are none; or a backend or an attack returned
            what its contract does not allow.
    """
    started = perf_counter()
    data = spec.data.open()
    rows = split_of(spec.data, spec.split).test
    truth, classes = data.labels[rows], len(spec.data.info.class_names)
    count = len(conditions(spec.perturbations, spec.unavailable))
    sizes = [
        min(BLOCK, len(rows) - start)
        for start in range(0, len(rows), BLOCK)
        for _ in conditions(spec.perturbations, {*spec.attacks, *spec.unavailable})
    ]
    album = Album(rows)
    with ExitStack() as stack:
        blocks = mean_log_probabilities(spec.members, sizes, classes)
        if spec.attacked:
            victim = _victim(spec, registry, stack)
            perturbations = named_perturbs(spec.perturbations, registry, spec.attacked[0][0].optimizer.directory)
            blocks = _with_attacks(spec, blocks, victim, perturbations, data.features[rows], truth, classes, album)
        predictions = gathered(blocks, truth, rows, classes, count)
    evaluation = EvaluationRow(
        fingerprint="",
        measures=measures(predictions, spec.perturbations, classes, spec.unavailable),
        seconds=perf_counter() - started,
        environment=host(),
    )
    return Evaluated(evaluation, predictions, confused(predictions, data.features, classes) | album.arrays())


def _victim(spec: EnsembleSpec, registry: Registry, stack: ExitStack) -> Victim:
    """Return the members together; ``stack`` closes them."""
    refuse_edited(spec.components, registry)
    stack.enter_context(limited(spec.attacked[0][0].context.threads))
    members = []
    for trial, path, digest in spec.attacked:
        network = build_network(trial, trained_state(path, digest), registry)
        stack.callback(network.close)
        members.append(TestedNetwork(network))
    return TestedEnsemble(members)


def _with_attacks(
    spec: EnsembleSpec,
    kept: Iterator[NDArray[np.float32]],
    victim: Victim,
    perturbations: list[NamedPerturb],
    features: NDArray[Any],
    truth: NDArray[np.int64],
    classes: int,
    album: Album,
) -> Iterator[NDArray[np.float32]]:
    """Yield log-probabilities of each block under each condition: those that are kept, and those under attack."""
    for block, start in enumerate(range(0, len(truth), BLOCK)):
        part = slice(start, start + BLOCK)
        clean = as_given(features[part])

        def seen(
            values: NDArray[np.float32],
            images: NDArray[np.float32],
            *,
            under: bool,
            part: slice = part,
        ) -> NDArray[np.float32]:
            predictions = read_predictions(values, truth[part], classes, "of the ensemble")
            album.see(part.start, images, predictions, attacked=under)
            return values

        yield seen(next(kept), clean, under=False)
        for named in perturbations:
            for severity in named.table.severities:
                if named.table.perturbation not in spec.attacks:
                    yield seen(next(kept), clean, under=False)
                    continue
                images = attacked(clean, truth[part], block, named, severity, victim)
                yield seen(victim.predict_images(images), images, under=True)

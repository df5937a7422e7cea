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
from harness.machine.pages import huge_pages
from harness.machine.threads import limited
from harness.plugins.loading import Registry
from harness.rows import EvaluationRow
from harness.trial.attacks import TestedEnsemble, TestedNetwork
from harness.trial.blocks import block_rows
from harness.trial.evaluation import gathered, kept, measures
from harness.trial.gallery import Album, confused
from harness.trial.inputs import as_given
from harness.trial.jobs import build_network, named_perturbs, refuse_edited, split_of
from harness.trial.measuring import trained_state
from harness.trial.outputs import read_predictions
from harness.trial.perturbed import Lost, NamedPerturb, attacked
from harness.trial.probabilities import equally_likely, mean_log_probabilities
from harness.trial.robustness import Robustness, conditions
from harness.trial.specs import Evaluated, TrialSpec
from harness.trial.tasks import Locate, Report


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
    """The perturbations that it has no answers under, and why."""
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

    def moved(self, locate: Locate) -> "EnsembleSpec":
        """Return the same with its files elsewhere, as `Movable` says."""
        attacked = [(trial.moved(locate), locate(path, "read"), digest) for trial, path, digest in self.attacked]
        data = replace(self.data, directory=locate(self.data.directory, "data"))
        members = tuple(locate(path, "read") for path in self.members)
        return replace(self, data=data, members=members, attacked=tuple(attacked))


def answer_together(spec: EnsembleSpec, registry: Registry, _report: Report) -> Evaluated:
    """Return the predictions and metrics of an ensemble: a job.

    Its probabilities are the means of those that its members' evaluations kept. Under attack its members are built
    again, as the images are made against all of them together; only then has a plugin a part in it. An attack that
    fails costs its own measures. ``seconds`` of the evaluation do not have those of the members' evaluations.

    Raises:
        TrialError: a member's probabilities or state cannot be read, or are none; or a backend returned what its
            contract does not allow.
    """
    started = perf_counter()
    data = spec.data.open()
    rows = split_of(spec.data, spec.split).test
    truth, classes = data.labels[rows], len(spec.data.info.class_names)
    answered = conditions(spec.perturbations, spec.unavailable)
    most = block_rows(data.features.shape[1:])
    sizes = [min(most, len(rows) - start) for start in range(0, len(rows), most)]
    parts = [size for size in sizes for _ in conditions(spec.perturbations, spec.attacks)]
    album = Album(rows)
    lost: dict[str, str] = {}
    with ExitStack() as stack:
        blocks = mean_log_probabilities(spec.members, parts, classes)
        attacks = None
        if spec.attacked:
            directory = spec.attacked[0][0].optimizer.directory
            attacks = _victim(spec, registry, stack), named_perturbs(spec.perturbations, registry, directory)
        answers = _answers(spec, blocks, attacks, data.features[rows], truth, album, lost)
        predictions = gathered(answers, sizes, truth, rows, classes, len(answered))
    measured = [condition.perturbation not in lost for condition in answered]
    predictions = kept(predictions, measured)
    album.keep(measured)
    unavailable = {**spec.unavailable, **lost}
    evaluation = EvaluationRow(
        fingerprint="",
        measures=measures(predictions, spec.perturbations, classes, unavailable, spec.attacks),
        seconds=perf_counter() - started,
        environment=host() | huge_pages() | _threads(spec),
        unavailable=unavailable,
    )
    return Evaluated(evaluation, predictions, confused(predictions, data.features, classes) | album.arrays())


def _threads(spec: EnsembleSpec) -> dict[str, str]:
    """Return with how many threads its members are attacked, as an entry of an environment: the most that one has."""
    numbers = [trial.context.threads for trial, *_ in spec.attacked]
    return {"threads": str(max(numbers))} if numbers else {}


def _victim(spec: EnsembleSpec, registry: Registry, stack: ExitStack) -> Victim:
    """Return the members together; ``stack`` closes them."""
    refuse_edited(spec.components, registry)
    stack.enter_context(limited(max(trial.context.threads for trial, *_ in spec.attacked)))
    members = []
    for trial, path, digest in spec.attacked:
        network = build_network(trial, trained_state(path, digest), registry)
        stack.callback(network.close)
        members.append(TestedNetwork(network))
    return TestedEnsemble(members)


def _answers(
    spec: EnsembleSpec,
    stored: Iterator[NDArray[np.float32]],
    attacks: tuple[Victim, list[NamedPerturb]] | None,
    features: NDArray[Any],
    truth: NDArray[np.int64],
    album: Album,
    lost: Lost,
) -> Iterator[NDArray[np.float32]]:
    """Yield log-probabilities of each block under each condition that the ensemble answers under.

    ``stored``: those of its members under all conditions but attacks. Where an attack is ``lost``, all classes are
    equally likely.
    """
    classes = len(spec.data.info.class_names)
    size = block_rows(features.shape[1:])
    for block, start in enumerate(range(0, len(truth), size)):
        part = slice(start, start + size)
        clean, labels = as_given(features[part]), truth[part]

        def see(
            place: int, images: NDArray[np.float32], values: NDArray[np.float32], labels: NDArray[np.int64] = labels
        ) -> None:
            album.see(place, images, read_predictions(values, labels, classes, "of the ensemble"))

        values, place = next(stored), 0
        if not start:
            see(0, clean, values)
        yield values
        for number, table in enumerate(spec.perturbations):
            for severity in table.severities:
                if table.perturbation not in spec.attacks:
                    values = next(stored)
                if table.perturbation in spec.unavailable:
                    continue
                place += 1
                if attacks and table.perturbation in spec.attacks:
                    victim, named = attacks
                    images = attacked(clean, labels, block, named[number], severity, victim, lost)
                    values = equally_likely(len(labels), classes) if images is None else victim.predict_images(images)
                    if images is not None and not start:
                        see(place, images, values)
                yield values

"""Some batches of a trial: does it work at all, how fast is it, how much memory does it take."""

from dataclasses import dataclass, replace

from harness.datasets.splits import Split
from harness.machine.host import anonymous_bytes, host
from harness.machine.threads import limited
from harness.plugins.loading import Registry
from harness.seeding import initial_state
from harness.trial.augmentation import augmenter_of
from harness.trial.evaluation import evaluate, measures
from harness.trial.inputs import training_labels
from harness.trial.jobs import build_network, named_perturbs, open_inputs, split_of
from harness.trial.robustness import Robustness
from harness.trial.specs import TrialSpec
from harness.trial.tasks import Locate, Report
from harness.trial.training import fit


@dataclass(frozen=True)
class RehearsalSpec:
    """A trial, how many batches of it to train, and the perturbations to measure it under."""

    trial: TrialSpec
    batches: int
    perturbations: tuple[Robustness, ...] = ()

    def on(self, device: str) -> "RehearsalSpec":
        """Return the same on a device."""
        return replace(self, trial=self.trial.on(device))

    def moved(self, locate: Locate) -> "RehearsalSpec":
        """Return the same with its files elsewhere, as `Movable` says."""
        return replace(self, trial=self.trial.moved(locate))


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal measured: seconds of training and validation by training image, and the process's memory."""

    seconds_per_image: float
    anonymous_bytes: int | None
    processor: str = ""
    """The processor that it ran on."""


def rehearse(spec: RehearsalSpec, registry: Registry, _report: Report) -> Rehearsed:
    """Train some batches, go back to the start with the state and train them again; then measure: a job.

    The second time is the one that counts: what a backend prepares or compiles is ready. Test rows are not read:
    validation rows take their place.
    """
    trial = replace(spec.trial, epochs=1, early_stopping=None, checkpoint=None)
    inputs = open_inputs(trial.data, trial.split)
    data = inputs.rows
    whole = split_of(trial.data, trial.split)
    rows = min(spec.batches * trial.network.batch_size, len(whole.train))
    val = whole.val[: max(1, rows * len(whole.val) // len(whole.train))]
    few = Split(train=whole.train[:rows], val=val, test=val)
    about_batches = (trial.network.batch_size, trial.seed, registry, trial.optimizer.directory)
    augmenter = augmenter_of(trial.augment, inputs, *about_batches)
    with limited(trial.context.threads):
        network = build_network(trial, initial_state(trial.network, trial.seed), registry)
        try:
            network.attach(data.features, training_labels(data.labels, few.train))
            network.load(fit(network, trial, few, data.labels, _unreported, augmenter=augmenter).state)
            trained = fit(network, trial, few, data.labels, _unreported, augmenter=augmenter)
            perturbs = named_perturbs(spec.perturbations, registry, trial.optimizer.directory)
            about = (few.test, trial.network.classes, perturbs, inputs.scaling)
            (tested,) = evaluate([network], data.features, data.labels, *about, without=[trial.unavailable])
            measures(tested.whole(), spec.perturbations, trial.network.classes, trial.unavailable)
        finally:
            network.close()
    return Rehearsed(trained.metrics.seconds / rows, anonymous_bytes(), host()["processor"])


def _unreported(_record: object) -> None:
    """Take an epoch's record, and drop it."""

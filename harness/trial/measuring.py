"""Measure trained trials as a job: a function of a picklable specification, that a pool runs anywhere."""

from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter

from harness.errors import TrialError
from harness.interfaces import State
from harness.machine.arrays import read_arrays
from harness.machine.threads import limited
from harness.plugins.loading import Registry
from harness.rows import EvaluationRow
from harness.trial.evaluation import evaluate, measures
from harness.trial.gallery import Album, confused
from harness.trial.jobs import build_network, environment_of, named_perturbs, open_inputs, refuse_edited, split_of
from harness.trial.probabilities import Keeper
from harness.trial.specs import Evaluated, EvaluationSpec
from harness.trial.tasks import Report


def evaluate_trials(spec: EvaluationSpec, registry: Registry, _report: Report) -> list[Evaluated]:
    """Measure trained trials on their test rows: a job."""
    first = spec.trials[0][0]
    inputs = open_inputs(first.data, first.split)
    data = inputs.rows
    split = split_of(first.data, first.split)
    perturbations = named_perturbs(spec.perturbations, registry, first.optimizer.directory)
    refuse_edited(spec.components, registry)
    started = perf_counter()
    with limited(first.context.threads), ExitStack() as stack:
        networks = []
        for trial, path, digest in spec.trials:
            network = build_network(trial, trained_state(path, digest), registry)
            stack.callback(network.close)
            networks.append(network)
        keepers = [stack.enter_context(closing(Keeper(path))) for path in spec.kept]
        albums = [Album(split.test) for _ in networks]
        without = [trial.unavailable for trial, *_ in spec.trials]
        about = (split.test, first.network.classes, perturbations, inputs.scaling)
        tested = evaluate(networks, data.features, data.labels, *about, keepers, albums, without)
        for keeper in keepers:
            keeper.finish()
        seconds = (perf_counter() - started) / len(networks)
        return [
            Evaluated(
                EvaluationRow(
                    fingerprint="",
                    measures=measures(
                        outcome.predictions,
                        spec.perturbations,
                        first.network.classes,
                        {*trial.unavailable, *outcome.lost},
                        spec.attacks,
                    ),
                    seconds=seconds,
                    environment=environment_of(trial, registry),
                    unavailable={**trial.unavailable, **outcome.lost},
                ),
                outcome.predictions,
                confused(outcome.predictions, data.features, first.network.classes) | album.arrays(),
            )
            for outcome, album, (trial, *_) in zip(tested, albums, spec.trials, strict=True)
        ]


def trained_state(path: Path, digest: str) -> State:
    """Return a trained state, if it is the one that its trial's row names.

    Raises:
        TrialError: it cannot be read, or is another.
    """
    try:
        return read_arrays(path, digest)
    except (OSError, ValueError) as error:
        msg = f"{path}: the trained weights cannot be read: {(isinstance(error, OSError) and error.strerror) or error}"
        raise TrialError(msg) from None

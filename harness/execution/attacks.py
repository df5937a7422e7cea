"""The attacks among a suite's perturbations, and the trials that cannot be tested under them."""

from collections.abc import Iterable, Mapping

from harness.errors import shown
from harness.execution.probe import Answer
from harness.plugins.loading import Registry
from harness.plugins.perturbations import is_attack
from harness.rows import no_gradients
from harness.suite import LoadedSuite, Suite
from harness.suite.finalists import testable
from harness.suite.overrides import attributed
from harness.suite.problems import problem
from harness.trial.specs import TrialSpec


def attacks_of(suite: Suite, registry: Registry) -> frozenset[str]:
    """Return the names of the perturbations of a suite's tests that need the network which is tested."""
    names = dict.fromkeys(table.perturbation for table in suite.robustness)
    return frozenset(name for name in names if is_attack(registry.find("perturbation", name).load()))


def unattackable(attacks: frozenset[str], answer: Answer) -> dict[str, str]:
    """Return the attacks that a trial on the backend of an answer cannot be tested under, each with the reason."""
    if answer.backend is None or answer.gradients:
        return {}
    return dict.fromkeys(sorted(attacks), no_gradients(answer.backend))


def unavailable_tests(suite: Suite, specs: Iterable[TrialSpec | None]) -> dict[str, str]:
    """Return of each experiment that cannot be tested under some perturbations, which they are and why, in words."""
    possible = testable(suite)
    return {
        spec.experiment: f"not tested under {', '.join(spec.unavailable)}: {next(iter(spec.unavailable.values()))}"
        for spec in specs
        if spec and spec.unavailable and spec.experiment in possible
    }


def check_attacks(loaded: LoadedSuite, attacks: frozenset[str], answers: Mapping[str, Answer]) -> None:
    """Refuse an attack that no trial can be tested under; ``answers``: of each experiment.

    Raises:
        HarnessError: every experiment that may be tested, and can be trained here, is on a backend without gradients.
    """
    suite, possible = loaded.suite, testable(loaded.suite)
    able = {name: answer for name, answer in answers.items() if answer.backend and name in possible}
    if not able or any(answer.gradients for answer in able.values()):
        return
    backends = sorted({str(answer.backend) for answer in able.values()})
    for table, source in zip(suite.robustness, loaded.sources, strict=True):
        if table.perturbation in attacks:
            what = (
                f"{shown(table.perturbation)} needs gradients by the images (input_gradient), and no backend of the "
                f"experiments gives them: {', '.join(backends)}. Remove the table, or name another backend"
            )
            error = problem(loaded.path, source.place("perturbation"), what)
            raise attributed(error, loaded.changes, loaded.table)

"""What the corruption errors of a run's experiments are relative to, and which perturbations they are over."""

from collections.abc import Sequence

from harness.metrics.corruption import Conditions, Corruptions, errors
from harness.rows import ADVERSARIAL, Condition, TrialRow, families_of
from harness.suite.finalists import finalists, tested
from harness.suite.models import Suite
from harness.trial.robustness import severities_of


def corruptions(suite: Suite, rows: Sequence[TrialRow]) -> Corruptions:
    """Return what the corruption errors of tested rows mean: those of the suite's ``baseline``, where it is tested.

    A perturbation is left out where the baseline lacks one of its severities, or makes no error under it in one of its
    seeds; of relative errors, where it loses nothing in one of its seeds.
    """
    trials = [row for row in tested(suite, rows) if row.evaluation]
    families = families_of(trials)
    conditions_of = {
        name: tuple(Condition(name, severity) for severity in sorted(set(severities)) if severity > 0)
        for name, severities in severities_of(suite.robustness).items()
        if families.get(name) != ADVERSARIAL
    }
    conditions_of = {name: conditions for name, conditions in conditions_of.items() if conditions}
    named = suite.leaderboard.baseline or ""
    chosen = named if named in suite.experiments else next(iter(finalists(suite, rows).get(named, [])), named)
    reference = {row.seed: row for row in trials if row.experiment == chosen}
    if not reference or not conditions_of:
        return Corruptions(chosen, {}, tuple(conditions_of))
    why = {name: _why_not(chosen, list(reference.values()), conditions) for name, conditions in conditions_of.items()}
    defined = {name: conditions for name, conditions in conditions_of.items() if not why[name][0]}
    return Corruptions(
        chosen,
        reference,
        tuple(conditions_of),
        defined,
        {name: conditions for name, conditions in defined.items() if not why[name][1]},
        {name: first or second for name, (first, second) in why.items() if first or second},
    )


def _why_not(baseline: str, reference: Sequence[TrialRow], conditions: Conditions) -> tuple[str, str]:
    """Return why a perturbation has no corruption error, and why it has no relative one; empty where it has."""
    rates = [errors(row, conditions) for row in reference]
    known = [each for each in rates if each is not None]
    if len(known) < len(rates):
        name = conditions[0].perturbation or ""
        reasons = [row.evaluation.unavailable.get(name, "") for row in reference if row.evaluation]
        reason = next((each for each in reasons if each), "")
        why = f"{baseline} was not measured under it{f': {reason}' if reason else ''}"
        return why, why
    if not all(sum(noisy) > 0 for _, *noisy in known):
        why = f"{baseline} makes no error under it"
        return why, why
    falls = all(sum(noisy) > len(noisy) * clean for clean, *noisy in known)
    return "", "" if falls else f"{baseline} loses nothing under it"

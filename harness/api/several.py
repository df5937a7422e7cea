"""Carries out a request of several datasets: a run of each, one after another, with all plans made first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.api.asking import Request
from harness.api.carrying import Terms, carried
from harness.errors import HarnessError
from harness.execution.plan import Plan, make_plan
from harness.execution.pools import Pool
from harness.execution.run import Outcome
from harness.plugins.loading import Registry
from harness.plugins.observers import Observers
from harness.store import Member, Run, Several, check_several, locked, read_several, set_aside, write_several
from harness.store.names import folders, located
from harness.suite import LoadedSuite, LoadedSuites


@dataclass(frozen=True)
class Ended:
    """What became of one of several datasets: its run and its trials, or why there is none."""

    label: str
    run: Run | None = None
    outcome: Outcome | None = None
    reason: str = ""

    @property
    def all_well(self) -> bool:
        """Whether it was used, every trial is done, and no test is lost."""
        return self.outcome is not None and self.outcome.all_well


def carry_out_each(
    request: Request,
    suites: LoadedSuites,
    plugins: Registry,
    terms: Terms,
    observers: Observers,
    *,
    watching: Callable[[str], Sequence[object]] = lambda _label: (),
    command: Sequence[str],
    moved: Callable[[Path], None] = lambda _aside: None,
    said: Callable[[str], None] = lambda _line: None,
    declined: Callable[[str, str], None] = lambda _label, _reason: None,
) -> list[Ended]:
    """Train and test each of a suite's datasets; return what became of each.

    A dataset that cannot be used as the suite says is ``declined`` with its label and the reason, and the others are
    run. ``watching`` returns the objects that observe one dataset's run alone. The rest is as in `carry_out`.

    Raises:
        HarnessError: no dataset can be used, with the reason of the first, or the directory holds something else.
    """
    first = suites.suites[0]
    root = request.root(first)
    for loaded in suites.suites:
        terms.conditions(loaded)
    with request.pool(suites.suites, plugins, said) as pool:
        plans, reasons = plan_each(request, suites, plugins, pool)
        for label, reason in reasons.items():
            declined(label, reason)
        for line in dict.fromkeys(line for made in plans.values() for line in made.substitutes):
            said(line)
        for line in (f"{label}: {why}" for label, made in plans.items() for why in made.left_out.values()):
            said(line)
        whole = len(suites.suites) == len(suites.labels)
        if terms.fresh and whole and (aside := set_aside(root)):
            moved(aside)
        with locked(root):
            several = _described(root, suites, reasons)
            check_several(root, several)
            write_several(root, several)
            ended: list[Ended] = []
            stopped = ""
            for loaded in suites.suites:
                label = loaded.member
                if label in reasons or stopped:
                    ended.append(Ended(label, reason=reasons.get(label, stopped)))
                    continue
                if terms.fresh and not whole and (aside := set_aside(request.directory(loaded))):
                    moved(aside)
                run, outcome = carried(
                    request, loaded, plans[label], plugins, pool, terms, observers,
                    watching=watching(label), command=command, said=said,
                )  # fmt: skip
                ended.append(Ended(label, run, outcome))
                failed = outcome.lost or any(row.status in {"failed", "timed out"} for row in outcome.rows)
                if terms.fail_fast and failed:
                    stopped = "not run, because --fail-fast stopped before it"
    return ended


def plan_each(
    request: Request, suites: LoadedSuites, plugins: Registry, pool: Pool
) -> tuple[dict[str, Plan], dict[str, str]]:
    """Return the plan of each dataset by its label, and why the others cannot be used.

    Raises:
        HarnessError: none can.
    """
    plans: dict[str, Plan] = {}
    reasons: dict[str, str] = {}
    for loaded in suites.suites:
        try:
            plans[loaded.member] = make_plan(
                loaded, plugins, pool, only=request.only, threads=request.each, device=request.device
            )
        except HarnessError as error:
            reasons[loaded.member] = str(error)
    if not plans:
        raise HarnessError(next(iter(reasons.values())))
    return plans, reasons


def _described(root: Path, suites: LoadedSuites, reasons: dict[str, str]) -> Several:
    """Return what is to be written of the datasets; of those that this command leaves alone, what is known."""
    earlier = read_several(root)
    known = {member.label: member.reason for member in earlier.datasets} if earlier else {}
    asked = {loaded.member for loaded in suites.suites}
    first: LoadedSuite = suites.suites[0]
    places = located(root, folders(suites.labels))
    members = [
        Member(label, name, places[label], reasons.get(label, "") if label in asked else known.get(label, ""))
        for label, name in suites.labels.items()
    ]
    return Several(first.suite.suite.name, tuple(members))

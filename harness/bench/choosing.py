"""Which cases a run of the benchmarks measures: everything here, or what was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.bench.cases import CLASSES, ROWS, Case, Work, cases_for, known_networks
from harness.bench.measurements import Measurement
from harness.errors import HarnessError, nearest, shown
from harness.machine import host
from harness.plugins.loading import registry

EVERY: tuple[Work, ...] = ("train", "products", "predict", "evaluate", "perturb", "load")
"""What there is to measure, in the order in which it is shown."""
AT_MOST = 4
"""Cores that are used where nobody says how many: every process of every case stays until the end."""
NONE = "none"
"""What ``--peer`` takes for no peer at all."""


@dataclass(frozen=True)
class Placement:
    """How many processes of how many threads do the same at the same time."""

    processes: int
    threads: int


def placements(processes: int | None, threads: int | None, cores: int | None = None) -> list[Placement]:
    """Return where cases run: by default all cores as threads of one process, and as processes of one thread.

    ``cores``: how many these are, where not all of the machine's.
    """
    if processes is None and threads is None:
        count = cores or min(host.cores(), AT_MOST)
        return list(dict.fromkeys([Placement(1, count), Placement(count, 1)]))
    return [Placement(processes or 1, threads or 1)]


def chosen(
    *,
    backends: Sequence[str] = (),
    peers: Sequence[str] = (),
    networks: Sequence[str] = (),
    works: Sequence[str] = (),
    places: Sequence[Placement] = (Placement(1, 1),),
    precisions: Sequence[str] = ("float32",),
    device: str = "auto",
    rows: int = ROWS,
) -> list[Case]:
    """Return the cases of a run; what is not named is everything.

    A peer is one process, with a thread for each core that a placement has. An evaluation has a fifth of the rows, as
    the test rows of a suite are, each clean and under every severity of every perturbation; at least one of each class.

    Raises:
        HarnessError: a name is not known, or the rows are too few.
    """
    wanted = _known_works(works)
    found: list[Case] = []
    for place in places:
        common = {"device": device, "threads": place.threads, "rows": rows, "processes": place.processes}
        backend_works = [work for work in wanted if work in {"train", "products", "predict"}]
        found += cases_for(backends, networks, backend_works, precisions=precisions, **common)  # type: ignore[arg-type]
    if "train" in wanted:
        found += _peers(peers, networks, places, device, rows)
    perturbations, part = tuple(sorted(registry().named("perturbation"))), max(CLASSES, rows // 5)
    one = places[0]
    if "evaluate" in wanted:
        plain = cases_for(backends, networks, ["evaluate"], device=device, threads=one.threads, rows=part)
        found += [replace(case, perturbations=perturbations) for case in plain]
    if "perturb" in wanted:
        found += [
            Case(name, "", "perturb", "cpu", one.threads, part, "perturbation", perturbations=(name,))
            for name in perturbations
        ]
    if "load" in wanted:
        found.append(Case("cache", "", "load", "cpu", 1, rows, "dataset"))
    return found


def picked(
    measurements: Sequence[Measurement],
    *,
    backends: Sequence[str] = (),
    peers: Sequence[str] = (),
    networks: Sequence[str] = (),
    works: Sequence[str] = (),
    precisions: Sequence[str] = (),
) -> list[Measurement]:
    """Return those of some measurements that names ask for, as `chosen` would; what is not named is everything.

    Raises:
        HarnessError: a network or work is not known, or nothing is left: nothing at all, or of the backends named.
    """
    named, wanted = known_networks(networks), _known_works(works)

    def fits(one: Measurement) -> bool:
        if (networks and one.network not in named) or one.work not in wanted:
            return False
        if one.kind == "backend":
            return (not backends or one.backend in backends) and (not precisions or one.precision in precisions)
        return one.kind != "peer" or not peers or one.backend in peers

    found = [one for one in measurements if fits(one)]
    if not found or (backends and not any(one.kind == "backend" for one in found)):
        msg = f"holds nothing of what is asked for; it has {', '.join(one.title for one in measurements)}"
        raise HarnessError(msg)
    return found


def _known_works(names: Sequence[str]) -> list[Work]:
    """Return the works that some names mean, in their order; all without a name."""
    for name in names:
        if name not in EVERY:
            msg = f"unknown work {shown(name)}. {nearest(name, EVERY)}"
            raise HarnessError(msg)
    return [work for work in EVERY if work in (names or EVERY)]


def _peers(
    names: Sequence[str], networks: Sequence[str], places: Sequence[Placement], device: str, rows: int
) -> list[Case]:
    if NONE in names:
        return []
    for name in names:
        registry().find("peer", name)
    threads = dict.fromkeys(place.processes * place.threads for place in places)
    return [
        Case(name, network, "train", device, count, rows, "peer")
        for count in threads
        for name in dict.fromkeys(names or registry().named("peer"))
        for network in known_networks(networks)
    ]

"""Which cases a run of the benchmarks measures: everything here, or what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.bench.cases import ROWS, Case, Work, cases_for
from harness.bench.measurements import Measurement
from harness.bench.networks import CLASSES, BenchedNetwork
from harness.errors import HarnessError, nearest, shown
from harness.machine import host
from harness.plugins.loading import Registry
from harness.plugins.perturbations import is_attack, usable

EVERY: tuple[Work, ...] = ("train", "products", "predict", "evaluate", "perturb", "load")
"""What there is to measure, in the order in which it is shown."""
AT_MOST = 4
"""Cores that are used by default: every process of every case stays until the end."""
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
    plugins: Registry,
    networks: Sequence[BenchedNetwork],
    *,
    backends: Sequence[str] = (),
    peers: Sequence[str] = (),
    works: Sequence[str] = (),
    places: Sequence[Placement] = (Placement(1, 1),),
    precisions: Sequence[str] = ("float32",),
    device: str = "auto",
    rows: int = ROWS,
) -> list[Case]:
    """Return the cases of a run on some networks; where no name is given, all that are installed or known.

    A peer is one process, with a thread for each core that a placement has. An evaluation has a fifth of the rows, as
    the test rows of a suite are, at least one of each class; each clean, and under the five levels of a perturbation of
    each family, the first by its name.

    Raises:
        HarnessError: a name is not known, or the rows are too few.
    """
    wanted = _known_works(works)
    cases: list[Case] = []
    for place in places:
        common = {"device": device, "threads": place.threads, "rows": rows, "processes": place.processes}
        backend_works = [work for work in wanted if work in {"train", "products", "predict"}]
        cases += cases_for(plugins, networks, backends, backend_works, precisions=precisions, **common)  # type: ignore[arg-type]
    if "train" in wanted:
        cases += _peers(plugins, peers, networks, places, device, rows)
    perturbations, part = _shared(plugins), max(CLASSES, rows // 5)
    first = places[0]
    if "evaluate" in wanted:
        plain = cases_for(plugins, networks, backends, ["evaluate"], device=device, threads=first.threads, rows=part)
        cases += [replace(case, perturbations=_of_each_family(perturbations)) for case in plain]
    if "perturb" in wanted:
        cases += [
            Case(name, None, "perturb", "cpu", first.threads, part, "perturbation", perturbations=(name,))
            for name in sorted(perturbations)
        ]
    if "load" in wanted:
        cases.append(Case("cache", None, "load", "cpu", 1, rows, "dataset"))
    return cases


def _of_each_family(perturbations: Mapping[str, str]) -> tuple[str, ...]:
    """Return the first perturbation of each family, by their names; one that has none is a family by itself."""
    first = {perturbations[name] or name: name for name in sorted(perturbations, reverse=True)}
    return tuple(sorted(first.values()))


def _shared(plugins: Registry) -> dict[str, str]:
    """Return the perturbations that are made once for all networks, with their families: attacks are made for each."""
    return {
        name: family
        for name, family in usable(plugins).items()
        if not is_attack(plugins.find("perturbation", name).load())
    }


def picked(
    measurements: Sequence[Measurement],
    *,
    backends: Sequence[str] = (),
    peers: Sequence[str] = (),
    networks: Sequence[str] = (),
    works: Sequence[str] = (),
    precisions: Sequence[str] = (),
) -> list[Measurement]:
    """Return those of some measurements that names ask for, as `chosen` would; where no name is given, all.

    Raises:
        HarnessError: a network or work is not known, or nothing is left: nothing at all, or of the backends named.
    """
    wanted = _known_works(works)
    known = {name for measurement in measurements for name in measurement.network_names}
    for name in networks:
        if name not in known:
            msg = f"unknown network {shown(name)}. {nearest(name, sorted(known))}"
            raise HarnessError(msg)

    def fits(measurement: Measurement) -> bool:
        if (networks and not set(networks) & set(measurement.network_names)) or measurement.work not in wanted:
            return False
        if measurement.kind == "backend":
            return (not backends or measurement.backend in backends) and (
                not precisions or measurement.precision in precisions
            )
        return measurement.kind != "peer" or not peers or measurement.backend in peers

    kept = [measurement for measurement in measurements if fits(measurement)]
    if not kept or (backends and not any(measurement.kind == "backend" for measurement in kept)):
        msg = (
            f"nothing in it matches the options; it has {', '.join(measurement.title for measurement in measurements)}"
        )
        raise HarnessError(msg)
    return kept


def _known_works(names: Sequence[str]) -> list[Work]:
    """Return the works that some names mean, in their order; all without a name."""
    for name in names:
        if name not in EVERY:
            msg = f"unknown work {shown(name)}. {nearest(name, EVERY)}"
            raise HarnessError(msg)
    return [work for work in EVERY if work in (names or EVERY)]


def _peers(
    plugins: Registry,
    names: Sequence[str],
    networks: Sequence[BenchedNetwork],
    places: Sequence[Placement],
    device: str,
    rows: int,
) -> list[Case]:
    if NONE in names:
        return []
    for name in names:
        plugins.find("peer", name)
    threads = dict.fromkeys(place.processes * place.threads for place in places)
    return [
        Case(name, network, "train", device, count, rows, "peer")
        for count in threads
        for name in dict.fromkeys(names or plugins.named("peer"))
        for network in networks
    ]

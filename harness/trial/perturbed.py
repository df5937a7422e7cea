"""A block of test rows under each condition: made once for all networks, or by an attack for each."""

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, repeat
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError, one_line, printable
from harness.interfaces import DataKind, Perturb, SweepingPerturb, Victim, implements
from harness.machine.scarcity import lacked_memory
from harness.plugins.foreign import UNLIMITED, foreign
from harness.plugins.perturbations import is_attack
from harness.seeding import generator
from harness.trial.inputs import as_given
from harness.trial.perturbing import Features, check_returned, keywords, kind_of
from harness.trial.robustness import Robustness
from harness.trial.scaling import Scaling

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
Lost = MutableMapping[str, str]
"""Perturbations that raised, or returned what the contract does not allow, by name: the reason in one line."""


@dataclass(frozen=True)
class NamedPerturb:
    """A perturbation with what the suite says of it."""

    table: Robustness
    perturb: Perturb
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the table, as the perturbation takes them."""


Attacked = Callable[[Victim, Lost], Features | None]
"""Makes the images of an attack's severity on a network or an ensemble; None where the attack is lost."""


def perturbed(
    features: NDArray[Any],
    labels: NDArray[np.int64],
    block: int,
    perturbations: Sequence[NamedPerturb],
    scaling: Scaling | None,
    lost: Lost,
) -> Iterator[Features | Attacked | None]:
    """Yield the block's rows, as networks are given them, under each of the conditions, or what makes them.

    None where a perturbation is lost: one that fails is put into ``lost``, and is not called again.
    """
    kind, given = kind_of(features), as_given(features)
    yield given
    clean = scaling.standardised(given) if scaling else given
    for named in perturbations:
        if is_attack(named.perturb):
            for severity in named.table.severities:
                yield partial(attacked, clean, labels, block, named, severity)
            continue
        name, copies = named.table.perturbation, _copies(clean, block, named, kind)
        for severity in named.table.severities:
            copy = _attempted(partial(next, copies), name, severity, lost)
            yield scaling.moved(given, clean, copy) if scaling and copy is not None else copy
        _attempted(partial(next, copies, None), name, severity, lost)  # a sweep says whether it has more


def attacked(
    clean: Features,
    labels: NDArray[np.int64],
    block: int,
    named: NamedPerturb,
    severity: float,
    victim: Victim,
    lost: Lost,
) -> Features | None:
    """Return the images of an attack on a network or an ensemble; every one is attacked with the same draws.

    None where the attack is lost: the attack or the network raised, or returned what its contract does not allow.
    """
    name, seed = named.table.perturbation, named.table.seed

    def make() -> Features:
        about = {"victim": victim, "labels": labels.copy()} | dict(named.options)
        images = named.perturb(clean.copy(), severity, generator(seed, name, block), **about)
        check_returned(images, clean, "image", _who(name, severity))
        return images

    return _attempted(make, name, severity, lost)


def _copies(clean: Features, block: int, named: NamedPerturb, kind: DataKind) -> Iterator[Features]:
    """Yield the rows at each severity; all share their draws, because each starts from the block's generator.

    Raises:
        TrialError: the perturbation returned what its contract does not allow, or its sweep has more results than
            severities, or fewer.
    """
    table = named.table
    perturb: object = named.perturb
    name, severities, about = table.perturbation, tuple(table.severities), keywords(kind) | dict(named.options)
    if not implements(perturb, SweepingPerturb):
        for severity in severities:
            copy = named.perturb(clean.copy(), severity, generator(table.seed, name, block), **about)
            check_returned(copy, clean, kind, _who(name, severity))
            yield copy
        return
    # A copy here too: a sweep that writes into its input would harm the perturbations after it.
    swept = perturb.sweep(clean.copy(), severities, generator(table.seed, name, block), **about)
    missing = object()
    for position, yielded in enumerate(chain(swept, repeat(missing))):
        done = position == len(severities)
        if done and yielded is missing:
            return
        if done or yielded is missing:
            msg = (
                f"perturbation {name!r}: its sweep over the severities {list(severities)} yielded "
                f"{f'more than {position}' if done else position}; the contract says one for each"
            )
            raise TrialError(msg)
        check_returned(yielded, clean, kind, _who(name, severities[position]))
        yield yielded  # type: ignore[misc] # as was verified


def _attempted(make: Callable[[], T], name: str, severity: float, lost: Lost) -> T | None:
    """Return what third-party code makes; where it raises, None, and the perturbation is lost.

    Too little memory is not its fault: it may be there at the next try.
    """
    if name in lost:
        return None
    try:
        with foreign(UNLIMITED, aside=False):
            return make()
    except Exception as error:
        if lacked_memory(error):
            raise
        reason = one_line(error)
        ours = isinstance(error, TrialError) and reason.startswith("perturbation ")
        lost[name] = reason if ours else printable(f"{_who(name, severity)}: {reason}")
        _LOG.warning("not measured: %s", lost[name], exc_info=error)
        return None


def _who(name: str, severity: float) -> str:
    return f"perturbation {name!r} at severity {severity}"

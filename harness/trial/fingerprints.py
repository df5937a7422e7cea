"""What a trial and an evaluation mean, as a digest; and in what two of them differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from harness.errors import HarnessError
from harness.machine.files import checksum
from harness.plugins.loading import Registry
from harness.rows import TrialRow
from harness.trial.blocks import BLOCK, block_rows
from harness.trial.robustness import Robustness

INTERFACE = "1"
"""The ``interface`` in a row's basis: the first version under which a trial means what it means now.

Interface 2 changed what plugins return and are asked, not what a trial of interface 1 computes: uint8 grey images are
trained on as they always were, and a third party's component is identified by its version and its sources. So rows of
interface 1 serve. A version that changes the meaning of a trial sets this to its number.
"""
_PRESENTATION = {"group", "description"}
"""Settings that name an experiment without changing what it computes."""
_ELSEWHERE = {"backend", "device", "placement", "precision"}
"""Settings that the meaning has elsewhere, the backend as it was chosen and the precision, or the environment has."""

_NEWER = {"model"}
"""Settings that rows of an earlier version lack: left out where there is none, so that such rows keep their digest."""


def stamped(row: TrialRow) -> TrialRow:
    """Return a row with its fingerprint."""
    return replace(row, fingerprint=checksum(_meaning(row)))


def stamped_for(row: TrialRow, seeds: Iterable[int]) -> list[TrialRow]:
    """Return a row for each seed, with its fingerprint."""
    meaning = _meaning(row)
    return [replace(row, seed=seed, fingerprint=checksum(meaning | {"seed": seed})) for seed in seeds]


def _meaning(row: TrialRow) -> dict[str, Any]:
    settings = {
        key: value
        for key, value in row.settings.items()
        if key not in _PRESENTATION | _ELSEWHERE and not (key in _NEWER and value is None)
    }
    return {
        **row.basis,
        "seed": row.seed,
        "backend": row.backend,
        "settings": settings,
        "components": row.components,
        **_backend_options(row),
    }


def _backend_options(row: TrialRow) -> dict[str, Any]:
    """Return the options that the suite gives to the backend of a row; nothing where it gives none."""
    named = row.settings.get("backend")
    tables = [entry for entry in (named if isinstance(named, list) else [named]) if isinstance(entry, Mapping)]
    for table in tables:
        options = {key: value for key, value in table.items() if key != "name"}
        if table.get("name") == row.backend and options:
            return {"backend_options": options}
    return {}


def evaluation_fingerprint(
    trial: str, perturbations: Sequence[Robustness], components: Mapping[str, str], shape: Sequence[int] = ()
) -> str:
    """Return the fingerprint of an evaluation: the trial's, and every perturbation with its version and severities.

    ``components``: what each perturbation is, as `EvaluationRow.components` has it. ``shape``: that of a test row: of
    large ones fewer are perturbed at a time, so that they have other draws than in earlier versions.
    """
    rows = block_rows(shape)
    content: list[dict[str, Any]] = [
        {
            "name": table.perturbation,
            "from": components.get(f"perturbation {table.perturbation}", ""),
            "severities": table.severities,
            "seed": table.seed,
        }
        | ({"options": table.options} if table.options else {})
        | ({"rows": rows} if rows != BLOCK else {})
        for table in perturbations
    ]
    return checksum({"trial": trial, "perturbations": content})


def perturbation_components(perturbations: Iterable[Robustness], registry: Registry) -> dict[str, str]:
    """Return what each perturbation is, as `EvaluationRow.components` has it; without those that are not installed."""
    components = {}
    for name in dict.fromkeys(table.perturbation for table in perturbations):
        with suppress(HarnessError):
            components[f"perturbation {name}"] = registry.find("perturbation", name).identity
    return components


def differences(stored: TrialRow, planned: TrialRow) -> list[str]:
    """Return in what a planned trial differs from a stored one, each in words; empty if the stored one serves."""
    before, after = _meaning(stored), _meaning(planned)
    if before == after:
        return []
    return [
        _DIGESTS.get(path) or f"{_spoken(path)} was {_shown(was)}, is {_shown(now)}"
        for path, was, now in _walk(before, after, ())
    ]


_ABSENT = object()
_DIGESTS: dict[tuple[str, ...], str] = {("dataset",): "other data", ("split",): "another split"}
"""What a digest that changed means."""


def _walk(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _walk(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, str(key)))
    elif before != after and _listed(before) != _listed(after):
        yield path, before, after


def _listed(value: Any) -> Any:
    """Return a tuple as the list that it is once it has been stored."""
    return list(value) if isinstance(value, tuple) else value


def _spoken(path: tuple[str, ...]) -> str:
    first, *rest = path
    named = {"interface": "the plugin interface", "backend_options": "backend option"}
    if first == "settings":
        return ".".join(rest)
    return " ".join([named.get(first, "" if first == "components" else first), *rest]).strip()


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    return value[:12] if isinstance(value, str) and len(value) == 64 else repr(value)

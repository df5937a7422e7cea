"""What calls are given, as requests have it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any

from harness.api.asking import Request, SuiteSource
from harness.errors import HarnessError, shown
from harness.machine.host import Threads
from harness.suite.mapping import plain_table

Overrides = Mapping[str, Any] | Sequence[str] | None
"""Changes of a suite: ``{"experiments.M0.epochs": 5}``, nested tables, or texts as ``--set`` takes them."""


def requested(
    suite: SuiteSource,
    *,
    overrides: Overrides = None,
    dataset: str | None = None,
    data_directory: str | os.PathLike[str] | None = None,
    only: str | Iterable[str] = (),
    seeds: int | Iterable[int] | None = None,
    device: str | None = None,
    jobs: int | None = None,
    threads: Threads = 1,
    out: str | os.PathLike[str] | None = None,
    cluster: str | None = None,
) -> Request:
    """Return what a call asks for.

    Raises:
        HarnessError: an argument is not of its type.
    """
    return Request(
        suite,
        assignments(overrides),
        dataset,
        None if data_directory is None else Path(data_directory),
        (only,) if isinstance(only, str) else tuple(only),
        _seeds(seeds),
        device,
        jobs,
        threads,
        None if out is None else Path(out),
        cluster,
    )


def _seeds(seeds: int | Iterable[int] | None) -> list[int] | None:
    if seeds is None:
        return None
    try:
        return [index(seed) for seed in ([seeds] if isinstance(seeds, int) else seeds)]
    except TypeError:
        msg = f"--seeds {shown(seeds)}: not whole numbers. Give a list of them: [1, 2, 3]"
        raise HarnessError(msg) from None


def assignments(overrides: Overrides) -> list[str]:
    """Return changes of a suite as ``key.path=value``.

    >>> assignments({"experiments.M0.epochs": 5, "dataset": {"split": {"seed": 1}}})
    ['experiments.M0.epochs=5', 'dataset.split.seed=1']

    Raises:
        HarnessError: a value is none that TOML has.
    """
    if overrides is None:
        return []
    if not isinstance(overrides, Mapping):
        if isinstance(overrides, str) or not all(isinstance(text, str) for text in overrides):
            msg = f"overrides {shown(overrides)}: give a mapping, or a list of texts such as 'experiments.M0.epochs=5'"
            raise HarnessError(msg)
        return list(overrides)
    return [f"{key}={_toml(value)}" for key, value in _leaves(plain_table(overrides))]


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of nested tables; the keys of the outermost are paths as they are."""
    for key, value in table.items():
        yield from _below(key, value)


def _below(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _below(f"{path}.{_key(key)}", inner)
    else:
        yield path, value


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _toml(value: Any) -> str:
    """Return a value in TOML's notation."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # inf and nan as TOML has them
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int) else str(value)

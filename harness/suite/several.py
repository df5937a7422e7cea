"""Suites of several datasets: each of ``[[datasets]]`` makes a suite of one, with the same experiments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import HarnessError, nearest, shown
from harness.plugins.loading import Registry
from harness.suite.loading import LoadedSuite, inherited, load_table, validated
from harness.suite.models import LabelledDataset
from harness.suite.problems import Place, SuiteError, problem

_FILES = (".json", ".html")
"""What a run of several datasets has files of, beside a folder for each label."""


@dataclass(frozen=True)
class LoadedSuites:
    """What a suite file asks for: a suite for each dataset that was chosen.

    ``labels``: of all ``[[datasets]]``, in the file's order, each with its dataset's name; empty where the file has one
    dataset, or another was named instead of all.
    """

    suites: list[LoadedSuite]
    labels: dict[str, str]


def load_suites(
    source: Path | Mapping[str, Any],
    registry: Registry,
    *,
    assignments: Sequence[str] = (),
    dataset: str | None = None,
    data_directory: Path | None = None,
    seeds: Sequence[int] | None = None,
    only: Sequence[str] = (),
    folder: Path = Path(),
) -> LoadedSuites:
    """Return the suites of a file or mapping: one, or one for each of its ``[[datasets]]``.

    Of several datasets, ``dataset`` chooses one by its label; another name replaces all of them by that dataset, with
    the split of the first. ``assignments`` of ``dataset.KEY`` apply to each. The rest is as in `load_suite`.

    Raises:
        HarnessError: the suite or an option is wrong.
    """
    path, own = inherited(source, registry, folder)
    if "datasets" not in own:
        loaded = load_table(
            path, own, registry, assignments=assignments, dataset=dataset, data_directory=data_directory, seeds=seeds,
            only=only,
        )  # fmt: skip
        return LoadedSuites([loaded], {})
    tables = _checked(path, own, registry)
    labels = {table.alias or table.name: table.name for table in tables}
    chosen = [at for at, label in enumerate(labels) if dataset in {None, label}]
    replaced = not chosen
    if len(chosen) > 1 and data_directory is not None:
        msg = f"--data-dir: {path} has several datasets. Choose one with --dataset, or write directory in [[datasets]]"
        raise HarnessError(msg)
    suites = []
    for at in chosen or [0]:
        label = list(labels)[at]
        entry = {key: value for key, value in own["datasets"][at].items() if key != "alias"}
        kept = _figures(path, own, label, labels)
        table = {key: value for key, value in own.items() if key != "datasets"} | {"dataset": entry}
        if "expect" in own:
            table["expect"] = [line for _, line in kept]
        try:
            loaded = load_table(
                path, table, registry, assignments=assignments, dataset=dataset if replaced else None,
                data_directory=data_directory, seeds=seeds, only=only,
            )  # fmt: skip
        except SuiteError as error:
            _relocated(path, error, at, [index for index, _ in kept])
        _check_named(loaded)
        suites.append(loaded if replaced else replace(loaded, member=label, among=labels))
    return LoadedSuites(suites, {} if replaced else labels)


def _checked(path: Path, own: dict[str, Any], registry: Registry) -> list[LabelledDataset]:
    """Return the tables of ``[[datasets]]``, each with a label that no other has."""
    if "dataset" in own:
        raise problem(path, ("datasets",), "is beside [dataset]. Remove one of them")
    suite, _ = validated(path, own, registry)
    if not suite.datasets:
        raise problem(path, ("datasets",), "is empty. Add a table such as [[datasets]] with a name")
    seen: dict[str, int] = {}
    for at, table in enumerate(suite.datasets):
        place = ("datasets", at, "alias" if table.alias else "name")
        label = table.alias or table.name
        first = seen.setdefault(label, at)
        if first != at:
            raise problem(path, place, f"{shown(label)} is datasets[{first}], too. Give each an alias that differs")
        if label.lower().endswith(_FILES):
            what = (
                f"{shown(label)} cannot be an alias: it is a folder of the run. Remove {label[label.rindex('.') :]!r}"
            )
            raise problem(path, place, what)
    return suite.datasets


def _figures(path: Path, own: dict[str, Any], label: str, labels: dict[str, str]) -> list[tuple[int, Any]]:
    """Return what a suite expects on one of its datasets, with its place: relations, and this dataset's figures."""
    kept = []
    expect = own.get("expect")
    for index, line in enumerate(expect if isinstance(expect, list) else ()):
        if not isinstance(line, dict) or "value" not in line:
            kept.append((index, line))
            continue
        if "dataset" not in line:
            what = f"is missing: a figure is of one of several datasets. Known: {', '.join(labels)}."
            raise problem(path, ("expect", index, "dataset"), what)
        if line["dataset"] == label:
            kept.append((index, line | {"dataset": labels[label]}))
        elif line["dataset"] not in labels:
            raise problem(
                path, ("expect", index, "dataset"), f"no such label in [[datasets]]. {nearest(line['dataset'], labels)}"
            )
    return kept


def _check_named(loaded: LoadedSuite) -> None:
    """Refuse an option that would make all datasets the same."""
    for change in loaded.changes:
        if change.option.startswith("--set") and ("dataset", "name") in change.spelled:
            msg = f"{change.option}: the suite has [[datasets]]. --dataset NAME chooses one of them, or replaces all"
            raise HarnessError(msg)


def _relocated(path: Path, error: SuiteError, at: int, kept: Sequence[int]) -> NoReturn:
    """Raise an error about a suite of one dataset with the place that the file has instead."""
    place: Place = error.place
    match place:
        case ("dataset", *rest):
            place = ("datasets", at, *rest)
        case ("expect", int(index), *rest):
            place = ("expect", kept[index], *rest)
    raise problem(path, place, error.what) from None

"""Loads a suite file: models check shapes and values, the installed plugins check names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError, shown
from harness.interfaces import Dataset
from harness.plugins.loading import Registry
from harness.plugins.perturbations import is_named_attack
from harness.suite.checks import check_conditions, check_ensembles, check_leaderboard, check_references, check_training
from harness.suite.components import (
    check_components,
    check_optimizer_name,
    check_perturbation_name,
    located_dataset,
)
from harness.suite.expecting import check_expectations
from harness.suite.finalists import chosen, may_be_tested
from harness.suite.grid import Expanded, Origin, expand
from harness.suite.inheritance import lineage
from harness.suite.mapping import PLACE as MAPPING
from harness.suite.mapping import plain_table
from harness.suite.model_table import SHORTHAND, resolved
from harness.suite.models import Experiment, ExperimentName, Frame, Suite
from harness.suite.overrides import Override, attributed, maker, overridden, overrides
from harness.suite.problems import Place, SuiteError, from_validation, problem
from harness.suite.reading import merge_experiment
from harness.suite.robustness import Source, completed
from harness.text import counted, numbered

_NAMES: TypeAdapter[str] = TypeAdapter(ExperimentName)
_TABLES = frozenset({"defaults", "experiments"})
_DATASET = {"name": Frame.model_fields["dataset"].default.name}
"""The dataset that options change if the file has no ``[dataset]``."""


@dataclass(frozen=True, repr=False)
class LoadedSuite:
    """A suite, its file, and its dataset."""

    path: Path
    suite: Suite
    dataset: Dataset
    changes: tuple[Override, ...]
    """The command line's changes."""
    table: dict[str, Any]
    """The file's table and what it inherits, without those changes."""
    expanded: Expanded
    """The experiments' tables, and the places of their settings."""
    lacking: Mapping[str, str]
    """The experiments that lack a component, and why; only experiments that this command does not need."""
    sources: tuple[Source, ...] = ()
    """Of each table of ``suite.robustness``, the table of the file that it comes from."""
    member: str = ""
    """The label of its dataset among the file's ``[[datasets]]``; empty where the file has one dataset."""
    among: Mapping[str, str] = field(default_factory=dict)
    """The labels of all ``[[datasets]]``, in the file's order, each with its dataset's name."""

    @property
    def label(self) -> str:
        """What its runs are called: its file's stem, or a mapping's name, and the dataset that an option named."""
        name = self.suite.suite.name if self.path.name == MAPPING.name else self.path.stem
        dataset = next((str(each.change["dataset"]["name"]) for each in reversed(self.changes) if each.kept), None)
        return f"{name}-{dataset}" if dataset else name

    def __repr__(self) -> str:
        """Return what it has, in a line."""
        about = f"{counted(len(self.suite.experiments), 'experiment')}, {numbered('seed', self.suite.suite.seeds)}"
        return f"<harness.LoadedSuite {self.suite.suite.name!r}: {about}, dataset {self.suite.dataset.name}>"

    def dataset_place(self, key: str) -> Place:
        """Return the place of a key of the dataset's table in the file."""
        return ("datasets", list(self.among).index(self.member), key) if self.member else ("dataset", key)

    def source(self, *place: str) -> str:
        """Return the source of a setting: the option as it was typed, or the file."""
        option = maker(self.changes, place)
        return option.option if option else str(self.path)

    def problem(self, experiment: str, key: str, what: str, *within: str) -> HarnessError:
        """Return an error about an experiment's setting, or a key ``within``, that names the option or place it has."""
        place = self.expanded.source(experiment, key, *within)
        return attributed(problem(self.path, place, what), self.changes, self.table)


def load_suite(
    source: Path | Mapping[str, Any] | LoadedSuite,
    registry: Registry,
    *,
    assignments: Sequence[str] = (),
    dataset: str | None = None,
    data_directory: Path | None = None,
    seeds: Sequence[int] | None = None,
    only: Sequence[str] = (),
    folder: Path = Path(),
) -> LoadedSuite:
    """Read, complete and check a suite: a file's, a mapping's, or one that was loaded before, changed further.

    ``assignments`` are ``key.path=value``. ``dataset``, ``data_directory`` (relative to the current folder) and
    ``seeds`` replace the suite's. ``only``: names or globs of the experiments that are needed; without any, all are.
    The others may lack components. ``folder``: that of relative paths in a mapping.

    Of a suite of several datasets, ``dataset`` chooses one; `harness.suite.several` loads all of them.

    Raises:
        HarnessError: the suite or an option is wrong; the message, one line, says which and why.
    """
    if isinstance(source, LoadedSuite):
        path, own, earlier = source.path, source.table, source.changes
    else:
        path, own = inherited(source, registry, folder)
        earlier = ()
        if "datasets" in own:
            if dataset is None:
                what = "one dataset is needed here, and the suite has several. Choose one of them"
                raise problem(path, ("datasets",), what)
            from harness.suite.several import load_suites

            suites = load_suites(
                source, registry, assignments=assignments, dataset=dataset, data_directory=data_directory, seeds=seeds,
                only=only, folder=folder,
            )  # fmt: skip
            return suites.suites[0]
    loaded = load_table(
        path, own, registry, earlier=earlier, assignments=assignments, dataset=dataset, data_directory=data_directory,
        seeds=seeds, only=only,
    )  # fmt: skip
    if isinstance(source, LoadedSuite) and dataset is None:
        return replace(loaded, member=source.member, among=source.among)
    return loaded


def inherited(
    source: Path | Mapping[str, Any], registry: Registry, folder: Path = Path()
) -> tuple[Path, dict[str, Any]]:
    """Return where a suite is from and its table, completed from the files that it extends, which are checked.

    ``folder``: that of relative paths in a mapping.

    Raises:
        HarnessError: a file cannot be read, or one that it extends is wrong.
    """
    path, mapping = (source, None) if isinstance(source, Path) else (folder / MAPPING, plain_table(source))
    *bases, (_, own) = lineage(path, mapping)
    for base, table in bases:
        validated(base, table, registry)  # an error in it names its file
    return path, own


def load_table(
    path: Path,
    own: dict[str, Any],
    registry: Registry,
    *,
    earlier: Sequence[Override] = (),
    assignments: Sequence[str] = (),
    dataset: str | None = None,
    data_directory: Path | None = None,
    seeds: Sequence[int] | None = None,
    only: Sequence[str] = (),
) -> LoadedSuite:
    """Complete and check a suite's table with one dataset, as `load_suite` does; ``earlier``: changes before these.

    Raises:
        HarnessError: the suite or an option is wrong.
    """
    located = partial(located_dataset, {"name": dataset} if dataset else own.get("dataset", _DATASET), registry)
    later = overrides(
        own, assignments=assignments, dataset=dataset, data_directory=data_directory, seeds=seeds, located=located
    )
    changes = (*earlier, *later)
    try:
        suite, expanded = validated(path, overridden({"dataset": _DATASET} | own, changes), registry)
        check_training(path, suite, expanded)
        check_references(path, suite)
        needed = may_be_tested(suite, chosen(only, suite.experiments))
        tests = completed(path, suite.robustness, registry, needed=needed)
        suite = suite.model_copy(update={"robustness": tests.tables})
        check_conditions(path, tests)
        check_ensembles(path, suite)
        # A perturbation of a table is checked there, if it is needed.
        perturbations = {*registry.named("perturbation"), *(table.perturbation for table in suite.robustness)}
        check_leaderboard(path, suite, perturbations)
        check_expectations(path, suite, perturbations, partial(is_named_attack, registry), whole=needed)
        built, lacking = check_components(path, suite, registry, expanded, tests.sources, only)
    except SuiteError as error:
        raise attributed(error, changes, own) from None
    return LoadedSuite(path, suite, built, changes, own, expanded, lacking, tests.sources)


def validated(path: Path, raw: dict[str, Any], registry: Registry) -> tuple[Suite, Expanded]:
    """Return a suite of validated values, and its experiments' tables."""
    data = {key: value for key, value in raw.items() if key not in _TABLES}
    try:
        frame = Frame.model_validate(data)
    except ValidationError as error:
        for index in _faulty(error, "robustness"):
            check_perturbation_name(path, registry, index, data["robustness"][index])
        raise from_validation(path, error, data, (), lambda place: place) from None
    expanded = _expanded(path, raw)
    experiments = _experiments(path, raw.get("defaults", {}), expanded, registry)
    return Suite.model_construct(**dict(frame), experiments=experiments), expanded


def _expanded(path: Path, raw: dict[str, Any]) -> Expanded:
    """Return the experiments' tables, grids expanded."""
    tables = raw.get("experiments", {})
    defaults = raw.get("defaults", {})
    for name, table in [("defaults", defaults), ("experiments", tables)]:
        if not isinstance(table, dict):
            raise problem(path, (name,), f"{shown(table)} is not a table")
    if not tables:
        raise problem(path, ("experiments",), "has none. Add a table such as [experiments.M0]")
    for name in tables:
        _check_name(path, ("experiments", name), name)
    return expand(path, tables, defaults)


def _experiments(path: Path, defaults: dict[str, Any], expanded: Expanded, registry: Registry) -> dict[str, Experiment]:
    """Return the experiments, each merged with the defaults and validated."""
    experiments = {}
    for name, table in expanded.tables.items():
        origin = expanded.origins[name]
        if origin.keys:
            _check_name(path, ("experiments", origin.template, "grid"), name)
        merged = resolved(path, merge_experiment(defaults, table), table, ("experiments", origin.template))

        def in_file(place: Place, table: dict[str, Any] = table, origin: Origin = origin) -> Place:
            if place and place[0] in SHORTHAND and place[0] not in table and "model" in table:
                return origin.place(("model", *place))
            inherited = place and place[0] not in table and place[0] in defaults
            return ("defaults", *place) if inherited else origin.place(place)

        try:
            experiments[name] = Experiment.model_validate(merged)
        except ValidationError as error:
            if any(item["loc"][0] == "optimizer" for item in error.errors(include_url=False)):
                check_optimizer_name(path, registry, expanded, name, merged.get("optimizer"))
            raise from_validation(path, error, merged, ("experiments", name), in_file) from None
    return experiments


def _faulty(error: ValidationError, key: str) -> list[int]:
    """Return which tables of an array do not validate."""
    places = (item["loc"][:2] for item in error.errors(include_url=False))
    return [place[1] for place in places if place[0] == key and len(place) > 1 and isinstance(place[1], int)]


def _check_name(path: Path, place: Place, name: str) -> None:
    try:
        _NAMES.validate_python(name)
    except ValidationError:
        subject = "" if name in place else f"{shown(name)} "
        what = "at most 100 letters, digits, spaces and . , = + @ ( ) [ ] _ -, a letter or digit first"
        raise problem(path, place, f"{subject}cannot be a name: {what}") from None

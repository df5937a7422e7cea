"""A suite file, validated: shapes and values by its models, names by the installed plugins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import nearest
from harness.interfaces import Dataset
from harness.plugins import Registry
from harness.suite.components import check_components
from harness.suite.finalists import matching
from harness.suite.models import BestOf, Experiment, ExperimentName, Frame, Suite
from harness.suite.problems import first_path, from_validation, problem
from harness.suite.reading import merge_experiment, override, read

_NAMES: TypeAdapter[str] = TypeAdapter(ExperimentName)
_TABLES = frozenset({"defaults", "experiments"})


@dataclass(frozen=True)
class LoadedSuite:
    """A suite, the file that it came from, and its dataset."""

    path: Path
    suite: Suite
    dataset: Dataset


def load_suite(
    path: Path,
    registry: Registry,
    *,
    assignments: Sequence[str] = (),
    dataset: str | None = None,
    seeds: Sequence[int] | None = None,
) -> LoadedSuite:
    """Read, complete and check a suite.

    ``assignments`` are ``key.path=value``; ``dataset`` and ``seeds`` replace the file's.

    Raises:
        HarnessError: anything that is wrong with it; one line.
    """
    raw = override(read(path), assignments, dataset)
    if seeds is not None and isinstance(raw.get("suite"), dict):
        raw["suite"] = raw["suite"] | {"seeds": list(seeds)}
    frame = _validate(path, Frame, {key: value for key, value in raw.items() if key not in _TABLES})
    experiments = _experiments(path, raw)
    suite = Suite.model_construct(**dict(frame), experiments=experiments)
    _check_training(path, suite)
    _check_references(path, suite)
    return LoadedSuite(path, suite, check_components(path, suite, registry, raw))


def _validate(path: Path, model: type[Frame], data: dict[str, Any]) -> Frame:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise from_validation(path, error, data, (), ()) from None


def _experiments(path: Path, raw: dict[str, Any]) -> dict[str, Experiment]:
    """Return the experiments, each merged with the defaults and validated."""
    tables = raw.get("experiments", {})
    defaults = raw.get("defaults", {})
    for name, table in [("defaults", defaults), ("experiments", tables)]:
        if not isinstance(table, dict):
            raise problem(path, (name,), f"{table!r} is not a table")
    if not tables:
        raise problem(path, ("experiments",), "there are none. Add a table such as [experiments.M0]")
    experiments = {}
    for name, table in tables.items():
        place = ("experiments", name)
        if not isinstance(table, dict):
            raise problem(path, place, f"{table!r} is not a table")
        _check_name(path, name)
        merged = merge_experiment(defaults, table)
        try:
            experiments[name] = Experiment.model_validate(merged)
        except ValidationError as error:
            key = first_path(error, merged)[:1]
            shown = place if not key or key[0] in table or key[0] not in defaults else ("defaults",)
            raise from_validation(path, error, merged, place, shown) from None
    return experiments


def _check_name(path: Path, name: str) -> None:
    try:
        _NAMES.validate_python(name)
    except ValidationError:
        what = (
            "cannot be a name: at most 100 letters, digits, spaces and . , = + @ ( ) [ ] _ -, a letter or digit first"
        )
        raise problem(path, ("experiments", name), what) from None


def _check_training(path: Path, suite: Suite) -> None:
    """Refuse what no backend could train."""
    for name, experiment in suite.experiments.items():
        place = ("experiments", name)
        decoupled = experiment.optimizer.options.get("weight_decay", 0.01)
        if experiment.optimizer.name == "adamw" and experiment.weight_decay and decoupled:
            what = (
                f"{experiment.weight_decay} (coupled) and optimizer.weight_decay {decoupled} (adamw's, decoupled) "
                "are both on. Set one of them to 0"
            )
            raise problem(path, (*place, "weight_decay"), what)
        if experiment.batch_norm and experiment.batch_size == 1:
            raise problem(
                path, (*place, "batch_size"), "1 leaves batch_norm nothing to normalise. At least 2 is needed"
            )
        if experiment.batch_norm and not experiment.hidden_layers:
            raise problem(path, (*place, "batch_norm"), "there is no hidden layer to normalise")
    split = suite.dataset.split
    total = split.train + split.val + split.test
    if abs(total - 1.0) > 1e-9:
        what = f"{split.train} + {split.val} + {split.test} is {total:.6g}. train, val and test must sum to 1"
        raise problem(path, ("dataset", "split"), what)


def _check_references(path: Path, suite: Suite) -> None:
    """Refuse a finalist, baseline or pair that names no experiment."""
    for label, finalist in suite.finalists.items():
        pattern = finalist.best_of if isinstance(finalist, BestOf) else finalist
        found = matching(pattern, suite.experiments)
        place = ("finalists", label)
        if not found:
            raise problem(path, place, f"{pattern!r} matches no experiment. {nearest(pattern, suite.experiments)}")
        if len(found) > 1 and not isinstance(finalist, BestOf):
            what = f"{pattern!r} matches {len(found)} experiments. Choose one, or write {{ best_of = {pattern!r} }}"
            raise problem(path, place, what)
    mentioned: list[tuple[tuple[str | int, ...], str]] = [
        (("leaderboard", "compare", i), name) for i, pair in enumerate(suite.leaderboard.compare) for name in pair
    ]
    if suite.leaderboard.baseline is not None:
        mentioned.append((("leaderboard", "baseline"), suite.leaderboard.baseline))
    for where, name in mentioned:
        if name not in suite.experiments:
            raise problem(path, where, f"there is no experiment {name!r}. {nearest(name, suite.experiments)}")

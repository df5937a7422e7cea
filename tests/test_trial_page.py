"""docs/explanation/trial.md names types that exist, where they are, and none that copies another."""

import dataclasses
import re
from importlib import import_module
from itertools import combinations

from tests import documents

PAGE = "docs/explanation/trial.md"
ALIKE = {("EpochRecord", "TrialMetrics"), ("Experiment", "NetworkSpec")}
"""Pairs that may be alike: a row's metrics are those of the epoch whose weights were kept; what a backend builds is a
public contract, and knows no suite."""
FEW = 3
"""At most this number of common names is no copy: a seed, a device, a reason."""


def named():
    """Return the types of the page's table by name."""
    types = {}
    rows = re.findall(r"^\| (`[A-Z].*?) \| `(harness[\w.]*)` \|", documents.text(PAGE), flags=re.MULTILINE)
    for names, module in rows:
        for name in re.findall(r"`(\w+)`", names):
            types[name] = getattr(import_module(module), name)
    return types


def fields(kind):
    """Return the names of a type's fields."""
    if dataclasses.is_dataclass(kind):
        return {field.name for field in dataclasses.fields(kind)}
    return set(getattr(kind, "model_fields", None) or getattr(kind, "_fields", ()))


def test_every_type_of_the_diagram_is_in_the_table_and_in_its_module():
    """A type that was renamed or moved fails here."""
    (diagram,) = re.findall(r"```\n(.*?)```", documents.text(PAGE), flags=re.DOTALL)
    types = named()
    in_diagram = set(re.findall(r"\b(?:[A-Z][a-z]+)+\b", diagram)) - {"None"}
    assert in_diagram == types.keys()
    for name, kind in types.items():
        assert kind.__name__ == name


def test_its_functions_and_modules_exist():
    """Those in the text and on the arrows."""
    for module in set(re.findall(r"`(harness(?:\.\w+)+)`", documents.text(PAGE))):
        import_module(module)
    from harness.execution.plan import make_plan
    from harness.execution.resume import look_up
    from harness.store import Run
    from harness.suite import load_suite
    from harness.trial.jobs import train
    from harness.trial.measuring import evaluate_trials

    for function in (load_suite, make_plan, look_up, train, evaluate_trials, Run.rows):
        assert function.__name__ in documents.text(PAGE)


def test_no_type_copies_another():
    """Most of the fields of one are not the fields of another: what both need is a type that both hold."""
    types = {name: fields(kind) for name, kind in named().items()}
    copies = {
        (first, second)
        for first, second in combinations(sorted(types), 2)
        if len(types[first] & types[second]) > FEW
        and 2 * len(types[first] & types[second]) > min(len(types[first]), len(types[second]))
    }
    assert copies == ALIKE

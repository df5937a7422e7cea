"""`harness new`: what it writes is complete, clean, and passes its own tests; what it refuses, and how."""

import json
import re
import runpy
import shutil
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest

from harness.conformance.target import Conformance
from harness.errors import HarnessError
from harness.interfaces import Context
from harness.optimizers import SGD
from harness.plugins.components import plural
from harness.plugins.layer_kinds import missing_layers
from harness.plugins.loading import registry
from harness.plugins.scaffold import SCAFFOLDS, create
from harness.seeding import initial_state
from harness.suite import load_suite
from harness.trial.attacks import gives_gradients
from tests.command_line import module as command
from tests.networks import labelled_images, mlp
from tests.plugins_on_disk import distribution

KINDS = [kind for kind in SCAFFOLDS if kind != "suite"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_its_own_tests(kind, tmp_path):
    """As generated, with nothing but its entry point added to the path."""
    output = command("harness", "new", kind, "my-own", cwd=tmp_path)
    folder = tmp_path / "harness-my-own"
    files = sorted(str(path.relative_to(tmp_path)) for path in folder.rglob("*") if path.is_file())
    assert sorted(output.splitlines()[: len(files)]) == files
    assert output.endswith('Next:\n  cd harness-my-own\n  pip install -e ".[test]"\n  pytest\n')
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["harness"]
    assert points == {"harness_my_own": "harness_my_own"}
    distribution(folder, project["name"], project["version"], {}, points)
    tested = command("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert " passed" in tested
    listed = command("harness", "plugins", cwd=folder)
    assert ("harness_my_own" if kind == "observer" else "my-own") in listed
    assert "harness-my-own 0.1.0" in listed
    assert "quarantined" not in listed


def trained(backend):
    """Return the losses of an epoch of a backend's network."""
    images, labels = labelled_images(30, (4, 3), 5)
    spec = mlp([12, 7, 5], shape=(4, 3), batch_size=10)
    full = mlp([12, 7, 5], shape=(4, 3), activation="silu", batch_norm=True, dropout=0.5)
    assert gives_gradients(backend)
    assert backend.unsupported(spec, SGD()) == []
    assert backend.unsupported(full, SGD()) == ["activation"]
    assert missing_layers(backend, "backend mine", full) == (
        "layers 'BatchNorm' and 'Dropout' are not supported by backend mine: it has Linear, Activation"
    )
    network = backend.build(spec, initial_state(spec, 1), SGD(), Context(seed=1, device="cpu"))
    network.attach(images, labels)
    losses = network.train_epoch(0, np.arange(30), 0.1).losses
    assert network.predict(np.arange(30)).shape == (30, 5)
    return losses


GREY = np.full((2, 4, 4), 0.5, dtype=np.float32)
USED = {
    "backend": lambda factory: trained(factory()),
    "optimizer": lambda factory: factory().update(GREY, GREY, factory().init(GREY), 0.1)[0],
    "loss": lambda factory: factory()(np, GREY[0], np.arange(4), None)[1],
    "model": lambda factory: [layer.outputs for layer in factory((4, 4), 3)[::3]],
    "perturbation": lambda perturb: perturb(GREY, 0.2, np.random.default_rng(0)),
    "dataset": lambda factory: factory().load().features,
}
"""What a first use of each kind of component returns."""
WORDS = "np next grey any int self test harness lambda class dropout linear network stepwise stepwise-backend optimizer"
MORE = "dataclass labelled-images perturbation conformance"


@pytest.fixture
def folder_of_packages(tmp_path):
    """Return a folder; what is imported from it is forgotten."""
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*WORDS.split(), *MORE.split()])
def test_a_new_package_works_whatever_its_name(kind, name, folder_of_packages, monkeypatch):
    """Names of what it imports, builtins, Python's own words: its component, its tests' class and functions."""
    create(kind, name, folder_of_packages, registry())
    folder, package = folder_of_packages / f"harness-{name}", f"harness_{name.replace('-', '_')}"
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(folder)
    offered = {}
    if kind == "observer":
        offered[package] = import_module(package)
        offered[package].run_finished({"directory": "runs/x", "statuses": {"done": 1}})
        assert json.loads(Path(f"{name}.jsonl").read_text())["statuses"] == {"done": 1}
    else:
        getattr(import_module(package), f"register_{plural(kind)}")(offered.__setitem__)
        assert np.isfinite(USED[kind](resolve_name(offered[name]))).all()
    tests = runpy.run_path(str(folder / "tests" / f"test_{kind}.py"))
    certified = [results for key, results in tests.items() if key.startswith("Test")]
    assert all(issubclass(each, Conformance) for each in certified)
    assert [each.name for each in certified] == list(offered)
    assert certified[0].name == (package if kind == "observer" else name)
    for key, function in tests.items():
        if key.startswith("test_") and kind != "observer":  # whose test takes fixtures
            function()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_is_formatted_and_without_lint(kind, tmp_path):
    """By its own configuration, whatever the length of its name."""
    pytest.importorskip("ruff")
    for name in ("x", "abcdefgh-jklmnopq-stuvwx"):
        create(kind, name, tmp_path, registry())
        folder = tmp_path / f"harness-{name}"
        command("ruff", "check", ".", cwd=folder)
        command("ruff", "format", "--check", ".", cwd=folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_declares_what_it_imports(kind, tmp_path):
    """SciPy's types, too, as its README types it."""
    create(kind, "mine", tmp_path, registry())
    project = tomllib.loads((tmp_path / "harness-mine" / "pyproject.toml").read_text())["project"]
    declared = {re.match(r"[\w-]+", text)[0].replace("-", "_") for text in project["dependencies"]}
    sources = [path.read_text() for path in (tmp_path / "harness-mine" / "harness_mine").glob("*.py")]
    imported = {name for source in sources for name in re.findall(r"^\s*(?:import|from) (\w+)", source, re.MULTILINE)}
    assert imported - sys.stdlib_module_names - {"harness", "harness_mine"} <= declared
    assert ("scipy-stubs" in project["optional-dependencies"]["dev"]) == ("scipy" in imported)


@pytest.mark.slow
def test_new_packages_are_typed(tmp_path):
    """Strictly, all kinds at once: mypy's start is what takes the time."""
    pytest.importorskip("mypy")
    for kind in KINDS:
        create(kind, f"a-{kind}", tmp_path, registry())
        shutil.move(tmp_path / f"harness-a-{kind}" / f"harness_a_{kind}", tmp_path)
    command("mypy", "--strict", *(f"harness_a_{kind}" for kind in KINDS), cwd=tmp_path)


@pytest.mark.slow
def test_a_backend_with_a_wrong_gradient_is_reported(tmp_path):
    """The first test that fails says what is expected, what came, and which clause says so."""
    create("backend", "wrong", tmp_path, registry())
    folder = tmp_path / "harness-wrong"
    module = folder / "harness_wrong" / "backend.py"
    module.write_text(module.read_text().replace("x.T @ delta", "-x.T @ delta"))
    distribution(folder, "harness-wrong", "0.1.0", {}, {"harness_wrong": "harness_wrong"})
    output = command("pytest", "-x", "-q", "-p", "no:cacheprovider", cwd=folder, code=1)
    assert "all of it is -1 times the reference's" in output
    assert "contract: Network.train_epoch" in output


@pytest.mark.slow
def test_a_new_suite_is_planned(tmp_path):
    """One file, with the line that editors read, and every value explained."""
    output = command("harness", "new", "suite", "mine", "-d", tmp_path / "suites", cwd=tmp_path)
    path = tmp_path / "suites" / "mine.toml"
    assert output == f"{path}\n\nNext:\n  harness plan {path}\n  harness run {path}\n"
    assert path.read_text().startswith("#:schema ./suite.schema.json")
    assert list(load_suite(path, registry()).suite.experiments) == ["baseline", "momentum", "wider"]
    assert "mine: 9 trials, 0 done, 9 to run" in command("harness", "plan", path, cwd=tmp_path)


RULE = "lower-case letters, digits and single dashes, a letter first, 24 at most."


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("backend", "My Net", f"'My Net' is not a valid backend name: {RULE} 'my-net' would do"),
        ("dataset", "my--set", f"'my--set' is not a valid dataset name: {RULE} 'my-set' would do"),
        ("suite", "..", f"'..' is not a valid suite name: {RULE}"),
        ("optimizer", "sgd", "optimizer 'sgd' is offered by nn-harness "),
        ("backend", "array", "backend 'array': its package harness_array would hide an installed one of that name"),
    ],
)
def test_refuses_a_name(kind, name, message, tmp_path):
    """The message says what would do; nothing is written."""
    with pytest.raises(HarnessError) as caught:
        create(kind, name, tmp_path, registry())
    assert str(caught.value).startswith(message)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_leaves_what_exists_as_it_is(tmp_path):
    """One line, exit code 2."""
    (tmp_path / "harness-mine").mkdir()
    output = command("harness", "new", "dataset", "mine", cwd=tmp_path, code=2)
    assert output == (
        "error: harness-mine: exists already, and is left as it is: choose another name, or another --directory\n"
    )
    assert not list((tmp_path / "harness-mine").iterdir())
    (tmp_path / "mine.toml").write_text("mine")
    output = command("harness", "new", "suite", "mine", cwd=tmp_path, code=2)
    assert output.startswith("error: mine.toml: exists already")
    assert (tmp_path / "mine.toml").read_text() == "mine"


def test_says_why_it_cannot_write(tmp_path):
    """A file in the way of the parent folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match=r"mine\.toml: cannot be written: "):
        create("suite", "mine", Path(tmp_path / "file"), registry())

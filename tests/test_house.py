"""The house rules: what the core may name and load, how long its files are, how quick its help."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import interfaces

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "harness").rglob("*.py"))
FOR_EVERY_LIBRARY = ROOT / "harness" / "conformance" / "libraries.py"
"""It alone may name frameworks: optimizers and losses must work on the arrays of each that is installed."""
OURS = [path for folder in ("harness", "backends", "perturbations") for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path):
    """Return the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def code_without_documentation(path):
    """Return a file's code as Python would print it again, docstrings and comments gone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                statement
                for statement in body
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            ] or [ast.Pass()]
    return ast.unparse(tree)


@pytest.mark.parametrize(
    "path", [path for path in CORE if path != FOR_EVERY_LIBRARY], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_core_names_no_framework(path):
    """Frameworks belong to plugins; only documentation may mention them."""
    frameworks = re.findall(r"torch|cupy|harness_array|harness_noise|jax|tensorflow", code_without_documentation(path))
    assert not frameworks


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_concept(path):
    """About 250 lines at most."""
    assert len(path.read_text().splitlines()) <= 260


def test_the_contracts_and_the_metrics_import_nothing_of_ours():
    """Everything else may import them."""
    for path in [*(ROOT / "harness" / "interfaces").glob("*.py"), ROOT / "harness" / "metrics" / "classification.py"]:
        ours = [
            name for name in imports(path) if name.startswith("harness") and not name.startswith("harness.interfaces")
        ]
        assert not ours, path


def test_members_are_not_looked_up_statically():
    """`isinstance` misses what a wrapper delegates, from Python 3.12 on: a protocol is asked for with `implements`."""
    protocols = {name for name, kind in vars(interfaces).items() if getattr(kind, "_is_protocol", False)}
    assert "BatchTraining" in protocols
    call = re.compile(rf"(isinstance|issubclass)\([^()]*(\([^()]*\)[^()]*)*\b({'|'.join(protocols)})\b")
    for path in [*OURS, *(ROOT / "examples").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        assert not call.search(path.read_text()), path


def test_loose_modules_are_public_or_ground():
    """All else lives in a room; `lint-imports` holds the rooms' order."""
    loose = {path.stem for path in (ROOT / "harness").glob("*.py")} - {"__init__", "__main__"}
    public = {
        "hookspecs",
        "stepwise",
        "optimizers",
        "descent",
        "seeding",
        "pytest_plugin",
    }
    assert loose == public | {"errors", "text", "rows", "settings"}


def test_the_registry_is_built_where_a_process_begins():
    """By a command, a call of the Python API, a worker, the kit or the benchmarks; everything else is given it."""
    beginning = {"api", "benchmarks", "cli", "conformance"}
    builders = {
        str(path.relative_to(ROOT / "harness"))
        for path in CORE
        if re.search(r"^\s*from harness\.plugins\.loading import .*\bregistry\b", path.read_text(), flags=re.MULTILINE)
    }
    assert {name for name in builders if Path(name).parts[0] not in beginning} == {
        "bench/worker.py",
        "execution/pools/worker.py",
    }


def test_only_the_command_line_and_the_display_of_a_run_print():
    """Everything else returns values, raises or logs; `rich.cells` alone measures text, and writes none."""
    for path in CORE:
        if not {"cli", "live"} & set(path.parts):
            terminal = {name for name in imports(path) if name.split(".")[0] in {"rich", "typer"}}
            assert terminal <= {"rich.cells"}, path
            assert not re.search(r"^\s*(print\(|sys\.exit|typer\.echo)", path.read_text(), flags=re.MULTILINE), path


def python(code, **options):
    # Other people's plugins, where some are installed, may load what they like.
    environment = os.environ | {"HARNESS_DISABLE_PLUGINS": "*"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, **options).stdout


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import harness", ["numpy", "torch", "cupy", "pandas", "pydantic", "sklearn"]),
        ("import harness.cli", ["numpy", "torch", "cupy", "pandas", "pydantic", "sklearn"]),
        (
            "import harness.trial.jobs, harness_array.network",
            ["torch", "cupy", "pandas", "scipy", "sklearn", "tabulate"],
        ),
        ("from harness.plugins.loading import registry; registry()", ["numpy", "torch", "cupy", "pandas", "sklearn"]),
    ],
)
def test_heavy_libraries_are_loaded_when_they_are_needed(code, forbidden):
    """A worker carries no tables, the command line nothing that reads the thread variables."""
    loaded = python(f"{code}\nimport sys\nprint(*sys.modules)").split()
    assert not set(forbidden) & set(loaded)


def test_help_is_quick():
    """Under 0.3 s of work where typer alone takes 0.065 s; the best of five in turns, as other loads slow both."""
    seconds = {"-c": [], "-m": []}
    for _ in range(5):
        for kind, command in {"-c": ["import typer"], "-m": ["harness", "--help"]}.items():
            before = os.times()
            subprocess.run([sys.executable, kind, *command], check=True, capture_output=True)
            after = os.times()
            spent = after.children_user + after.children_system - before.children_user - before.children_system
            seconds[kind].append(spent)
    assert min(seconds["-m"]) < 0.3 / 0.065 * min(seconds["-c"])

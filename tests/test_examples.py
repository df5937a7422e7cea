"""The examples are complete distributions, pinned for CI; `scripts/certify_examples.py` certifies each by itself."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.plugins_on_disk import distribution

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("harness-*"))
NEEDS = {"harness-jax": "jax", "harness-mlflow": "mlflow", "harness-tensorboard": "tensorboard"}


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())


def environment(tmp_path, folders):
    """Return the environment in which examples are as if they were installed."""
    for folder in folders:
        about = project(folder)["project"]
        distribution(tmp_path, about["name"], about["version"], {}, about["entry-points"]["harness"])
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [tmp_path, *folders]))}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_a_whole_distribution(folder):
    """Named as its folder, with a page that says how it is used, and tests."""
    about = project(folder)
    assert about["project"]["name"] == folder.name
    assert list(about["project"]["entry-points"]) == ["harness"]
    assert "```toml" in (folder / "README.md").read_text()
    assert list((folder / "tests").glob("test_*.py"))
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for requirement in about["project"]["dependencies"]:
        assert re.match(r"[\w-]+", requirement)[0].lower() in pinned | {"nn-harness"}


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_passes_its_own_tests(folder, tmp_path):
    """The kit, and what the kit does not know."""
    if not find_spec(NEEDS.get(folder.name, "harness")):
        pytest.skip(f"{NEEDS[folder.name]} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, env=environment(tmp_path, [folder]), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_four_backends_is_planned_and_names_what_is_missing(tmp_path):
    """One experiment, four times three trials, whatever is installed here."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "plan", ROOT / "examples" / "four-backends.toml"],
        cwd=tmp_path, env=environment(tmp_path, EXAMPLES), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ": 12 trials, 0 done, " in done.stdout

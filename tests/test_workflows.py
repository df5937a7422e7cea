"""The workflows that others call: their commands exist, and their steps end as they say."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness import __version__
from tests.test_documents import COMMANDS, known, walk

yaml = pytest.importorskip("yaml", reason='needs the extra "docs"')

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OPTIONS = {f"harness {name}".strip(): known(command) | {"--help"} for name, command in walk(COMMANDS, "")}

SUITE = """
[suite]
name = "gate"
seeds = [1]
[defaults]
hidden_layers = [16]
batch_size = 64
epochs = 2
optimizer = { name = "adam", learning_rate = 0.003 }
[experiments.A]
[[expect]]
experiment = "A"
metric = "test_accuracy"
value = VALUE
tolerance = 0.1
source = "the last release"
"""


def steps(name):
    """Return the script of each step of a workflow, by its name."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())["jobs"]
    scripts = [step for job in jobs.values() for step in job["steps"] if "run" in step]
    return {step.get("name", step["run"]): step["run"] for step in scripts}


def ran(script, folder, **environment):
    """Run a step's script as the service does, and return its exit code and its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "HARNESS_NO_TUNE": "1"}
    step = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder, env=os.environ | variables | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return step.returncode, step.stdout + step.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_scripts_are_bash_and_their_commands_exist(path):
    for name, script in steps(path.stem).items():
        subprocess.run(["bash", "-n", "-c", script], check=True)
        for line in re.sub(r"\\\n", " ", script).splitlines():
            for call in re.findall(r"harness (?:[a-z]+).*", line):
                command = max((name for name in OPTIONS if call.startswith(name)), key=len)
                assert command != "harness", (name, call)
                assert set(re.findall(r"--[a-z-]+", call.split(" > ")[0].split(" | ")[0])) <= OPTIONS[command], call


@pytest.mark.slow
@pytest.mark.parametrize(("value", "code"), [(0.42, 0), (0.9, 3)])
def test_the_accuracy_gate_passes_or_fails_by_the_suites_expectations(tmp_path, value, code):
    """Whatever the verdict, the summary has the tables, and the page is there to be kept."""
    (tmp_path / "gate.toml").write_text(SUITE.replace("VALUE", str(value)))
    gate = steps("accuracy-gate")
    environment = {"SUITE": "gate.toml", "STRICT": ""}
    ended, output = ran(gate["Train and test"], tmp_path, **environment)
    assert ended == 0, output
    ended, output = ran(gate["Verdict"], tmp_path, **environment)
    assert ended == code, output
    summary = (tmp_path / "summary.md").read_text()
    assert "last release" in summary
    assert "Rank" in summary or "| Experiment" in summary
    ended, output = ran(gate["Page"], tmp_path, **environment)
    assert ended == 0, output
    assert (tmp_path / "gate" / "report.html").exists()


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (3, 3), (4, 0), (2, 2)])
def test_the_speed_gate_passes_on_what_harness_says(tmp_path, ended, code):
    """Without a verdict it warns; with ``require-verdict`` harness itself ends with 3."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "harness"
    program.write_text(f'#!/bin/sh\necho measured "$@"\nexit {ended}\n')
    program.chmod(0o755)
    script = steps("speed-gate")["The change"]
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    status, output = ran(script, tmp_path, PATH=path, BACKEND="mine", VERDICT="--require-verdict")
    assert status == code
    assert ("::warning::" in output) == (ended == 4)
    assert "measured bench --backend mine" in (tmp_path / "summary.md").read_text()
    assert "--fail-on-slower --require-verdict" in output


def test_the_version_is_written_in_one_place():
    """The citation names the version of pyproject.toml, as the package does."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert version == __version__


def test_hooks_before_a_commit_are_the_tools_of_ci():
    lines = {line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        assert any(line.startswith(hook["entry"]) for line in lines), hook["entry"]


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_forms_for_issues_are_complete(form):
    content = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= content.keys()
    assert all(part["attributes"]["label"] for part in content["body"])

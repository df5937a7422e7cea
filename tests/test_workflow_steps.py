"""The workflows' steps as the service runs them, with stand-ins for what is not here: a registry, a remote."""

import os
import re
from pathlib import Path

import pytest

from tests.test_workflows import WORKFLOWS, ran, steps, yaml

CONTEXTS = {"inputs", "github", "runner", "matrix", "vars", "steps"}
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'


@pytest.fixture
def service(tmp_path):
    """Return a function that runs a step in its own home folder, with stand-ins first on the path: their scripts."""
    home, programs = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    (tmp_path / "calls").touch()

    def run(script, stubs, **environment):
        for name, code in stubs.items():
            (programs / name).write_text(STUB + code)
            (programs / name).chmod(0o755)
        paths = {"GITHUB_PATH": str(tmp_path / "path"), "HOME": str(home), "CALLS": str(tmp_path / "calls")}
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        ended, output = ran(script, tmp_path, **(paths | {"PATH": path} | environment))
        return ended, output, (tmp_path / "calls").read_text().splitlines()

    return run


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_whole(path):
    """Each job has a machine and a limit, each action a version; what an expression names is declared."""
    text = path.read_text()
    content = yaml.safe_load(text)
    triggers = content[True]  # "on" is true in YAML
    requested = [triggers[name] or {} for name in ("workflow_call", "workflow_dispatch") if name in triggers]
    declared = {name for trigger in requested for name in trigger.get("inputs", {})}
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["runs-on"]
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
    expressions = re.findall(r"\$\{\{(.*?)\}\}", text)
    plain = [re.sub(r"'[^']*'", "", expression) for expression in expressions]
    named = [name for expression in plain for name in re.findall(r"(?<![.\w])([a-z]+)\.([\w-]+)", expression)]
    assert {context for context, _ in named} <= CONTEXTS
    assert {name for context, name in named if context == "inputs"} == declared
    for script in steps(path.stem).values():
        assert not re.search(r"\$\{\{ *(github\.(event|head_ref)|inputs)", script), "a text of a stranger in a script"


def test_no_device_no_green():
    """The first step of the GPU runner ends with 1 where the driver counts none."""
    ended, output = ran(steps("gpu")["A device"], Path(__file__).parents[1])
    if ended == 0:
        pytest.skip("a device is here")
    assert ended == 1
    assert "no CUDA device is here" in output


ENVIRONMENT = """
if [ "$1" = -VV ]; then echo Python 3.12; exit; fi
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "pip $*" >> "$CALLS"\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""


def test_the_gpu_runner_keeps_its_environment(service, tmp_path):
    """It is made once, and again when what is to be installed changes; one that was cut off does not count."""
    (tmp_path / "pyproject.toml").write_text("one")
    (tmp_path / "constraints.txt").touch()
    workflow = tmp_path / ".github" / "workflows" / "gpu.yml"
    workflow.parent.mkdir(parents=True)
    workflow.touch()
    install = steps("gpu")["Install"]
    stubs = {"python3": ENVIRONMENT}
    for _ in range(2):
        ended, output, calls = service(install, stubs)
        assert ended == 0, output
    whole = [call for call in calls if "-c constraints.txt" in call]
    assert len(whole) == 1
    assert len([call for call in calls if "--no-deps -e ." in call]) == 2
    paths = (tmp_path / "path").read_text().splitlines()
    assert len(set(paths)) == 1
    assert Path(paths[0], "pip").exists()
    (tmp_path / "pyproject.toml").write_text("two")
    service(install, stubs)
    Path((tmp_path / "path").read_text().splitlines()[-1]).parent.joinpath("complete").unlink()
    _, _, calls = service(install, stubs)
    assert len([call for call in calls if "-c constraints.txt" in call]) == 3
    assert len(set((tmp_path / "path").read_text().splitlines())) == 2


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (3, 3), (4, 4)])
def test_the_gpu_runners_baseline_is_kept_and_compared(service, tmp_path, ended, code):
    """The first run on main sets it; later ones compare, and end as harness does; ``new_baseline`` sets it anew."""
    compare = steps("gpu")["Comparison with this runner's baseline"]
    stub = f'case "$*" in *--save*) echo "$*" > "$5";; *--compare*) exit {ended};; esac\n'
    main = {"NEW": "", "RUNNER": "gpu-1", "GITHUB_REF": "refs/heads/main"}
    baseline = tmp_path / "home" / ".cache" / "nn-harness-baselines" / "gpu-1.json"
    assert service(compare, {"harness": stub}, **(main | {"GITHUB_REF": "refs/pull/1"}))[0] == 0
    assert not baseline.exists()
    assert service(compare, {"harness": stub}, **main)[0] == 0
    assert baseline.exists()
    status, _, calls = service(compare, {"harness": stub}, **main)
    assert status == code
    assert calls[-1].endswith(f"--compare {baseline} --fail-on-slower")
    assert service(compare, {"harness": stub}, **(main | {"NEW": "true"}))[0] == 0
    assert (tmp_path / "summary.md").exists()


def test_the_gpu_runner_publishes_its_runs(service, tmp_path):
    """Those of main stay, thirty at most, and the site has them; that of a branch is shown once and not kept."""
    report = steps("gpu")["Report"]
    about = {"RUNNER": "gpu-1", "GITHUB_SHA": "a" * 40}
    main, branch = about | {"GITHUB_REF": "refs/heads/main"}, about | {"GITHUB_REF": "refs/pull/1"}
    assert service(report, {"harness": ""}, **main)[::2] == (0, [])  # the check ended before there was a run
    (tmp_path / "gpu-check" / "quick").mkdir(parents=True)
    (tmp_path / "gpu-check" / "quick" / "run.json").write_text("{}")
    runs = tmp_path / "home" / ".cache" / "nn-harness-runs" / "gpu-1"
    for day in range(10, 41):
        (runs / f"202601{day}T000000-{'b' * 12}").mkdir(parents=True)
    ended, output, calls = service(report, {"harness": ""}, **main)
    assert ended == 0, output
    folders = sorted(runs.iterdir())
    assert len(folders) == 30
    assert folders[-1].name.endswith("-" + "a" * 12)
    assert (folders[-1] / "run.json").exists()
    assert folders[0].name.startswith("20260112")
    assert calls[-1].split()[:3] == ["harness", "publish", str(folders[-1])]
    assert len(calls[-1].split()) == 2 + 30 + 2
    _, _, calls = service(report, {"harness": ""}, **branch)
    assert calls[-1].split()[2] == "gpu-check/quick"
    assert len(list(runs.iterdir())) == 30


def test_the_speed_gate_measures_both_versions(service):
    """The base is installed and measured, then the change is installed; the noise is measured before."""
    gate = steps("speed-gate")
    stubs = dict.fromkeys(("git", "pip", "harness"), "")
    about = {"BACKEND": "mine", "INSTALL": "-e .", "BASE": "main", "GITHUB_SHA": "abc"}
    for name in ("Install", "The machine's noise", "The base"):
        ended, output, calls = service(gate[name], stubs, **about)
        assert ended == 0, output
    assert calls == [
        "pip install nn-harness",
        "pip install -e .",
        "harness bench --calibrate --backend mine",
        "git switch --detach origin/main",
        "pip install -e .",
        "harness bench --backend mine --peer none --work train --save before.json",
        "git switch --detach abc",
        "pip install -e .",
    ]


@pytest.mark.parametrize(("install", "further"), [("", []), ("-e . extra", ["pip install -e . extra"])])
def test_the_accuracy_gate_installs_what_it_is_asked(service, install, further):
    """Harness with its extras, and the caller's plugin where there is one."""
    script = steps("accuracy-gate")["Install"]
    ended, output, calls = service(script, {"pip": ""}, EXTRAS="report", INSTALL=install)
    assert ended == 0, output
    assert calls == ["pip install nn-harness[report]", *further]

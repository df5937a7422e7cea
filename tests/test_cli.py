"""The command line as a person meets it; in a new process where that makes a difference."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.plugins_on_disk import distribution
from tests.tiny import TINY

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Return the folder of a finished run of suites/quick.toml, and what its command printed."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("quick")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", ROOT / "suites" / "quick.toml", "--jobs", "0"],
        capture_output=True, text=True, cwd=folder, check=True,
    )  # fmt: skip
    return folder, done


def test_quick_suite_runs_and_shows_its_leaderboard(quick):
    """Five experiments on two backends; results to stdout, progress to stderr."""
    folder, done = quick
    assert "Digits, quick · digits, 1,797 images · 5 of 5 trials done, 4 tested" in done.stdout
    assert re.search(r"\[\d/5\] M3b seed 42 on torch: 15 epochs in ", done.stderr)
    assert "[5/5] " in done.stderr
    assert "results: runs/quick" in done.stderr
    rows = [json.loads(path.read_text())["row"] for path in sorted(folder.glob("runs/quick/trials/*/*/row.json"))]
    assert [row["status"] for row in rows] == ["done"] * 5
    for row in rows:
        assert row["metrics"]["val_accuracy"] > 0.9
        if row["evaluation"]:
            accuracy = [measure["values"]["test_accuracy"] for measure in row["evaluation"]["measures"]]
            assert accuracy[0] == accuracy[1] > 0.9
            assert accuracy[-1] < accuracy[-2] < accuracy[-3] < accuracy[0]


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "latex", "json"])
def test_leaderboard_has_every_trial_in_every_format(harness, quick, form):
    """What is planned appears, whatever became of it."""
    folder, _ = quick
    done = harness("leaderboard", folder / "runs/quick", "--format", form, "--table", "accuracy")
    for name in ("M0", "M1b", "M1g", "M2", "M3b"):
        assert name in done.stdout
    if form == "json":
        assert len(json.loads(done.stdout)["accuracy"]["rows"]) == 5
    if form == "csv":
        assert list(pd.read_csv(pd.io.common.StringIO(done.stdout))["experiment"]).count("M0") == 1


def test_the_same_command_again_resumes_and_plan_says_so(harness):
    """Nothing is trained twice; plan tells what is done."""
    assert "3 to run" in harness("plan", "tiny.toml").stdout
    harness("run", "tiny.toml")
    assert "3 trials, 3 already done" in harness("run", "tiny.toml").stderr
    assert "3 done, 0 to run" in harness("plan", "tiny.toml").stdout


def test_options_choose_experiments_seeds_settings_and_directory(harness, tmp_path):
    """--only, --seeds, --set, --out."""
    harness("run", "tiny.toml", "--only", "A", "--seeds", "3,4", "--set", "experiments.A.epochs=1", "--out", "mine")
    paths = sorted(str(path.relative_to(tmp_path / "mine")) for path in tmp_path.glob("mine/trials/*/*/row.json"))
    assert paths == ["trials/A/seed-3/row.json", "trials/A/seed-4/row.json"]
    row = json.loads((tmp_path / "mine" / paths[0]).read_text())["row"]
    assert len(row["history"]) == 1


def test_fresh_keeps_the_earlier_run_aside(harness, tmp_path):
    """Nothing is ever written over."""
    harness("run", "tiny.toml", "--only", "A")
    before = (tmp_path / "runs/tiny/trials/A/seed-1/row.json").read_bytes()
    done = harness("run", "tiny.toml", "--only", "A", "--fresh", "--set", "experiments.A.epochs=1")
    aside = next(path for path in (tmp_path / "runs").iterdir() if path.name.startswith("tiny."))
    assert f"the earlier run was moved to runs/{aside.name}" in done.stderr
    assert (aside / "trials/A/seed-1/row.json").read_bytes() == before


def test_a_failed_trial_is_exit_code_1_with_its_reason_and_its_log(harness):
    """The others are done, the tables are shown."""
    done = harness("run", "tiny.toml", "--set", "experiments.B.optimizer.learning_rate=1e30", code=1)
    assert "B seed 1 failed: diverged at epoch 1, step" in done.stderr
    assert "runs/tiny/trials/B/seed-1/log.txt" in done.stderr
    assert "2 of 3 trials done" in done.stdout


def test_the_shipped_suite_says_what_would_do_without_its_dataset(harness, tmp_path):
    """The folder that is named for it, and which files are looked for there."""
    pytest.importorskip("torch")
    done = harness("plan", ROOT / "suites" / "full.toml", "--data-dir", ".", code=2)
    output = f"{tmp_path}: holds neither emnist-bymerge-train-images-idx3-ubyte[.gz] nor gzip.zip"
    assert f"dataset 'emnist-bymerge': directory: {output}" in done.stderr


def test_files_of_ones_own_beside_the_suite(harness, tmp_path):
    """Paths are the suite's neighbours, wherever the command is typed."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = rng.integers(0, 60, (300, 5, 5)) + 80 * labels[:, None, None]
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "deep" / "x.npy", images.astype(np.uint8))
    np.save(tmp_path / "deep" / "y.npy", labels)
    table = '[dataset]\nname = "files"\nimages = "x.npy"\nlabels = "y.npy"\n'
    (tmp_path / "deep" / "mine.toml").write_text(TINY + table)
    done = harness("run", "deep/mine.toml", "--set", "defaults.epochs=40")
    assert "files, 300 images" in done.stdout
    rows = [json.loads(path.read_text())["row"] for path in tmp_path.glob("runs/mine/trials/*/*/row.json")]
    assert max(row["metrics"]["val_accuracy"] for row in rows) > 0.9


@pytest.mark.slow
def test_plugins_names_what_is_there_what_is_not_and_what_is_set_aside(harness, tmp_path):
    """Version, availability or its reason, distribution; and a faulty plugin with its error."""
    distribution(
        tmp_path / "site", "harness-bad", "0.1", {"harness_bad": "import no_such_module"}, {"bad": "harness_bad"}
    )
    done = harness("plugins", plugins=tmp_path / "site")
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert f"{np.__version__}" in lines["numpy"]
    assert "yes" in lines["numpy"]
    assert "nn-harness" in lines["numpy"]
    assert {"sgd", "adam", "adamw", "gaussian_noise", "digits", "files", "cupy", "torch"} <= lines.keys()
    assert "harness-bad 0.1" in lines["bad"]
    assert "No module named 'no_such_module'" in lines["bad"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--no-plugins"], {}), ([], {"HARNESS_DISABLE_PLUGINS": "bad"})],
    ids=["all", "one by name"],
)
def test_plugins_can_be_disabled(harness, tmp_path, arguments, environment):
    """A faulty one need not be uninstalled; workers do without it too."""
    modules = {"harness_bad": "print('loaded'); import no_such_module"}
    distribution(tmp_path / "site", "harness-bad", "0.1", modules, {"bad": "harness_bad"})
    output = harness("plugins", *arguments, plugins=tmp_path / "site", **environment)
    assert "disabled: bad (harness-bad 0.1)" in output.stdout
    assert "no_such_module" not in output.stdout
    done = harness("run", "tiny.toml", "--only", "A", *arguments, plugins=tmp_path / "site", **environment)
    assert "loaded" not in done.stdout + done.stderr + (tmp_path / "runs/tiny/trials/A/seed-1/log.txt").read_text()


def test_datasets_doctor_and_schema(harness):
    """What is here, what works here, what a suite may say."""
    output = harness("datasets").stdout
    assert "digits" in output
    assert "needs options" in output
    output = harness("doctor").stdout
    assert "backend numpy: yes" in output
    assert "blas: openblas" in output
    assert "scikit-learn" in output
    schema = json.loads(harness("schema").stdout)
    assert "hidden_layers" in schema["$defs"]["Experiment"]["properties"]


def test_version(harness):
    """Of the distribution."""
    assert harness("--version").stdout.startswith("harness ")


@pytest.mark.slow
def test_an_interrupt_keeps_what_is_done_and_says_that_the_same_command_resumes(typed, tmp_path):
    """Exit code 130; the finished trial's row is there."""
    (tmp_path / "tiny.toml").write_text(TINY)
    command = [sys.executable, "-m", "harness", "run", "tiny.toml", "--set", "experiments.B.epochs=100000"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    row = tmp_path / "runs/tiny/trials/A/seed-1/row.json"
    deadline = time.monotonic() + 60
    try:
        while not (row.exists() and json.loads(row.read_text())["row"]["status"] == "done"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert time.monotonic() - interrupted < 60.0  # B would take minutes
    assert process.returncode == 130
    assert "the same command resumes" in errors
    assert "Traceback" not in errors
    again = typed("plan", "tiny.toml", "--set", "experiments.B.epochs=100000")
    states = {line.split()[0]: line for line in again.out.splitlines() if line}
    assert " measure " in states["A"]
    assert " run " in states["B"]


def test_runs_are_listed_with_state_age_and_size(harness, tmp_path):
    """Complete, incomplete, unreadable; an absent folder is one line."""
    assert "runs: no such folder. 'harness run SUITE' creates runs/" in harness("runs", code=2).stderr
    harness("run", "tiny.toml")
    harness(
        "run",
        "tiny.toml",
        "--only",
        "B",
        "--set",
        "experiments.B.optimizer.learning_rate=1e30",
        "--out",
        "runs/b",
        code=1,
    )
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken/run.json").write_text("{")
    lines = {line.split()[0]: line for line in harness("runs").stdout.splitlines() if line.startswith("runs/")}
    assert re.search(r"tiny +complete: 3 of 3 done +\d+(\.\d)? s ago +0\.\d MB", lines["runs/tiny"])
    assert "incomplete: 0 of 1 done, 1 failed" in lines["runs/b"]
    assert "unreadable: " in lines["runs/broken"]


def test_plan_predicts_probes_and_smokes(harness):
    """Nothing is known of a new machine; some batches tell; one batch of each finds a mistake, exit code 1."""
    assert "predicted: unknown" in harness("plan", "tiny.toml", HARNESS_CACHE_DIR="own").stdout
    output = harness("plan", "tiny.toml", "--probe", HARNESS_CACHE_DIR="own").stdout
    assert re.search(r"predicted: \d+\.\d s for training", output)
    assert re.search(r"C +1 +numpy +1,242 +3 +run +\d\.\d s +\d+ MB", output)
    bad = harness(
        "plan", "tiny.toml", "--smoke", "--set", "experiments.C.optimizer={name='sgd',learning_rate=1e38}", code=1
    )
    assert re.search(r"A +numpy +works", bad.stdout)
    assert re.search(r"C +numpy +failed: diverged at epoch 1", bad.stdout)


def test_why_names_what_differs(harness):
    """Or that the stored row serves; an absent trial is one line."""
    harness("run", "tiny.toml")
    assert harness("why", "tiny.toml", "A").stdout == "A seed 1: its stored row serves, and so do its test results\n"
    output = harness("why", "tiny.toml", "B/1", "--set", "experiments.B.epochs=5").stdout
    assert output == "B seed 1: will be trained again, because its row is stale: epochs was 3, is 5\n"
    assert "B/7: no such seed. Known: 1." in harness("why", "tiny.toml", "B/7", code=2).stderr
    assert "X: no such experiment. Known: A, B, C." in harness("why", "tiny.toml", "X", code=2).stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("harness pl", {"plan", "plugins"}),
        ("harness run t", {"tiny.toml", "tabular"}),
        ("harness run qu", {"quick"}),
        ("harness run tiny.toml --only ", {"A", "B", "C"}),
        ("harness run larger.toml --only ", {"A", "B", "C", "D[epochs=1]", "D[epochs=2]"}),
        ("harness run broken.toml --only ", set()),
        ("harness why tiny.toml B", {"B"}),
        ("harness leaderboard runs/", {"runs/tiny"}),
    ],
)
def test_the_shell_completes_commands_suites_runs_and_experiments(harness, tmp_path, words, expected):
    """As bash asks: no plugin is loaded, nothing is run."""
    (tmp_path / "runs/tiny").mkdir(parents=True)
    (tmp_path / "runs/tiny/run.json").write_text("{}")
    larger = '[suite]\nextends = "tiny.toml"\n[experiments.D]\ngrid = { epochs = [1, 2] }\n'
    (tmp_path / "larger.toml").write_text(larger)
    (tmp_path / "broken.toml").write_text("[experiments")
    position = str(len(words.split(" ")) - 1)
    variables = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": position}
    assert set(harness(**variables).stdout.split()) == expected

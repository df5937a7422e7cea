"""What commands say of several datasets that they cannot use: each reason once, as of a single dataset."""

import json

import pytest

from harness.cli.unusable import say_unusable
from harness.errors import HarnessError
from tests.several_runs import BOTH

FILES = BOTH.replace('name = "wine"', 'name = "files"\ntable = "measure.csv"\nlabel = "class"')


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """Plan in this process: starting another takes longer."""
    monkeypatch.setenv("HARNESS_JOBS", "0")


@pytest.fixture
def suite(tmp_path):
    """Write a suite of iris and a file that is missing; another has a similar name."""
    (tmp_path / "measures.csv").write_text("class\n")
    (tmp_path / "mine.toml").write_text(FILES)
    return tmp_path / "mine.toml"


def test_a_missing_file_is_named_once_with_the_one_beside_it(suite, tmp_path, typed):
    """By plan and run: as of a suite of one dataset, and the others are used."""
    reason = f"mine.toml: dataset 'files': table: {tmp_path}/measure.csv: no such file. Did you mean 'measures.csv'?"
    assert typed("plan", "mine.toml", code=1).err == f"files: cannot be planned: {reason}\n"
    ended = typed("run", "mine.toml", "--seeds", "1", "--jobs", "0", "--quiet", code=1)
    assert ended.err.splitlines()[0] == f"dataset files is left out: {reason}"
    assert ended.err.count("measure.csv") == 1
    assert "No results on files: " in ended.out
    assert "Did you mean 'measures.csv'?." not in ended.out
    assert typed("runs").out.endswith("which 'harness export' and most commands take as one: runs/mine\n\n")
    suite.write_text(FILES.replace('[[datasets]]\nname = "iris"\n', "").replace("[[datasets]]", "[dataset]"))
    assert typed("plan", "mine.toml", code=2).err == f"error: {reason}\n"


def test_what_is_wrong_on_every_dataset_is_said_once(tmp_path, typed):
    """Without a label."""
    (tmp_path / "mine.toml").write_text(BOTH)
    assert typed("why", "mine.toml", "A/7", code=2).err == "error: A/7: no such seed. Known: 1, 2.\n"


def test_other_reasons_on_each_dataset_are_said_with_their_labels(capsys):
    """One of them as the error."""
    reasons = {"iris": HarnessError("too small"), "wine": HarnessError("gone")}
    with pytest.raises(HarnessError, match=r"^iris: too small$"):
        say_unusable(reasons, 2, "cannot be used")
    assert capsys.readouterr().err == "wine: cannot be used: gone\n"


def test_a_model_that_fits_no_vectors_is_unavailable_and_has_no_parameters(tmp_path, typed):
    """On one of several datasets: the plan shows it and is well. Of one dataset alone, it is a mistake."""
    images = '\n[experiments.images]\nmodel = { name = "cnn", channels = [2], dense = [] }\n'
    text = BOTH.replace('"iris"', '"digits"') + images
    (tmp_path / "mine.toml").write_text(text)
    plans = json.loads(typed("plan", "mine.toml", "--only", "images", "-f", "json").out)["plans"]
    trials = [(trial["state"], trial["parameters"]) for plan in plans for trial in plan["trials"]]
    assert trials == [("run", 350), ("run", 350), ("unavailable", None), ("unavailable", None)]
    (row,) = [line for line in typed("plan", "mine.toml", "--seeds", "1").out.splitlines() if "unavailable   " in line]
    assert row.split()[:5] == ["images", "1", "numpy", "unavailable", "mine.toml:"]
    (tmp_path / "mine.toml").write_text(
        text.replace('[[datasets]]\nname = "digits"\n', "").replace("[[datasets]]", "[dataset]")
    )
    error = typed("plan", "mine.toml", code=2).err
    assert error == (
        "error: mine.toml: experiments.images.model.name: cnn takes images, and the dataset has vectors of 13 values. "
        "Choose mlp\n"
    )


def test_a_perturbation_that_a_dataset_does_not_take_is_named_in_the_plan_the_run_and_the_tables(tmp_path, typed):
    """Nothing is missing without a reason: neither a value nor a mean over perturbations."""
    tests = "".join(
        f'[[robustness]]\nperturbation = "{name}"\nseverities = [{severity}]\n'
        for name, severity in (("rotation", 30.0), ("gaussian_noise", 0.2))
    )
    text = BOTH.replace('"wine"', '"digits"') + tests + '[leaderboard]\nbaseline = "A"\n'
    (tmp_path / "mine.toml").write_text(text)
    why = "not tested under 'rotation', which takes images, and dataset 'iris' has vectors of 4 values"
    assert f"{why}\n" in typed("plan", "mine.toml").out
    ran = typed("run", "mine.toml", "--jobs", "0", "--seeds", "1")
    assert f"iris: {why}\n" in ran.err
    shown = json.loads(typed("leaderboard", "runs/mine", "-f", "json").out)
    absent = "No values on iris: it is not tested under rotation"
    mean = shown["datasets-mean-corruption-error"]["note"]
    assert mean.startswith(f"{absent}, and a mean is over two perturbations at least.")
    assert shown["datasets-degradation-rotation"]["note"].startswith(f"{absent}.")
    assert "No values" not in shown["datasets-degradation-gaussian_noise"]["note"]
    assert "No values" not in shown["datasets-accuracy"]["note"]

"""Mistakes of callers of the Python API: a `HarnessError` of one line, the command line's where it has the same."""

import pytest

import harness
from harness.store import locked
from tests.tiny import TINY

SUITE = {"suite": {"name": "x"}, "experiments": {"A": {"hidden_layers": [4]}},
         "defaults": {"optimizer": {"name": "sgd", "learning_rate": 0.1}}}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to a folder with a suite."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.mark.parametrize(
    ("call", "options", "command"),
    [
        (lambda: harness.run("nosuch"), ["run", "nosuch"], "nosuch: no such file, and no suite of that name."),
        (lambda: harness.run("tyni.toml"), ["run", "tyni.toml"], "tyni.toml: no such file. Did you mean 'tiny.toml'?"),
        (
            lambda: harness.run("tiny.toml", overrides={"defaults.epoks": 3}),
            ["run", "tiny.toml", "--set", "defaults.epoks=3"],
            "--set defaults.epoks=3: unknown key 'epoks'. Did you mean 'epochs'?",
        ),
        (
            lambda: harness.run("tiny.toml", only="Z", jobs=0),
            ["run", "tiny.toml", "--only", "Z", "-j0"],
            "--only Z: matches no experiment",
        ),
        (
            lambda: harness.run("tiny.toml", timeout="soon"),
            ["run", "tiny.toml", "--timeout", "soon"],
            "--timeout: 'soon' is not a duration",
        ),
        (lambda: harness.open_run("."), ["leaderboard", "."], ".: there is no run here: run.json is missing"),
        (lambda: harness.runs("none"), ["runs", "none"], "none: no such folder"),
    ],
)
@pytest.mark.usefixtures("here")
def test_errors_are_those_of_the_command_line(typed, call, options, command):
    """Word for word."""
    with pytest.raises(harness.HarnessError) as error:
        call()
    assert str(error.value).startswith(command)
    assert typed(*options, code=2).err == f"error: {error.value}\n"


@pytest.mark.parametrize(
    ("suite", "why"),
    [
        (SUITE | {"sweet": 1}, "mapping: sweet: unknown key 'sweet'"),
        (SUITE | {"experiments": {"A": {"hiden_layers": [4]}}}, "mapping: experiments.A.hiden_layers: unknown key"),
        (SUITE | {"suite": {"name": None}}, "mapping: suite.name: None is not a value of a suite: leave the key out"),
        (SUITE | {"suite": {"name": object()}}, "mapping: suite.name: a value of type object. Use text, numbers"),
        (SUITE | {1: 2}, "mapping: : has a key of type int"),
        (SUITE | {"suite": {"name": "x", "extends": "none.toml"}}, "mapping: suite.extends: none.toml: no such file"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_mapping_with_a_mistake_is_refused_with_its_place(suite, why):
    """As a file's would be."""
    with pytest.raises(harness.HarnessError) as error:
        harness.load_suite(suite)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ({"jobs": -1}, "--jobs -1: not a whole number from 0 to 4096"),
        ({"threads": 0}, "--threads 0: not a whole number from 1 to 4096"),
        ({"seeds": ["one"]}, r"--seeds \['one'\]: not whole numbers. Give a list of them"),
        ({"seeds": [-1]}, "--seeds -1: "),
        ({"overrides": "defaults.epochs=3"}, "overrides 'defaults.epochs=3': give a mapping, or a list of texts"),
        ({"timeout": 0}, "--timeout: '0' is not a duration"),
    ],
)
def test_an_argument_of_another_type_is_refused(here, argument, why):
    """Before anything is written."""
    with pytest.raises(harness.HarnessError, match=why):
        harness.run("tiny.toml", **argument)
    assert not (here / "runs").exists()


def test_a_run_of_another_format_is_refused(here):
    """With the formats that are known."""
    (here / "run").mkdir()
    (here / "run" / "run.json").write_text('{"format": 99}')
    with pytest.raises(harness.HarnessError, match="format 99; this harness reads formats 1 and 2"):
        harness.open_run(here / "run")


@pytest.mark.usefixtures("here")
def test_a_run_that_is_being_written_is_read_and_not_written_to():
    """What is finished is there; a second driver is refused."""
    run = harness.run("tiny.toml", only="A", jobs=0)
    with locked(run.directory):
        assert harness.open_run(run.directory).state == "running: 1 of 1 done"
        assert len(run.measures()) == 3
        with pytest.raises(harness.HarnessError, match="another harness is running here"):
            harness.run("tiny.toml", only="B", jobs=0)


@pytest.mark.usefixtures("here")
def test_what_a_run_lacks_is_named():
    """Experiments, seeds, metrics, perturbations, predictions."""
    run = harness.run("tiny.toml", only="[AB]", jobs=0)
    for call, why in [
        (lambda: run.network("a", 1), "no experiment 'a'. Known: A, B."),
        (lambda: run.predictions("A", 3), "A has no seed 3. Known: 1."),
        (lambda: run.predictions("B", 1), "B/1 has no test predictions: it is no finalist, or not tested yet"),
        (lambda: run.leaderboard("test_acuracy"), "test_acuracy: no such metric. Did you mean 'test_accuracy'"),
        (lambda: run.leaderboard("degradation"), "degradation: it is of perturbed images. Name a perturbation"),
        (lambda: run.leaderboard("test_accuracy", "fog"), "fog: no experiment was measured under it at a severity"),
        (lambda: run.leaderboard("val_loss", "gaussian_noise"), "val_loss: it is not of test rows"),
        (lambda: run.network("A", 1, backend="nunpy"), "unknown backend 'nunpy'. Did you mean 'numpy'"),
        (lambda: harness.compare(run, run).violations("test_accuracy"), "--fail-on test_accuracy: is no limit"),
    ]:
        with pytest.raises(harness.HarnessError) as error:
            call()
        assert why in str(error.value)

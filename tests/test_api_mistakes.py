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
        (SUITE | {"sweet": 1}, "mapping: sweet: unknown key 'sweet'. Known: "),
        (
            {"sweet": {"name": "x"}, "experiments": SUITE["experiments"], "defaults": SUITE["defaults"]},
            "mapping: sweet: unknown key 'sweet'. Did you mean 'suite', which is missing? Known: ",
        ),
        (
            SUITE | {"suite": {"name": "x", "seeds": [1, "2"]}},
            "suite.seeds[1]: '2' is not a whole number. Write seeds = [2]",
        ),
        (SUITE | {"suite": {"name": 5}}, "mapping: suite.name: 5 is not text. Write name = '5'"),
        (
            SUITE | {"defaults": SUITE["defaults"] | {"epochs": 2.5}},
            "mapping: defaults.epochs: 2.5 is not a whole number. Write epochs = 2",
        ),
        (
            SUITE | {"defaults": SUITE["defaults"] | {"batch_norm": "yes"}},
            "mapping: defaults.batch_norm: 'yes' is not true or false. Write batch_norm = true",
        ),
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
        ({"threads": 0}, "--threads 0: not a whole number from 1 to 4096, nor auto"),
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


def test_what_is_in_the_place_of_a_run_is_named(here):
    """Nothing, a file, an empty folder, one of runs, and one of other things."""
    for folder in ("empty", "runs/quick", "runs/quack", "other"):
        (here / folder).mkdir(parents=True)
    for name in ("quick", "quack"):
        (here / "runs" / name / "run.json").write_text("{")
    (here / "other" / "notes.txt").write_text("")
    (here / "run.zip").write_text("")
    for place, why in [
        ("runs/quik", "runs/quik: no such folder. Did you mean 'runs/quick'? 'harness run SUITE' makes a run"),
        ("quick", "quick: no such folder. Did you mean 'runs/quick'? 'harness run SUITE' makes a run"),
        ("nowhere", "nowhere: no such folder. 'harness run SUITE' makes a run"),
        ("tiny.toml", "tiny.toml: it is a file, and a run is a folder. 'harness run SUITE' makes one of a suite"),
        ("run.zip", "run.zip: it is a file, and a run is a folder. 'harness import FILE' unpacks an archive"),
        ("empty", "empty: the folder is empty. 'harness run SUITE --out DIR' makes a run there"),
        ("runs", "runs: there is no run here, but in folders of it: quack, quick. Name one"),
        ("other", "other: there is no run here: run.json is missing. 'harness run SUITE' makes one"),
    ]:
        with pytest.raises(harness.HarnessError) as error:
            harness.open_run(place)
        assert str(error.value) == why


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
        (lambda: harness.compare(run, run).violations("test_accuracy"), "--fail-on test_accuracy: not a limit"),
    ]:
        with pytest.raises(harness.HarnessError) as error:
            call()
        assert why in str(error.value)

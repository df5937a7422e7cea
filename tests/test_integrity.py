"""What a run recorded is verified when it is read: its header, its rows and their places, every array that is shown."""

import json
import shutil

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.execution import run as execution
from harness.report import read, render
from harness.store import Run, listed, read_classes
from tests.report_pages import Page
from tests.report_runs import make_run
from tests.test_verify import figure
from tests.tiny import TINY, run_suite, without_times


@pytest.fixture
def made(tmp_path):
    """Return a run of two experiments and two seeds."""
    return make_run(tmp_path, {"A": "", "B": ""}, seeds=(1, 2), more=figure(value=0.0, tolerance=0.0, source="us"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evaluation.npz", "examples.npz"])
def test_the_arrays_of_another_seed_are_noticed_by_a_report(made, name):
    """They are sound arrays, and not those that the row speaks of: they are left out, by name."""
    path = made.trial_directory("A", 1) / name
    shutil.copy(made.trial_directory("A", 2) / name, path)
    with pytest.raises(HarnessError, match=r"its checksum does not match\. Run the suite again"):
        made.arrays("A", 1, name)
    assert f"{path}: cannot be read: its checksum does not match" in "\n".join(read(made.directory).problems)
    assert "its checksum does not match" in Page(render(read(made.directory))).text


def test_the_validation_of_another_trial_is_not_taken_for_class_sizes(made):
    """Without classes.npz, the first sound confusion matrix tells."""
    (made.directory / "classes.npz").unlink()
    for name in ("A", "B"):
        (made.trial_directory(name, 1) / "validation.npz").write_bytes(b"damaged")
    material = read(made.directory)
    assert "val" not in material.counts
    assert sum("validation.npz: cannot be read" in problem for problem in material.problems) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"test": 200', '"test": 206'),
        ("0.4\n", "0.5\n"),
        ("made, 1,000", "made, 2,000"),
        ('"value": 0.0', '"value": 0.1'),
    ],
    ids=["size", "severity", "title", "expectation"],
)
def test_a_changed_header_is_refused_by_every_reader(made, old, new):
    """Sizes give sampling errors, titles say what was measured: each is covered by the checksum."""
    path = made.directory / "run.json"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    for reader in (Run.open, read):
        with pytest.raises(HarnessError, match="damaged: its checksum does not match its content"):
            reader(made.directory)


@pytest.mark.slow
def test_no_single_character_of_a_header_changes_what_a_run_is(made):
    """600 changes: each is refused in words, or changes nothing."""
    path = made.directory / "run.json"
    text, before = path.read_text(), Run.open(made.directory)
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(600):
        place = int(draw.integers(len(text)))
        path.write_text(text[:place] + chr(draw.integers(32, 127)) + text[place + 1 :])
        try:
            opened = Run.open(made.directory)
        except HarnessError:
            refused += 1
        else:
            assert opened == before
    assert refused > 300


def test_a_header_of_an_earlier_version_has_no_checksum_and_is_read(made):
    """What it lacks is not an error."""
    path = made.directory / "run.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content))
    assert Run.open(made.directory) == made
    assert made.notes()["command"] == ["harness", "run"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("planned", [1], "planned.0: Input should be a valid array, not 1"),
        ("planned", [["Z", 1]], "planned: a trial of the unknown experiment 'Z'"),
        ("planned", [["A", 1], ["A", 1]], "planned: a trial that is there twice"),
        ("planned", [["A", -1]], "planned.0.1: Input should be greater than or equal to 0, not -1"),
        ("planned", [["A", "1"]], "planned.0.1: Input should be a valid integer, not '1'"),
        ("planned", None, "planned: Input should be a valid array, not None"),
        ("dataset", {"name": "digits"}, "dataset.digest: Field required"),
        ("dataset", [], "dataset: Input should be"),
        ("suite", None, "suite: Input should be an object, not None"),
    ],
)
def test_a_header_without_checksum_is_validated_and_hides_no_other_run(made, typed, key, value, message):
    """``harness runs`` names the bad one and lists the others."""
    shutil.copytree(made.directory, made.directory.parent / "other")
    path = made.directory / "run.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content | {key: value}))
    states = {listing.directory.name: listing.state for listing in listed(made.directory.parent)}
    assert states["other"].startswith("complete: 4 of 4 done")
    assert states["run"].startswith("unreadable: run.json: damaged: ")
    assert message in states["run"]
    out = typed("runs", ".").out
    assert "unreadable: run.json: damaged" in out
    assert "complete: 4 of 4 done" in out


def test_negative_sizes_and_huge_numbers_are_damage(made):
    """Whatever is in the file, one line says that it is damaged."""
    path = made.directory / "run.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    for text in (
        json.dumps(content | {"dataset": content["dataset"] | {"sizes": {"test": -1}}}),
        "[" * 100_000,
        '{"format": ' + "1" * 5000 + "}",
        '{"format": true}',
        json.dumps(content | {"suite": content["suite"] | {"expect": [{"relation": "nonsense"}]}}),
    ):
        path.write_text(text)
        with pytest.raises(HarnessError) as caught:
            Run.open(made.directory)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_arrays_of_other_classes_than_the_runs_are_left_out_of_a_report(made):
    """Of a header without a checksum, say."""
    path = made.directory / "run.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content | {"dataset": content["dataset"] | {"class_names": ["a", "b", "c"]}}))
    material = read(made.directory)
    assert not material.closer
    assert "evaluation.npz: is of 4 classes, the run has 3 classes" in material.problems[0]


def test_a_row_in_another_trials_place_is_damage_and_is_made_again(tmp_path, watcher):
    """Copied or moved: the experiment and the seed in the row must be those of its place."""
    text = TINY.replace("epochs = 3", "epochs = 1")
    first, run = run_suite(tmp_path, text, seeds=[1, 2])
    watcher.trained.clear()
    place = run.trial_directory("A", 1)
    shutil.rmtree(place)
    shutil.copytree(run.trial_directory("A", 2), place)
    damage = f"{place / 'row.json'}: is of 'A' seed 2, not of this trial"
    row = next(iter(run.rows()))
    assert (row.status, row.seed) == ("planned", 1)
    assert row.reason == f"its row is damaged and will be made again: {damage}"
    outcome, _ = run_suite(tmp_path, text, seeds=[1, 2])
    assert outcome.damaged == [f"{damage}; the trial is trained again"]
    assert watcher.trained == ["A"]
    assert [without_times(row) for row in outcome.rows] == [without_times(row) for row in first.rows]


def test_a_renamed_trial_folder_is_repaired_by_the_next_run(tmp_path):
    """Even where both experiments mean the same, so that the row would serve but for its name."""
    text = TINY.replace("epochs = 3", "epochs = 1").replace('"[BC]"', '"C"') + "[experiments.D]\n"
    text = text.replace('one = "A"', 'one = "A"\nthree = "D"')
    first, run = run_suite(tmp_path, text)
    places = [run.directory / "trials" / name for name in ("A", "D")]
    shutil.rmtree(places[1])
    places[0].rename(places[1])
    assert [row.status for row in run.rows()] == ["planned", "done", "done", "planned"]
    again, _ = run_suite(tmp_path, text)
    assert [without_times(row) for row in again.rows] == [without_times(row) for row in first.rows]
    assert [bool(row.evaluation) for row in run.rows()] == [bool(row.evaluation) for row in first.rows]


@pytest.mark.parametrize("harm", ["another's", "short", "not a number", "bytes", "one array", "a folder"])
def test_a_damaged_record_of_classes_is_made_again(tmp_path, harm):
    """It is a helper: nothing stops because of it."""
    text = TINY.replace("epochs = 3", "epochs = 1")
    _, run = run_suite(tmp_path, text, only=["A"])
    path = run.directory / "classes.npz"
    with np.load(path) as archive:
        content = {key: archive[key] for key in archive.files}
    path.unlink()
    if harm == "another's":
        np.savez(path, **(content | {"counts": content["counts"] + 1}))
    elif harm == "short":
        np.savez(path, owner=content["owner"], counts=content["counts"][:, :4], glyphs=content["glyphs"])
    elif harm == "not a number":
        np.savez(path, owner=content["owner"], counts=content["counts"].astype(str), glyphs=content["glyphs"])
    elif harm == "one array":
        np.save(path.with_suffix(".npy"), content["counts"])
        path.with_suffix(".npy").rename(path)
    elif harm == "bytes":
        path.write_bytes(b"PK\x03\x04 and no more")
    else:
        path.mkdir()
    assert read_classes(run) is None
    assert read(run.directory).glyphs is None
    if harm != "a folder":
        run_suite(tmp_path, text, only=["A"])
        assert (read_classes(run)["counts"] == content["counts"]).all()


def test_weights_that_change_before_they_are_measured_cost_the_measurement(tmp_path, monkeypatch):
    """The row has their digest; the next run trains again."""
    evaluate_all = execution.evaluate_all

    def after_a_change(*arguments):
        place = tmp_path / "run" / "trials" / "A" / "seed-1" / "state.npz"
        with np.load(place) as archive:
            np.savez(place, **{key: archive[key] * 0 for key in archive.files})
        return evaluate_all(*arguments)

    text = TINY.replace("epochs = 3", "epochs = 1")
    with monkeypatch.context() as patched:
        patched.setattr(execution, "evaluate_all", after_a_change)
        outcome, run = run_suite(tmp_path, text, only=["A"])
    path = (run.trial_directory("A", 1) / "state.npz").absolute()
    (row,) = outcome.rows
    assert row.status == "failed"
    assert row.reason == f"{path}: the trained weights cannot be read: its checksum does not match"
    outcome, _ = run_suite(tmp_path, text, only=["A"])
    assert outcome.all_well
    assert outcome.damaged == [f"{path}: its checksum does not match; the trial is trained again"]

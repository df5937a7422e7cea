"""Names as folders: within what file systems take, apart where they fold case, and found where they were before."""

import shutil

import pytest

from harness.store import Run
from harness.store.names import encoded, folders, located, safe_name
from tests.tiny import TINY, run_suite

CHINESE = "模" * 34
"""34 characters, 102 bytes, 306 percent-encoded."""
NAMES = ["M1", "m1", CHINESE, CHINESE + "型", "x" * 100, "x" * 100 + "y", "é" * 50, "É" * 50, "con", "CON", "nul.txt",
         "com1", "a.", "a", "a ", "A", "..", ".", "%41", "a~b", "../evil", "file\udcff"]  # fmt: skip


def test_folders_of_different_names_differ_and_are_short():
    """Also where case is folded; none begins or ends with what a system drops, or is a device."""
    by_name = folders(NAMES)
    assert len({folder.casefold() for folder in by_name.values()}) == len(NAMES)
    for folder in by_name.values():
        assert len(folder.encode()) <= 120
        assert folder.isascii()
        assert not folder.startswith(".")
        assert not folder.endswith((".", " "))
        assert folder.split(".")[0].lower() not in {"con", "nul", "com1"}
        assert not {"/", "\\", ":", "*"} & set(folder)


def test_a_name_that_was_safe_before_keeps_its_folder():
    """As earlier versions named it."""
    for name in ("M0", "M1a[optimizer.learning_rate=0.1]", "a b", "é", "x" * 100):
        assert safe_name(name) == encoded(name)


@pytest.mark.parametrize(
    ("name", "others", "before"),
    [
        (CHINESE[:20], [], encoded(CHINESE[:20])),
        ("con", [], "con"),
        ("a.", [], "a."),
        ("M1", ["m1"], "M1"),
        ("M1", [], safe_name("M1", apart=True)),
        ("M1", ["m1"], safe_name("M1", apart=True)),
    ],
    ids=["long", "reserved", "dot", "a twin was added", "its twin is gone", "as it is now"],
)
def test_a_folder_that_is_there_is_found(tmp_path, name, others, before):
    """What a suite's other names were, and which version made it, does not matter."""
    (tmp_path / before).mkdir()
    place = located(tmp_path, folders([name, *others]))
    assert place[name] == before
    assert all(place[other] != before for other in others)


def test_where_case_is_folded_one_folder_is_not_shared(tmp_path):
    """An earlier version made one for both: it is of the name that it bears."""
    (tmp_path / "M1").mkdir()
    place = located(tmp_path, folders(["m1", "M1"]))
    assert place["M1"] == "M1"
    assert place["m1"].casefold() != "m1"
    assert located(tmp_path / "none", {"M1": "M1"}) == {"M1": "M1"}


def test_a_name_that_looks_like_anothers_folder_has_its_own(tmp_path):
    """Also before its own is made."""
    names = ["M1", "m1", safe_name("M1", apart=True)]
    by_name = folders(names)
    assert len(set(by_name.values())) == len(names)
    (tmp_path / by_name["M1"]).mkdir()
    assert located(tmp_path, by_name) == by_name


SUITE = TINY.replace("epochs = 3", "epochs = 1").replace(
    "[experiments.A]", f'[experiments."{CHINESE}"]\n[experiments.A]'
)
SUITE = SUITE.replace("[experiments.B]", "[experiments.a]\n[experiments.B]").replace('one = "A"', f'one = "{CHINESE}"')


def test_names_of_many_bytes_and_of_the_same_letters_run_and_are_found_again(tmp_path, watcher):
    """34 Chinese characters passed the plan and stopped the run."""
    only = [CHINESE, "A", "a"]
    outcome, run = run_suite(tmp_path, SUITE, only=only)
    assert outcome.all_well
    places = [path.name for path in (run.directory / "trials").iterdir()]
    assert len({name.casefold() for name in places}) == 3
    assert run_suite(tmp_path, SUITE, only=only)[0].all_well
    assert len(watcher.trained) == 3
    assert [row.status for row in Run.open(run.directory).rows()] == ["done"] * 3


def test_a_run_whose_folders_an_earlier_version_named_is_read_and_resumed(tmp_path, watcher):
    """Nothing is trained again, what is put aside too."""
    only = ["A", "a"]
    _, run = run_suite(tmp_path, SUITE, only=only)
    for name in only:
        shutil.move(run.trial_directory(name, 1).parent, run.directory / "trials" / name)
    assert [row.status for row in Run.open(run.directory).rows()] == ["done"] * 2
    watcher.trained.clear()
    assert run_suite(tmp_path, SUITE, only=only)[0].all_well
    assert watcher.trained == []
    run_suite(tmp_path, SUITE.replace("hidden_layers = [16]", "hidden_layers = [8]"), only=only)
    assert sorted(watcher.trained) == ["A", "a"]
    assert run_suite(tmp_path, SUITE, only=only)[0].all_well
    assert len(watcher.trained) == 2

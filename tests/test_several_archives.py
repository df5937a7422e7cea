"""Runs of several datasets as one archive: they come back as they were; a bad archive leaves nothing behind."""

import json
from dataclasses import replace
from zipfile import ZipFile

import pytest

from harness.store import Member, Several, read_several, write_several
from harness.store.archives import export_run, import_run
from tests.several_runs import run_both
from tests.test_archives import rewritten, rows


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a directory of two datasets that have runs, and of one that could not be used."""
    root = run_both(tmp_path_factory.mktemp("runs") / "both", seeds=(1,))
    several = read_several(root)
    more = Member("files", "files", "files", f"{root}/gone.csv: no such file")
    write_several(root, replace(several, datasets=(*several.datasets, more)))
    (root / "report.html").write_text("a page")
    with (root / "wine" / "trials" / "A" / "seed-1" / "log.txt").open("a") as log:
        log.write(f'  File "{root}/x.py", line 3\n')
    return root


@pytest.fixture(scope="module")
def archive(root):
    """Return the archive of them."""
    export_run(root, root.parent / "both.zip")
    return root.parent / "both.zip"


def test_runs_of_several_datasets_come_back_as_they_were(root, archive, tmp_path):
    """Every row and array, and which datasets they are; pages stay at home."""
    assert import_run(archive, tmp_path / "back") == tmp_path / "back"
    arrays = [path.relative_to(root) for path in sorted(root.rglob("*.npz"))]
    assert len(arrays) > 8
    for path in arrays:
        assert (tmp_path / "back" / path).read_bytes() == (root / path).read_bytes()
    for folder in ("iris", "wine"):
        assert rows(tmp_path / "back" / folder) == rows(root / folder)
    before, after = read_several(root), read_several(tmp_path / "back")
    assert after.datasets[:2] == before.datasets[:2]
    assert after.datasets[2].reason == "…/gone.csv: no such file"
    assert {path.name for path in (tmp_path / "back").iterdir()} == {"datasets.json", "iris", "wine"}


def test_their_archive_has_no_path_of_its_machine_and_equal_runs_give_equal_archives(root, archive, tmp_path):
    """Neither in the header of a run, nor in a log, nor in a reason."""
    export_run(root, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    with ZipFile(archive) as file:
        for name in file.namelist():
            assert str(root.parent).encode() not in file.read(name)
        assert json.loads(file.read("manifest.json"))["run"] == "both"


def test_the_commands_say_on_how_many_datasets_they_are(root, archive, typed, tmp_path):
    """Tables over datasets are the same on both machines."""
    assert typed("export", root).out.startswith("both.zip: ")
    assert (tmp_path / "both.zip").read_bytes() == archive.read_bytes()
    assert typed("import", "both.zip").out == "runs/both: 4 of 4 trials done on 2 datasets\n"
    there, here = (json.loads(typed("leaderboard", place, "-f", "json").out) for place in (root, "runs/both"))
    for table in ("datasets-accuracy", "tests"):
        assert there[table]["rows"] == here[table]["rows"]
    error = typed("import", "both.zip", code=2).err
    assert error == "error: runs/both: is there already, and nothing is overwritten. Name a new one with --out\n"


def test_datasets_without_a_run_are_not_exported(typed, tmp_path):
    """One line, and no archive."""
    (tmp_path / "both").mkdir()
    write_several(tmp_path / "both", Several("both", (Member("iris", "iris", "iris"),)))
    error = typed("export", "both", code=2).err
    assert error == "error: both: no dataset has a run yet. 'harness run SUITE' makes one\n"
    assert {path.name for path in tmp_path.iterdir()} == {"both"}


def test_a_damaged_run_of_one_dataset_exports_none(archive, tmp_path, typed):
    """The file is named, and no archive is left."""
    import_run(archive, tmp_path / "copy")
    (tmp_path / "copy" / "wine" / "trials" / "A" / "seed-1" / "state.npz").write_bytes(b"")
    error = typed("export", "copy", code=2).err
    assert error.startswith("error: copy/wine/trials/A/seed-1/state.npz: its checksum does not match.")
    assert {path.name for path in tmp_path.iterdir()} == {"copy"}


def without(name):
    """Return a change of an archive that lacks a file, also in its manifest."""

    def changed(source, target):
        with ZipFile(source) as file:
            content = {each: file.read(each) for each in file.namelist() if each not in {name, "manifest.json"}}
            manifest = json.loads(file.read("manifest.json"))
        with ZipFile(target.with_suffix(".part"), "w") as file:
            for each, data in content.items():
                file.writestr(each, data)
            file.writestr("manifest.json", json.dumps(manifest))
        rewritten(target.with_suffix(".part"), target)
        target.with_suffix(".part").unlink()

    return changed


def adding(name, content=b"x"):
    """Return a change of an archive that has a file more, or another content of one."""
    return lambda source, target: rewritten(source, target, **{name: content})


NO_DATASETS = Several("both", (Member("other", "other", "other"),))
BAD = {
    "stranger": (adding("setup.py"), "'setup.py' is no file of a run"),
    "beside": (adding("run.json"), "'run.json' is no file of a run"),
    "unknown": (adding("other__run.json"), "'other/run.json' is no file of a run"),
    "deeper": (adding("wine__wine__run.json"), "'wine/wine/run.json' is no file of a run"),
    "parent": (adding("..__wine__run.json"), "leads out of the run's folder"),
    "absolute": (adding("__wine__run.json"), "is an absolute path"),
    "hidden": (adding(".ssh__run.json"), "'.ssh/run.json' is no file of a run"),
    "headless": (without("wine/run.json"), "wine/run.json is missing"),
    "single": (without("datasets.json"), "is no file of a run"),
    "damaged": (adding("datasets.json", b"{}"), "datasets.json is damaged"),
    "header": (adding("wine__run.json", b"{}"), "wine/run.json: format None; this harness reads"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_of_several_datasets_is_one_line_and_leaves_nothing(kind, archive, tmp_path, typed):
    """With exit code 2."""
    make, text = BAD[kind]
    make(archive, tmp_path / "bad.zip")
    error = typed("import", "bad.zip", "--out", "here", code=2).err
    assert error.startswith("error: bad.zip: ")
    assert text in error
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip"}


def test_an_archive_whose_datasets_have_no_run_is_refused(archive, tmp_path, typed):
    """Its folders must be those of ``datasets.json``."""
    (tmp_path / "list").mkdir()
    write_several(tmp_path / "list", NO_DATASETS)
    adding("datasets.json", (tmp_path / "list" / "datasets.json").read_bytes())(archive, tmp_path / "bad.zip")
    error = typed("import", "bad.zip", code=2).err
    assert "bad.zip: it has no run of the datasets in datasets.json. Nothing was written" in error

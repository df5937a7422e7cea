"""A run as one archive: it comes back as it was, without paths of the machine; a bad archive leaves nothing behind."""

import json
import shutil
import stat
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from harness.errors import HarnessError
from harness.machine.files import checksum
from harness.store import Run, archives, locked, packing
from harness.store.archives import export_run, import_run
from harness.store.opening import LOCK
from harness.store.packing import Log, packed_files, without_paths
from tests.tiny import TINY, run_suite

TWO = TINY.replace("epochs = 3", "epochs = 1").replace('two = { best_of = "[BC]" }', "two = 'B'")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the directory of a run, whose header and log have paths of this machine."""
    folder = tmp_path_factory.mktemp("runs")
    _, run = run_suite(folder, TWO)
    run.write_header(
        {
            "command": ["harness", "run", str(folder / "tiny.toml"), f"--out={folder}/run"],
            "suite_file": f"{folder}/tiny.toml",
            "last_started": "2026-01-01T00:00:00+00:00",
        }
    )
    with run.log("A", 1).open("a") as log:
        log.write(f'  File "{folder}/site/x.py", line 3\n')
    (run.directory / "report.html").write_text("a page")
    return run.directory


@pytest.fixture(scope="module")
def archive(run):
    """Return the archive of the run."""
    export_run(run, run.parent / "run.zip")
    return run.parent / "run.zip"


def rows(directory):
    """Return a run's rows."""
    return list(Run.open(directory).rows())


def test_a_run_comes_back_as_it_was(run, archive, tmp_path):
    """Rows, arrays and what the run is; pages and locks stay at home."""
    assert import_run(archive, tmp_path / "back") == tmp_path / "back"
    assert rows(tmp_path / "back") == rows(run)
    for path in run.rglob("*.npz"):
        assert (tmp_path / "back" / path.relative_to(run)).read_bytes() == path.read_bytes()
    assert not (tmp_path / "back" / "report.html").exists()
    assert Run.open(tmp_path / "back").suite == Run.open(run).suite


def test_an_archive_has_no_path_of_its_machine_and_equal_runs_give_equal_archives(run, archive, tmp_path):
    """Neither in names nor in texts."""
    export_run(run, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    with ZipFile(archive) as file:
        assert "manifest.json" in file.namelist()
        for name in file.namelist():
            assert not name.startswith("/")
            assert str(run.parent).encode() not in file.read(name)
        assert b'File "\xe2\x80\xa6/x.py", line 3' in file.read("trials/A/seed-1/log.txt")
        header = json.loads(file.read("run.json"))
    assert header["command"] == ["harness", "run", "tiny.toml", "--out=run"]


def rewritten(archive, target, change=None, **replaced):
    """Copy an archive with other members, whose manifest is right but for what ``change`` makes of it."""
    with ZipFile(archive) as source:
        content = {name: source.read(name) for name in source.namelist()}
    manifest = json.loads(content.pop("manifest.json"))
    content |= {name.replace("__", "/"): data for name, data in replaced.items()}
    manifest["files"] = {
        name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in content.items()
    }
    if change:
        change(manifest)
    body = {"run": manifest["run"], "files": manifest["files"]}
    manifest["checksum"] = checksum(body)
    with ZipFile(target, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
        file.writestr("manifest.json", json.dumps(manifest))
    return target


def linked(archive, target):
    """Copy an archive with a member that is a link."""
    with ZipFile(archive) as source, ZipFile(target, "w") as file:
        for name in source.namelist():
            member = ZipInfo(name)
            if name.endswith("log.txt"):
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(member, source.read(name))
    return target


def packed_by(method):
    """Return a function that copies an archive whose last member says that another method has compressed it."""

    def copied(archive, target):
        content = bytearray(archive.read_bytes())
        place = content.rindex(b"PK\x01\x02") + 10
        content[place : place + 2] = method.to_bytes(2, "little")
        target.write_bytes(content)
        return target

    return copied


def cut(archive, target):
    """Copy half of an archive."""
    target.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    return target


def flipped(archive, target):
    """Copy an archive with other bytes in the middle, where an array is."""
    content = bytearray(archive.read_bytes())
    place = content.index(b"state.npz") + 400
    content[place : place + 8] = bytes(8)
    target.write_bytes(content)
    return target


def larger(manifest):
    """Say that a file is larger."""
    manifest["files"]["classes.npz"]["bytes"] += 1


def huge(manifest):
    """Say that a file has more bytes than any disk."""
    manifest["files"]["classes.npz"]["bytes"] = 1 << 60


BAD = {
    "absolute": (lambda a, t: rewritten(a, t, __etc__passwd=b"x"), "'/etc/passwd' is an absolute path"),
    "drive": (lambda a, t: rewritten(a, t, **{"C:\\x": b"x"}), "is an absolute path"),
    "parent": (lambda a, t: rewritten(a, t, **{"trials__..__..__..__x": b"x"}), "leads out of the run's folder"),
    "stranger": (lambda a, t: rewritten(a, t, **{"setup.py": b"x"}), "'setup.py' is no file of a run"),
    "case": (lambda a, t: rewritten(a, t, **{"trials__a__seed-1__log.txt": b"x"}), "two of its files have the same"),
    "link": (linked, "is a link"),
    "bzip2": (packed_by(12), "'manifest.json' is compressed in another way than by deflate"),
    "lzma": (packed_by(14), "'manifest.json' is compressed in another way than by deflate"),
    "cut": (cut, "damaged, or not an archive that 'harness export' wrote"),
    "flipped": (flipped, "damaged"),
    "larger": (lambda a, t: rewritten(a, t, larger), "is not of the size that the manifest says"),
    "huge": (lambda a, t: rewritten(a, t, huge), "manifest.json: files.classes.npz.bytes"),
    "name": (lambda a, t: rewritten(a, t, lambda m: m.update(run="../x")), "which is no folder's name"),
    "missing": (lambda a, t: rewritten(a, t, lambda m: m["files"].pop("classes.npz")), "manifest and its files differ"),
    "header": (lambda a, t: rewritten(a, t, **{"run.json": b"{}"}), "run.json: format None; this harness reads"),
    "text": (lambda _, t: t.write_text("a letter") and t, "damaged, or not an archive"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_is_one_line_and_leaves_nothing(kind, archive, tmp_path, typed):
    """With exit code 2; neither a run nor a part of one is there."""
    make, text = BAD[kind]
    path = make(archive, tmp_path / "bad.zip")
    error = typed("import", path.name, "--out", "here", code=2).err
    assert error.startswith("error: bad.zip: ")
    assert text in error
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"bad.zip"}


def test_an_archive_that_has_no_room_is_refused_before_anything_is_written(archive, tmp_path, monkeypatch):
    """It says how much it needs."""
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(HarnessError, match=r"run.zip: has [\d,]+ bytes of files, and 10 are free in"):
        import_run(archive, tmp_path / "here")
    assert not list(tmp_path.iterdir())


def test_the_commands_say_what_they_wrote_and_overwrite_nothing(run, archive, typed):
    """The names are RUN.zip and runs/RUN where none is given."""
    assert "run.zip: " in typed("export", run).out
    assert "runs/run: 3 of 3 trials done" in typed("import", "run.zip").out
    for arguments, target in ((["export", run], "run.zip"), (["import", "run.zip"], "runs/run")):
        error = typed(*arguments, code=2).err
        assert error == f"error: {target}: is there already, and nothing is overwritten. Name a new one with --out\n"
    assert typed("import", archive, "--out", "x/y").out.startswith("x/y: 3 of 3")
    assert "nowhere: no such folder" in typed("export", "nowhere", "-o", "y.zip", code=2).err
    assert "nofile.zip: cannot be read: No such file" in typed("import", "nofile.zip", code=2).err


def test_files_are_packed_from_where_they_are(run):
    """Block by block; what is read whole is what harness itself reads whole: the header and rows."""
    packed = dict(packed_files(Run.open(run)))
    assert len(packed) > 9
    for name, content in packed.items():
        kind = {".npz": Path, ".txt": Log, ".json": bytes}[Path(name).suffix]
        assert isinstance(content, kind)
        assert kind is bytes or getattr(content, "path", content) == run / name


@pytest.mark.parametrize("block", [40, 41, 57, 200])
def test_a_log_is_packed_in_blocks_as_if_it_were_whole(tmp_path, monkeypatch, block):
    """No path is cut, whatever is around it; bytes that are no text stay visible, line ends stay as they are."""
    monkeypatch.setattr(packing, "_BLOCK", block)
    odd = b"C:\\Users\\ada\\y.py;\xff\xfe /a/b:/c/d\n"
    content = b"".join([b'File "/home/ada/x.py", line 3\r\n', odd, "é/ü /ö/ä\n".encode(), b"5 m/s "] * 9)
    (tmp_path / "log.txt").write_bytes(content)
    whole = without_paths(content.decode("utf-8", "backslashreplace")).encode()
    assert b"".join(Log(tmp_path / "log.txt").blocks()) == whole
    assert b"ada" not in whole


def test_a_damaged_run_is_not_exported(run, tmp_path):
    """The file is named, and no archive is left."""
    import_run(run.parent / "run.zip", tmp_path / "copy")
    (tmp_path / "copy" / "trials" / "A" / "seed-1" / "state.npz").write_bytes(b"")
    with pytest.raises(HarnessError, match=r"state.npz: its checksum does not match. Run the suite again"):
        export_run(tmp_path / "copy", tmp_path / "copy.zip")
    assert {path.name for path in tmp_path.iterdir()} == {"copy"}


@pytest.mark.parametrize("kind", [Path, Log])
def test_a_file_that_cannot_be_read_is_named_and_no_archive_is_left(run, tmp_path, monkeypatch, kind):
    """It, and not the archive, is what is wrong: it went after it was found, or the disk fails in the middle."""
    gone = tmp_path / "gone"
    monkeypatch.setattr(archives, "packed_files", lambda _run: [("run.json", b"{}"), ("sums.npz", kind(gone))])
    for failure in ("No such file or directory", "is not a regular file"):
        with pytest.raises(HarnessError) as error:
            export_run(run, tmp_path / "x.zip")
        assert str(error.value) == f"{gone}: cannot be read: {failure}. Nothing was exported"
        gone.mkdir(exist_ok=True)
    assert [path.name for path in tmp_path.iterdir()] == ["gone"]


def test_an_export_overwrites_no_file_beside_its_archive(run, tmp_path):
    """Whatever it is called; nor another that appeared meanwhile."""
    beside = tmp_path / ".x.zip.part"
    beside.write_text("mine")
    export_run(run, tmp_path / "x.zip")
    assert beside.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {".x.zip.part", "x.zip"}


def test_a_run_that_a_driver_writes_is_not_exported(run, tmp_path, typed):
    """One line and exit code 2: what it writes next may be half in the archive. Nothing is left."""
    with locked(run):
        error = typed("export", run, code=2).err
    assert error == f"error: {run}: harness is at work on this run. Export it when that has ended\n"
    assert not list(tmp_path.iterdir())
    assert typed("export", run).out.startswith("run.zip: ")


def test_a_run_without_a_lock_has_none_after_its_export(run, archive, tmp_path):
    """Nor is a link taken for one."""
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / LOCK).unlink()
    export_run(copy, tmp_path / "one.zip")
    assert not (copy / LOCK).exists()
    (copy / LOCK).symlink_to(tmp_path / "one.zip")
    export_run(copy, tmp_path / "two.zip")
    assert {(tmp_path / name).read_bytes() for name in ("one.zip", "two.zip")} == {archive.read_bytes()}

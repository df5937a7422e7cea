"""The download: from a server of the test's own, with every answer that is not the archive."""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.datasets.cache import materialise
from harness.datasets.downloads import LOG, Transfer
from harness.datasets.emnist import download
from harness.datasets.emnist.dataset import ByMerge
from harness.errors import HarnessError
from harness.machine.cache import cache_root
from harness.text import megabytes
from tests.emnist_server import Server, by_hand
from tests.test_interruption import mounted

PAGE = b"<!DOCTYPE html><html><body>The site is being moved</body></html>"


def test_fetch_downloads_checks_and_keeps(tiny, server, command):
    """The second time nothing is downloaded; the images are read out of the archive."""
    done = command("datasets", "fetch", "emnist-bymerge")
    size = megabytes(download.ARCHIVE.size)
    assert done.out == f"emnist-bymerge: {download.archive_path()}, {size}, checksums verified\n"
    command("datasets", "fetch", "emnist-bymerge")
    assert server.requests == 1
    assert "checksums" in command("datasets").out
    entry = materialise("emnist-bymerge", {}, ByMerge(), cache_root())
    assert np.array_equal(entry.open().features, tiny.images)
    assert entry.info.checked == "checksums"
    assert sorted(path.name for path in download.archive_path().parent.iterdir() if path.suffix != ".lock") == [
        "gzip.zip"
    ]


DOWNLOAD = ("datasets", "describe", "emnist-bymerge", "--download")


def test_the_first_use_downloads(server, command):
    """And a set that is in the cache needs the archive no more."""
    assert "EMNIST ByMerge, 300 images" in command(*DOWNLOAD).out
    assert server.requests == 1
    download.archive_path().unlink()
    assert "EMNIST ByMerge, 300 images" in command("plan", "suite.toml").out
    assert server.requests == 1


PLANS = (["plan", "suite.toml"], ["plan", "suite.toml", "--probe", "--smoke"], ["why", "suite.toml", "A"])


@pytest.mark.usefixtures("tiny")
def test_a_plan_downloads_nothing(server, command):
    """One line says what a download takes, and which command makes it; so does Python."""
    archive = f"the archive of all variants, {megabytes(download.ARCHIVE.size)}, from {server.url}"
    fetch = "'harness datasets fetch emnist-bymerge'"
    problem = f"suite.toml: dataset 'emnist-bymerge': is not here. {fetch} downloads {archive}"
    for words in PLANS:
        printed = command(*words, code=2)
        assert (printed.out, printed.err) == ("", f"error: {problem}\n")
    with pytest.raises(HarnessError, match=re.escape(problem)):
        harness.plan("suite.toml")
    assert server.requests == 0
    command("datasets", "fetch", "emnist-bymerge")
    assert "EMNIST ByMerge, 300 images" in command("plan", "suite.toml").out


@pytest.mark.usefixtures("tiny")
def test_a_plan_of_several_datasets_says_which_is_not_here(server, command):
    """The others are planned, with exit code 1."""
    suite = Path("suite.toml").read_text()
    several = re.sub(r"\[dataset\]\nname = .*", "", suite)
    Path("several.toml").write_text(
        f'{several}\n[[datasets]]\nname = "digits"\n[[datasets]]\nname = "emnist-bymerge"\n'
    )
    printed = command("plan", "several.toml", code=1)
    assert "dataset digits, " in printed.out
    assert "emnist-bymerge: cannot be planned: several.toml: dataset 'emnist-bymerge': is not here. " in printed.err
    assert server.requests == 0


@pytest.mark.usefixtures("official")
def test_a_plan_downloads_no_better_archive_than_the_one_in_the_cache(server, official, command):
    """One that is cut off is reported, with what would do."""
    path = download.archive_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(official[:-1])
    size = f"{len(official) - 1:,} bytes, and the official archive has {len(official):,}"
    output = command("plan", "suite.toml", code=2).err
    assert f"{path}: {size}. 'harness datasets fetch' downloads it again\n" in output
    assert server.requests == 0


ANSWERS = {
    "a page": (
        lambda _: (200, len(PAGE), PAGE),
        "answers with 64 bytes that begin with '<!DOCTYPE html><html', no zip",
    ),
    "no such page": (lambda _: (404, len(PAGE), PAGE), "404 Client Error: Not Found"),
    "a server that is ill": (lambda _: (503, 0, b""), "503 Server Error: Service Unavailable"),
    "nothing": (lambda _: (200, 0, b""), "answers with 0 bytes that begin with nothing, no zip archive"),
    "cut short": (lambda zip_: (200, len(zip_), zip_[:-100]), "the answer breaks off (ChunkedEncodingError)"),
    "cut short, unannounced": (lambda zip_: (200, None, zip_[:-100]), "not the official archive: "),
    "a flipped byte": (
        lambda zip_: (200, len(zip_), zip_[:200] + bytes([zip_[200] ^ 1]) + zip_[201:]),
        "not the official archive: ",
    ),
    "a length that is none": (lambda zip_: (200, "much", zip_), "the answer makes no sense (ValueError)"),
    "two lengths": (lambda zip_: (200, "5, 6", zip_), "the answer makes no sense (InvalidHeader)"),
    "without end": (lambda zip_: (200, None, zip_ + bytes(2_000_000)), "answers with more than the archive's "),
}


@pytest.mark.slow
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_not_the_archive_is_refused_and_the_next_attempt_works(server, official, command, answer):
    """Exit code 2 and one line with the address, what came, and how to do it by hand; no part of it stays."""
    make, message = ANSWERS[answer]
    server.answer = make(official)
    errors = command("datasets", "fetch", "emnist-bymerge", code=2).err
    (line,) = [line for line in errors.splitlines(keepends=True) if line.startswith("error: ")]
    assert line.startswith(f"error: dataset 'emnist-bymerge': {server.url}: {message}")
    assert line.endswith(by_hand())
    assert [path.name for path in download.archive_path().parent.iterdir() if path.suffix != ".lock"] == []
    server.answer = (200, len(official), official)
    command("datasets", "fetch", "emnist-bymerge")
    assert download.archive_path().read_bytes() == official


def test_mirrors_are_tried_in_order(server, official, command, monkeypatch):
    """The first that has the archive serves."""
    first = Server(PAGE)
    nowhere = "http://127.0.0.1:9/gzip.zip"
    monkeypatch.setattr(download, "ARCHIVE", replace(download.ARCHIVE, urls=(nowhere, first.url, server.url)))
    command("datasets", "fetch", "emnist-bymerge")
    assert (first.requests, server.requests) == (1, 1)
    assert download.archive_path().read_bytes() == official
    first.close()


@pytest.mark.usefixtures("tiny")
def test_offline_a_line_says_what_to_fetch_where_and_where_to_put_it(command):
    """Its address, size, checksum and place; the archive that is put there serves."""
    output = command(*DOWNLOAD, code=2).err.splitlines(keepends=True)[-1]
    place = "error: dataset 'emnist-bymerge': http://127.0.0.1:9/gzip.zip: cannot be reached"
    assert output == f"{place} (ConnectionError). {by_hand()}"
    official = Path("official/gzip.zip").read_bytes()
    download.archive_path().write_bytes(official)
    command("plan", "suite.toml")


def test_a_damaged_archive_in_the_cache_is_downloaded_again(server, official, command):
    """And what a killed download left is removed, but nothing that somebody else put there."""
    path = download.archive_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(official[:-1] + b"?")
    (path.parent / "tmpkilled").write_bytes(official[:100])
    (path.parent / "gzip").mkdir()
    (path.parent / "notes.txt").write_text("mine")
    command(*DOWNLOAD)
    assert server.requests == 1
    assert path.read_bytes() == official
    assert {other.name for other in path.parent.iterdir()} - {"gzip.lock"} == {"gzip.zip", "gzip", "notes.txt"}


def test_a_damaged_archive_in_the_cache_is_reported_when_no_mirror_has_a_better_one(server, official, command):
    """A user who put it there would look for the fault in the network; it is kept."""
    path = download.archive_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(official[:-1])
    server.answer = (404, 0, b"")
    output = command("datasets", "fetch", "emnist-bymerge", code=2).err.splitlines(keepends=True)[-1]
    checksum = md5(official[:-1], usedforsecurity=False).hexdigest()
    problem = f"not the official archive: {len(official) - 1:,} bytes, md5 {checksum}"
    assert output.startswith(f"error: dataset 'emnist-bymerge': {path}: {problem}; {server.url}: 404 Client Error: ")
    assert output.endswith(by_hand())
    assert path.read_bytes() == official[:-1]


def test_how_far_it_is_is_reported_and_nothing_printed(server, official, caplog, capsys):
    """From a start to an end, whatever the answer; the bytes in between."""
    caplog.set_level("DEBUG", LOG.name)
    download.fetch()
    transfers = [record.transfer for record in caplog.records if hasattr(record, "transfer")]
    assert transfers[0] == Transfer(server.url, 0, None, over=False)
    assert [transfer.over for transfer in transfers] == [False] * (len(transfers) - 1) + [True]
    assert {transfer.total for transfer in transfers[1:-1]} == {len(official)}
    assert max(transfer.done for transfer in transfers) >= len(official)  # pooch counts whole chunks
    assert capsys.readouterr() == ("", "")
    caplog.clear()
    download.archive_path().unlink()
    server.answer = (404, 0, b"")
    with pytest.raises(HarnessError, match="404 Client Error"):
        download.fetch()
    assert [record.transfer.over for record in caplog.records if hasattr(record, "transfer")] == [False, True]


def test_two_downloads_at_once_make_one(server, official, caplog):
    """The second says that it waits, and takes what the first brought."""
    caplog.set_level("INFO", LOG.name)
    server.may_go_on.clear()
    with ThreadPoolExecutor() as threads:
        both = [threads.submit(download.fetch) for _ in range(2)]
        deadline = time.monotonic() + 30
        while "waiting for another process that downloads to" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.may_go_on.set()
        assert [future.result(60).read_bytes() for future in both] == [official] * 2
    assert server.requests == 1


def test_an_archive_with_a_way_out_is_refused_though_its_checksum_is_right(
    tiny, server, tmp_path, command, monkeypatch
):
    """Nothing is written outside; such an archive cannot be the official one."""
    evil = tiny.archive(tmp_path / "evil.zip", **{"../../../evil": b"evil"}).read_bytes()
    server.answer = (200, len(evil), evil)
    archive = replace(download.ARCHIVE, size=len(evil), md5=md5(evil, usedforsecurity=False).hexdigest())
    monkeypatch.setattr(download, "ARCHIVE", archive)
    output = command("datasets", "fetch", "emnist-bymerge", code=2).err
    assert "holds '../../../evil', which would leave its folder: not the official archive. Remove it" in output
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.usefixtures("tiny")
def test_what_needs_no_download_says_so(command):
    """And an unknown name is answered with the known ones."""
    output = command("datasets", "fetch", "digits", code=2).err
    assert output == "error: dataset 'digits': has nothing to download\n"
    assert "Did you mean 'emnist-letters'?" in command("datasets", "fetch", "emnist-leters", code=2).err


CACHING = """
import sys
from pathlib import Path
import numpy as np
from harness.datasets.cache import materialise
from harness.machine.cache import cache_root
from harness.text import megabytes
from harness.datasets.files import Files
from harness.errors import HarnessError

try:
    entry = materialise("files", {}, Files(images=Path("images.npy"), labels=Path("labels.npy")), cache_root())
except HarnessError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
print(entry.info.title)
"""


@pytest.mark.slow
def test_a_full_disk_while_caching_is_one_line_and_the_next_attempt_works(tmp_path):
    """How much it takes is said, and nothing half written stays to fill the disk."""
    np.save(tmp_path / "images.npy", np.full((4000, 28, 28), 255, dtype=np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(4000) % 3)
    (tmp_path / "caching.py").write_text(CACHING)
    run = f"HARNESS_CACHE_DIR=disk {sys.executable} caching.py"
    done = mounted(
        tmp_path,
        f"""mount -t tmpfs -o size=1m tmpfs disk
        {run}; echo "code $?"; ls -A disk/datasets; echo listed
        mount -o remount,size=20m disk
        {run}; echo "code $?" """,
    )
    message = (
        "the disk is full: files takes 3.2 MB there. Free some space, or name another place with HARNESS_CACHE_DIR"
    )
    assert done.stderr == f"error: {tmp_path / 'disk'}: {message}\n"
    assert done.stdout == "code 2\nlisted\nfiles, 4,000 images, values 255 … 255 on the scale 0 … 255\ncode 0\n"


DOWNLOADING = """
import sys
from dataclasses import replace
from harness.datasets.emnist import download
from harness.errors import HarnessError

download.ARCHIVE = replace(download.ARCHIVE, urls=(sys.argv[1],), size=3_000_000)
try:
    download.fetch()
except HarnessError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
"""


@pytest.mark.slow
def test_a_full_disk_while_downloading_is_one_line(tmp_path):
    """And no part of the archive stays."""
    serving = Server(b"PK" + bytes(3_000_000 - 2))
    (tmp_path / "downloading.py").write_text(DOWNLOADING)
    run = f"HARNESS_CACHE_DIR=disk {sys.executable} downloading.py {serving.url}"
    done = mounted(
        tmp_path, f"mount -t tmpfs -o size=1m tmpfs disk\n{run}; echo code $?; ls disk/downloads/emnist; echo listed"
    )
    serving.close()
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    message = "the disk is full: the archive takes 3 MB. Name another cache with HARNESS_CACHE_DIR"
    assert line == f"error: {tmp_path / 'disk/downloads/emnist'}: {message}"
    assert "Traceback" not in done.stderr
    assert done.stdout == "code 2\ngzip.lock\nlisted\n"


@pytest.mark.network
def test_the_real_archive_downloads_and_its_checksum_holds(tmp_path):
    """562 MB from NIST."""
    subprocess.run(
        [sys.executable, "-m", "harness", "datasets", "fetch", "emnist-bymerge"],
        env=os.environ | {"HARNESS_CACHE_DIR": str(tmp_path)}, check=True,
    )  # fmt: skip

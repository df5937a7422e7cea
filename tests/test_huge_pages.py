"""Huge pages: who gets them, whose settings count, and that rows say it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.execution.pools import InProcess
from harness.machine import pages
from harness.machine.children import python
from harness.machine.pages import huge_pages, with_huge_pages
from harness.metrics.comparability import machines
from harness.plugins.loading import registry
from tests.made_results import compare_runs
from tests.report_runs import make_run
from tests.tiny import TINY, run_suite

ASKED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return what makes this machine another: its system, C library, mode of huge pages, and the process's status."""

    def changed(mode="always [madvise] never", *, library="glibc 2.36", system="linux", status="Name:\tpython\n"):
        (tmp_path / "status").write_text(status)
        if mode is not None:
            (tmp_path / "enabled").write_text(f"{mode}\n")
        monkeypatch.setattr(pages, "_MODES", tmp_path / "enabled")
        monkeypatch.setattr(pages, "_STATUS", tmp_path / "status")
        monkeypatch.setattr(sys, "platform", system)

        def confstr(name):
            assert name == "CS_GNU_LIBC_VERSION"
            if library is None:
                raise ValueError("unrecognized configuration name")
            return library

        monkeypatch.setattr(os, "confstr", confstr)

    return changed


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, "glibc.malloc.hugetlb=1"),
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.arena_max=1", "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
        ("glibc.malloc.check=1:glibc.malloc.hugetlb=2", "glibc.malloc.check=1:glibc.malloc.hugetlb=2"),
        ("glibc.malloc.hugetlbfs=1", "glibc.malloc.hugetlb=1:glibc.malloc.hugetlbfs=1"),
        ("no setting at all", "glibc.malloc.hugetlb=1:no setting at all"),
    ],
)
def test_a_users_settings_of_glibc_are_kept(own, expected):
    """The one of pages is added where there is none; --no-tune adds nothing, and removes nothing."""
    variables = {"PATH": "/bin"} | ({} if own is None else {"GLIBC_TUNABLES": own})
    assert with_huge_pages(variables) == variables | {"GLIBC_TUNABLES": expected}
    quiet = variables | {"HARNESS_NO_TUNE": "1"}
    assert with_huge_pages(quiet) == quiet


@pytest.mark.parametrize(
    ("about", "asking", "plain"),
    [
        ({}, "yes", "no"),
        ({"mode": "[always] madvise never"}, "yes", "yes"),
        ({"mode": "always madvise [never]"}, "no", "no"),
        ({"library": "glibc 2.35"}, "yes", "no"),
        ({"library": "glibc 2.40.9000"}, "yes", "no"),
        ({"library": "glibc 2.34"}, "no", "no"),
        ({"library": "glibc 2.34", "mode": "[always] madvise never"}, "yes", "yes"),
        ({"library": None}, "no", "no"),  # musl
        ({"library": None, "mode": "[always] madvise never"}, "yes", "yes"),
        ({"status": "Name:\tpython\nTHP_enabled:\t0\n", "mode": "[always] madvise never"}, "no", "no"),
        ({"status": "Name:\tpython\nTHP_enabled:\t1\n"}, "yes", "no"),
        ({"mode": None}, None, None),
        ({"system": "darwin"}, None, None),
        ({"system": "win32"}, None, None),
    ],
    ids=str,
)
def test_whether_a_process_gets_them_is_linuxs_and_glibcs_to_say(machine, about, asking, plain):
    """Of a process that asks, and of one that does not; nothing is said where it is not known."""
    machine(**about)
    for variables, expected in (
        (ASKED, asking),
        ({}, plain),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, plain),
    ):
        assert huge_pages(variables) == ({} if expected is None else {"huge_pages": expected})


def test_reserved_pages_are_a_users_choice_which_rows_name(machine):
    """Whether there are any, Linux alone knows; a glibc that has no such setting ignores it."""
    machine("always madvise [never]")
    chosen = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.hugetlb=2"}
    assert huge_pages(chosen) == {"huge_pages": "glibc.malloc.hugetlb=2"}
    machine(library="glibc 2.31")
    assert huge_pages(chosen) == {"huge_pages": "no"}


_PROGRAM = """
import re
from harness.machine.pages import huge_pages
block = bytearray(64 << 20)
maps = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", open("/proc/self/smaps").read(), flags=re.MULTILINE)
sizes = {int(size[1]): re.search(r"VmFlags:(.*)", each)[1].split() for each in maps
         if (size := re.search(r"^Size:\\s*(\\d+) kB", each, re.MULTILINE))}
print(huge_pages()["huge_pages"], "yes" if "hg" in sizes[max(s for s in sizes if s < 80 << 10)] else "no")
"""


def _advises() -> bool:
    try:
        asked = "[madvise]" in pages._MODES.read_text() and "VmFlags" in Path("/proc/self/smaps").read_text()
    except OSError:
        return False
    return asked and not pages._turned_off()


@pytest.mark.skipif(not (_advises() and pages._has_setting()), reason="Linux gives huge pages to all or none here")
@pytest.mark.parametrize("tuned", [True, False])
def test_what_is_said_is_what_linux_was_asked_for(tuned, monkeypatch):
    """A large block is marked for huge pages (``hg``) in a process that says so, and in no other."""
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.delenv("HARNESS_NO_TUNE", raising=False)
    variables = with_huge_pages(os.environ) if tuned else dict(os.environ)
    done = subprocess.run(python(_PROGRAM), env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["yes", "yes"] if tuned else ["no", "no"])


def test_rows_say_it_of_training_and_tests(machine, tmp_path, monkeypatch):
    """As they say threads; where it is not known they have no such key."""
    for folder, mode, expected in (("a", "[always] madvise never", "yes"), ("b", None, None)):
        (tmp_path / folder).mkdir()
        machine(mode)
        if mode is None:
            monkeypatch.setattr(pages, "_MODES", tmp_path / "nothing")
        text = TINY.replace("epochs = 3", "epochs = 1")
        _, run = run_suite(tmp_path / folder, text, only=["A"], pool=InProcess(registry()))
        (row,) = run.rows()
        assert [row.environment.get("huge_pages"), row.evaluation.environment.get("huge_pages")] == [expected] * 2


def test_compare_names_pages_that_differ_and_still_compares_times(tmp_path):
    """Like the BLAS they may explain a difference of speed; an earlier version's rows say nothing of them."""
    for name in "ab":
        (tmp_path / name).mkdir()
    first, second = (make_run(tmp_path / name, {"A": ""}) for name in "ab")
    (row,) = first.rows()
    now = replace(row, environment=row.environment | {"huge_pages": "yes"})
    second.write(now)
    assert compare_runs(first, second).environment == [("huge_pages", "none", "yes")]
    assert len(machines([row, now])) == 1

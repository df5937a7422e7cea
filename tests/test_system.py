"""What psutil says of this process and this machine, as rows and tables take it, on every system."""

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from harness.datasets.memory import available_bytes
from harness.machine.contention import busy
from harness.machine.host import anonymous_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")
def test_anonymous_memory_is_what_linux_calls_so():
    """As rows have had it before: resident memory without files, mapped or shared."""
    lines = Path("/proc/self/status").read_text().splitlines()
    anonymous = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
    assert anonymous_bytes() == pytest.approx(anonymous, rel=0.1)


@pytest.mark.parametrize(
    ("memory", "expected"),
    [({"rss": 90, "shared": 30}, 60), ({"rss": 90, "private": 70}, 70), ({"rss": 90}, 90)],
    ids=["Linux", "Windows", "macOS"],
)
def test_other_systems_say_what_is_nearest(monkeypatch, memory, expected):
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(**memory))
    monkeypatch.setattr(psutil, "Process", lambda: process)
    assert anonymous_bytes() == expected


def test_cores_that_idle_or_wait_for_a_disk_do_not_work(monkeypatch):
    """A guest's time is in its user's."""
    times = SimpleNamespace(user=5.0, nice=1.0, system=2.0, idle=100.0, iowait=10.0, steal=0.5, guest=3.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda: times)
    assert busy() == 8.5


def test_what_the_system_does_not_say_is_unknown(monkeypatch):
    """It ends nothing."""

    def refuse(*_arguments):
        raise psutil.AccessDenied

    for name in ("Process", "cpu_times", "virtual_memory"):
        monkeypatch.setattr(psutil, name, refuse)
    assert anonymous_bytes() is None
    assert busy() is None
    assert available_bytes() > 0

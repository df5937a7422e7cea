"""The cores that a process may use: a container's CPU quota counts."""

import pytest

from harness.machine import host
from harness.machine.cgroups import cpu_quota


@pytest.fixture
def quota(tmp_path):
    """Return a function that writes a tree of groups, by file, and reads the quota of a process in it."""

    def read(membership, files):
        (tmp_path / "self").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return cpu_quota(tmp_path / "cgroup", tmp_path / "self")

    return read


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2.0),
        ("0::/a/b\n", {"a/cpu.max": "400000 100000", "a/b/cpu.max": "50000 100000"}, 0.5),
        ("0::/outside/name\n", {"cpu.max": "300000 100000"}, 3.0),
        ("0::/../other\n", {"cpu.max": "300000 100000"}, 3.0),
        ("4:cpu,x:/\n", {"cpu,x/cpu.cfs_quota_us": "250000", "cpu,x/cpu.cfs_period_us": "100000"}, 2.5),
        ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "100000", "cpu/x/cpu.cfs_period_us": "50000"}, 2.0),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("2:cpuset:/\n", {"cpu.max": "100000 100000"}, None),
        ("nonsense\n\n", {"cpu.max": "nonsense"}, None),
        ("0::/\n", {"cpu.max": "100000 0"}, None),
    ],
)  # fmt: skip
def test_the_quota_is_the_least_of_the_groups(quota, membership, files, expected):
    """Both versions; nested groups; a name that is another one outside; no limit; nonsense."""
    assert quota(membership, files) == expected


def test_without_a_membership_there_is_no_quota(tmp_path):
    """No Linux, no /proc."""
    assert cpu_quota(tmp_path, tmp_path / "none") is None


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (2.9, 2), (0.5, 1), (64.0, 8), (8.0, 8)])
def test_cores_are_within_the_quota_rounded_down(monkeypatch, quota, cores):
    """And 1 at least."""
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(host, "cpu_quota", lambda: quota)
    assert host.cores() == cores


def test_the_default_of_jobs_is_within_the_quota(monkeypatch):
    """As many processes as the quota has room for."""
    from harness.execution.pools.choice import pool_of
    from harness.plugins.loading import registry

    monkeypatch.setattr(host.os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(host, "cpu_quota", lambda: 4.5)
    with pool_of(None, 1, registry()) as pool:
        assert pool.slots == 4
    with pool_of(None, 2, registry()) as pool:
        assert pool.slots == 2

"""Linux's CPU quotas of containers, which the number of cores does not show."""

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
"""A line for each hierarchy: its number, its controllers, the group of this process in it."""


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float | None:
    """Return how many cores' time this process may use, the smallest quota of its groups; None without a quota.

    Version 2 has ``cpu.max`` ("150000 100000": 1.5 cores), version 1 ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``.
    """
    try:
        lines = membership.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            quotas += [_second(folder) for folder in _groups(root, group)]
        elif "cpu" in controllers.split(","):
            quotas += [_first(folder) for name in (controllers, "cpu") for folder in _groups(root / name, group)]
    known = [quota for quota in quotas if quota]
    return min(known) if known else None


def _groups(mount: Path, group: str) -> list[Path]:
    """Return the folders of a group and of the groups that contain it.

    In a container the group may have its outer name, while the mount shows the group itself.
    """
    place = mount / group.strip("/")
    return [place, *(parent for parent in place.parents if parent == mount or mount in parent.parents)]


def _second(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.max").split())


def _first(folder: Path) -> float | None:
    return _ratio([_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")])


def _ratio(texts: list[str]) -> float | None:
    """Return quota over period; None for "max", -1 and a missing file."""
    try:
        quota, period = map(int, texts)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""

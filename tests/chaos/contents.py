"""What a folder of results holds, without what a clock says: what two runs of one suite must agree in."""

import json
from pathlib import Path

CLOCK = {"seconds", "samples_per_second", "validation_seconds", "anonymous_bytes", "contended", "node"}
"""What a clock, a process or a node says of itself: no two runs agree on it."""
HEADER = {"format", "suite", "dataset", "planned"}
"""What a run's header says of what it holds; the rest says when, where and by which command it came about."""


def without_clock(value):
    """Return a row's content without what the clock said."""
    if isinstance(value, dict):
        return {key: without_clock(part) for key, part in value.items() if key not in CLOCK}
    return [without_clock(part) for part in value] if isinstance(value, list) else value


def content(folder: Path) -> dict[str, object]:
    """Return what a finished run holds: rows without times, and the bytes of arrays."""
    contents: dict[str, object] = {}
    for path in sorted(folder.glob("trials/*/*/*")):
        if path.suffix == ".npz":
            contents[str(path.relative_to(folder))] = path.read_bytes()
        elif path.name == "row.json":
            contents[str(path.relative_to(folder))] = without_clock(json.loads(path.read_text())["row"])
    return contents


def whole(folder: Path) -> dict[str, object]:
    """Return everything below a folder, by path: an orphan shows as a name that another folder lacks.

    Bytes, but for rows and headers (without times, and without the checksums that cover times), for logs, locks and
    timings (their names alone: they say when, how often and by which process).
    """
    contents: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            contents[name] = "folder"
        elif path.name == "row.json":
            contents[name] = without_clock(json.loads(path.read_text())["row"])
        elif path.name == "run.json":
            header = json.loads(path.read_text())
            contents[name] = {key: value for key, value in header.items() if key in HEADER}
        elif path.name in {"log.txt", "timings.jsonl"} or path.name.endswith(".lock"):
            contents[name] = "present"
        else:
            contents[name] = path.read_bytes()
    return contents


def differences(expected: dict[str, object], actual: dict[str, object]) -> list[str]:
    """Return what is missing, left over or different, by name."""
    return [
        *(f"missing: {name}" for name in sorted(expected.keys() - actual.keys())),
        *(f"left over: {name}" for name in sorted(actual.keys() - expected.keys())),
        *(f"differs: {name}" for name in sorted(expected.keys() & actual.keys()) if expected[name] != actual[name]),
    ]

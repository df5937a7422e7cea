"""The error of a directory without a run: what it is instead, and what makes a run."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from harness.errors import HarnessError, as_typed, shown
from harness.text import some

_HEADERS = ("run.json", "datasets.json")


def no_run(directory: Path) -> HarnessError:
    """Return the error of a directory that has no run: it is missing, a file, empty, a folder of runs, or another."""
    place = as_typed(directory)
    if not directory.exists():
        return HarnessError(f"{place}: no such folder. {_guess(directory)}'harness run SUITE' makes a run")
    if not directory.is_dir():
        fix = {".toml": "'harness run SUITE' makes one of a suite", ".zip": "'harness import FILE' unpacks an archive"}
        why = fix.get(directory.suffix, "Name the folder that has run.json")
        return HarnessError(f"{place}: it is a file, and a run is a folder. {why}")
    if below := _runs_in(directory):
        return HarnessError(f"{place}: there is no run here, but in folders of it: {some(below)}. Name one")
    with suppress(OSError):
        if not any(directory.iterdir()):
            return HarnessError(f"{place}: the folder is empty. 'harness run SUITE --out DIR' makes a run there")
    return HarnessError(f"{place}: there is no run here: run.json is missing. 'harness run SUITE' makes one")


def _runs_in(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted({path.parent.name for name in _HEADERS for path in folder.glob(f"*/{name}")})
    return []


def _guess(directory: Path) -> str:
    for folder in (directory.parent, directory.parent / "runs"):  # where `harness run` makes them
        if close := get_close_matches(directory.name[:200], _runs_in(folder), n=1):
            return f"Did you mean {shown(str(folder / close[0]))}? "
    return ""

"""The files of a site: any server of plain files shows it, and so does a browser that opens the index from disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.machine.files import read_json, write_json
from harness.machine.paths import absolute
from harness.publish.beside import NEWEST, figures, sheets
from harness.publish.published import PublishedRun, series
from harness.report import read, render, write_page
from harness.report.figure import THEMES, unchecked
from harness.report.page import bundle, templates
from harness.store import Run
from harness.store.names import folders

MARK = "harness-site.json"
"""The file that tells a site from another folder, and names the folders of its runs."""
FORMAT = 1


def publish(runs: Sequence[Path], to: Path, say: Callable[[str], None] = lambda _text: None) -> list[PublishedRun]:
    """Write a site of some runs into a folder, and return them as the index has them.

    A site that is there is made anew: its runs are those that are named now. Each file is written at once or not at
    all, the index last, so a reader never sees half of one. ``say`` gets a line for each page.

    Raises:
        HarnessError: a directory is no run, the folder is there and no site, or cannot be written to; or a library of
            the extra ``report`` is missing.
    """
    if not runs:
        raise HarnessError("no run is named: harness publish RUN… --to DIR")
    placed = _placed(runs)
    for directory in placed:
        Run.open(directory)  # before anything is written
    earlier = _earlier(to)
    try:
        to.mkdir(parents=True, exist_ok=True)
        write_json(to / MARK, {"format": FORMAT, "runs": sorted({*earlier, *placed.values()})})
        published = [_page(directory, folder, to, say) for directory, folder in placed.items()]
        with unchecked():
            index = _index(published)
        size = write_page(to / "index.html", index, option="--to")
        say(f"{to / 'index.html'} ({size / 1e6:.1f} MB)")
        for folder in earlier - set(placed.values()):
            shutil.rmtree(to / "runs" / folder, ignore_errors=True)
        write_json(to / MARK, {"format": FORMAT, "runs": sorted(placed.values())})
    except OSError as error:
        msg = f"--to {to}: cannot be written to: {error.strerror}"
        raise HarnessError(msg) from None
    return published


def _placed(runs: Sequence[Path]) -> dict[Path, str]:
    """Return the folder of each run in a site: its directory's name, with those above it where two are alike."""
    found = list(dict.fromkeys(absolute(run) for run in runs))
    depth = 1
    while len({run.parts[-depth:] for run in found}) < len(found):
        depth += 1
    names = {run: " ".join(run.parts[-depth:]) for run in found}
    safe = folders(names.values())
    return {run: safe[name] for run, name in names.items()}


def _earlier(to: Path) -> set[str]:
    """Return the folders of the runs of the site that is there, none where there is no folder, or an empty one."""
    try:
        if not to.exists() or (to.is_dir() and not any(to.iterdir())):
            return set()
        site = read_json(to / MARK)
        names = site["runs"] if site["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and Path(name).name == name for name in names):
        msg = f"--to {to}: is there already, and no site of harness. Name another folder"
        raise HarnessError(msg)
    return set(names)


def _page(directory: Path, folder: str, to: Path, say: Callable[[str], None]) -> PublishedRun:
    material = read(directory)
    path = to / "runs" / folder / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    size = write_page(path, render(material), option="--to")
    say(f"{path} ({size / 1e6:.1f} MB)")
    for problem in material.problems:
        say(f"left out: {problem}")
    return PublishedRun.of(material, folder)


def _index(published: Sequence[PublishedRun]) -> str:
    groups = [
        {
            "key": f"suite-{number}",
            "title": f"{runs[0].suite} · {runs[0].data}",
            "runs": list(reversed(runs)),
            "sheets": sheets(runs, f"suite-{number}"),
            "figures": figures(runs, f"suite-{number}"),
            "newest": NEWEST if len(runs) > NEWEST else None,
        }
        for number, runs in enumerate(series(published), 1)
    ]
    template = templates().get_template("site.html.j2")
    return str(template.render(title="Runs", groups=groups, count=len(published), themes=THEMES, bundle=bundle()))

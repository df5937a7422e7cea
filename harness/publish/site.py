"""The files of a site: any server of plain files shows it, and so does a browser that opens the index from disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.errors import HarnessError
from harness.machine.files import read_json, write_json
from harness.machine.paths import absolute
from harness.publish.beside import NEWEST, figures, sheets
from harness.publish.published import PublishedRun, PublishedSeveral, newest, series, series_of_several
from harness.report import read, render, render_datasets, write_page
from harness.report.datasets import verdict_over
from harness.report.figure import THEMES, unchecked
from harness.report.page import bundle, templates
from harness.results.datasets import SeveralResults
from harness.store import Several, read_several, some_runs_of
from harness.store.header import SEVERAL
from harness.store.names import folders
from harness.text import megabytes

MARK = "harness-site.json"
"""The file that tells a site from another folder, and names the folders of its runs."""
FORMAT = 1

Entry = PublishedRun | PublishedSeveral


def publish(runs: Sequence[Path], to: Path, say: Callable[[str], None] = lambda _text: None) -> list[Entry]:
    """Write a site of some runs into a folder, and return them as the index has them.

    The runs of several datasets are one entry: a page over them, and that of each dataset.

    A site that is there is made anew: its runs are those that are named now. Each file is written at once or not at
    all, the index last, so a reader never sees half of one. ``say`` gets a line for each page.

    Raises:
        HarnessError: a directory is no run, the folder is there and no site, or cannot be written to; or a library of
            the extra ``report`` is missing.
    """
    if not runs:
        raise HarnessError("no run is named: harness publish RUN… --to DIR")
    placed = _placed(runs)
    several = {directory: read_several(directory) for directory in placed}
    for directory in placed:
        some_runs_of(directory, several[directory])  # before anything is written
    earlier = _earlier(to)
    try:
        to.mkdir(parents=True, exist_ok=True)
        write_json(to / MARK, {"format": FORMAT, "runs": sorted({*earlier, *placed.values()})})
        published = [_entry(directory, several[directory], folder, to, say) for directory, folder in placed.items()]
        with unchecked():
            index = _index(published)
        size = write_page(to / "index.html", index, option="--to")
        say(f"{to / 'index.html'} ({megabytes(size)})")
        for folder in earlier - set(placed.values()):
            shutil.rmtree(to / "runs" / folder, ignore_errors=True)
        write_json(to / MARK, {"format": FORMAT, "runs": sorted(placed.values())})
    except OSError as error:
        msg = f"--to {to}: cannot be written to: {error.strerror}"
        raise HarnessError(msg) from None
    return published


def _placed(runs: Sequence[Path]) -> dict[Path, str]:
    """Return the folder of each run in a site: its directory's name, with those above it where two are alike.

    The run of one of several datasets is called by the directory of all and its own.
    """
    # Errors name a directory as it was typed.
    typed = {absolute(run): Path(os.path.expanduser(run)) for run in reversed(runs)}  # noqa: PTH111 - as `absolute`
    found = list(reversed(typed))
    least = {run: 2 if (run.parent / SEVERAL).exists() else 1 for run in found}
    depth = 0
    while len({run.parts[-least[run] - depth :] for run in found}) < len(found):
        depth += 1
    names = {run: " ".join(run.parts[-least[run] - depth :]) for run in found}
    safe = folders(names.values())
    return {typed[run]: safe[name] for run, name in names.items()}


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


def _entry(directory: Path, several: Several | None, folder: str, to: Path, say: Callable[[str], None]) -> Entry:
    """Write the pages of an entry, and remove those of datasets that it no longer has."""
    within: dict[str, PublishedRun] = {}
    if several is None:
        entry: Entry = _page(directory, folder, to, say)
    else:
        results = SeveralResults.of(directory, several)
        for label in results.results:
            place = results.folders[label]
            within[label] = _page(place, f"{folder}/{place.name}", to, say)
        links = {label: quote(f"{results.folders[label].name}/index.html") for label in within}
        path = to / "runs" / folder / "index.html"
        size = write_page(path, render_datasets(results, links), option="--to")
        say(f"{path} ({megabytes(size)})")
        for label, reason in results.missing.items():
            say(f"left out: {label}: {reason}")
        entry = PublishedSeveral(folder, results.title, verdict_over(results), within)
    kept = {Path(part.folder).name for part in within.values()}
    for page in (to / "runs" / folder).glob("*/index.html"):
        if page.parent.name not in kept:
            shutil.rmtree(page.parent, ignore_errors=True)
    return entry


def _page(directory: Path, folder: str, to: Path, say: Callable[[str], None]) -> PublishedRun:
    material = read(directory)
    path = to / "runs" / folder / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    size = write_page(path, render(material), option="--to")
    say(f"{path} ({megabytes(size)})")
    for problem in material.problems:
        say(f"left out: {problem}")
    return PublishedRun.of(material, folder)


def _index(published: Sequence[Entry]) -> str:
    alone = [run for run in published if isinstance(run, PublishedRun)]
    several = [run for run in published if isinstance(run, PublishedSeveral)]
    ordered: list[Sequence[Entry]] = [*series(alone), *series_of_several(several)]
    ordered.sort(key=newest, reverse=True)
    groups = []
    for number, runs in enumerate(ordered, 1):
        key = f"suite-{number}"
        groups.append(
            {
                "key": key,
                "title": f"{runs[0].suite} · {runs[0].data}",
                "runs": list(reversed(runs)),
                "results": _results(runs, key),
                "newest": NEWEST if len(runs) > NEWEST else None,
            }
        )
    template = templates().get_template("site.html.j2")
    return str(template.render(title="Runs", groups=groups, count=len(published), themes=THEMES, bundle=bundle()))


def _results(runs: Sequence[Entry], key: str) -> list[dict[str, Any]]:
    """Return the tables and figures of a series; of several datasets, those of each on the same test rows."""
    alone = [run for run in runs if isinstance(run, PublishedRun)]
    if alone:
        return [{"title": "", "sheets": sheets(alone, key), "figures": figures(alone, key)}]
    parts = series(part for run in runs for part in run.parts.values())
    labels = {part.dataset: label for run in runs for label, part in run.parts.items()}
    order = [part.dataset for part in runs[-1].parts.values()]
    parts.sort(key=lambda each: order.index(each[0].dataset) if each[0].dataset in order else len(order))
    return [
        {
            "title": _titled(labels[each[0].dataset], each[0].data),
            "sheets": sheets(each, f"{key}-{place}"),
            "figures": figures(each, f"{key}-{place}"),
        }
        for place, each in enumerate(parts, 1)
    ]


def _titled(label: str, data: str) -> str:
    """Return a dataset's label and what it is, without saying its name twice."""
    return data if data.startswith(f"{label},") else f"{label} · {data}"

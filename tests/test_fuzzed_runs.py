"""A run whose files were changed at random: every reader says in a line what is wrong, or shows what is right."""

import json
from math import ceil

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.report import read, render
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.results.tables import render_all
from harness.results.verify.verdicts import tables as verdict_tables
from harness.results.verify.verification import verify
from harness.store import Run, listed
from tests.report_runs import make_run
from tests.share import SHARE
from tests.test_verify import figure

MORE = (
    '[finalists]\none = "A"\nbest = { best_of = "*" }\n[leaderboard]\nbaseline = "A"\n'
    + figure(value=0.0, tolerance=0.0, source="us")
    + '[[expect]]\nrelation = "A.val_accuracy > B.val_accuracy"\n'
)
VALUES = [None, 0, -1, 1.5, "", "x", [], {}, True, 10**30, float("nan"), float("inf"), "\udcff", "a" * 3000, [[1]],
          {"a": 1}, "A", "B"]  # fmt: skip


def places(value, path=()):
    """Yield the path of every value within a value of JSON."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def changed(content, draw):
    """Return a value of JSON with one of its values replaced or removed."""
    content = json.loads(json.dumps(content))
    all_places = list(places(content))
    *path, last = all_places[draw.integers(len(all_places))]
    parent = content
    for key in path:
        parent = parent[key]
    if draw.random() < 0.2:
        del parent[last]
    else:
        parent[last] = VALUES[draw.integers(len(VALUES))]
    return content


def show(run, *, page):
    """Read a run as the commands do, and return all that is shown; an error that a person can mend ends it."""
    a_line = True
    try:
        texts = [listing.state for listing in listed(run.directory.parent)]
        here = Run.open(run.directory)
        results = Results.of(here)
        texts.append(render_all(tables(results), "json"))
        texts.append(render_all(verdict_tables(verify(results), results.title, results.data), "json"))
        if page:
            texts.append(render(read(run.directory)))
    except HarnessError as error:
        texts = [str(error)]
        a_line = len(texts[0]) < 1000 and "\n" not in texts[0]
    assert a_line, texts
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_header_without_checksum_is_shown_or_refused(tmp_path, seed):
    """Of an earlier version: nothing but its types and its sense is known to be right."""
    run = make_run(tmp_path, {"A": "", "B": ""}, seeds=(1, 2), more=MORE)
    path = run.directory / "run.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    draw = np.random.default_rng(seed)
    for number in range(ceil(SHARE * 250)):
        path.write_text(json.dumps(changed(content, draw)))
        assert show(run, page=number % 10 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run.json", "row.json", "evaluation.npz", "examples.npz", "classes.npz"])
def test_a_changed_byte_is_noticed_wherever_it_would_be_shown(tmp_path, name):
    """The page is the same as before, or names the file."""
    run = make_run(tmp_path, {"A": "", "B": ""}, seeds=(1, 2), more=MORE)
    path = next(run.directory.rglob(name))
    content, draw, before = path.read_bytes(), np.random.default_rng(0), show(run, page=True)
    for number in range(
        ceil(SHARE * (30 if path.suffix == ".npz" else 100))
    ):  # a page of each takes a third of a second
        place, bit = int(draw.integers(len(content))), 1 << int(draw.integers(8))
        path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
        page = path.suffix == ".npz" or number % 10 == 0
        text = "".join(show(run, page=page))
        quiet = name == "classes.npz"  # a helper: what it had is not shown, and the next run makes it again
        assert text == "".join(before[: None if page else -1]) or name in text or "checksum" in text or quiet

"""A metric is one record: what a record adds that no other file knows of."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.units import FRACTION
from harness.report.page import render
from harness.report.reading import read
from tests.report_pages import Page
from tests.report_runs import make_run

ADDED = """
import io, json, sys
from contextlib import redirect_stdout
from harness.metrics import catalogue
from harness.metrics.units import FRACTION

def parity(predictions):
    return predictions.labels % 2 == predictions.predicted % 2


for metric in (
    catalogue.Metric(
        "test_parity", "Parity", FRACTION, "test", True,
        per_image=parity, shown=frozenset({"leaderboards", "pairs", "comparison"}),
    ),
    catalogue.Metric("val_parity", "Val parity", FRACTION, "val", True, per_image=parity),
):
    catalogue.CATALOGUE[metric.name] = metric
from harness import cli  # after the record, as if it were in the file

cli.leave = lambda code: None
printed = {}
for command in json.loads(sys.argv[1]):
    sys.argv = ["harness", *command]
    with redirect_stdout(io.StringIO()) as out:
        try:
            cli.main()
        except SystemExit as end:
            assert not end.code, (command, out.getvalue())
    printed[" ".join(command)] = out.getvalue()
print(json.dumps(printed))
"""
SUITE = """
[suite]
name = "parity"
seeds = [1, 2]
[defaults]
hidden_layers = [16]
epochs = 1
optimizer = { name = "adam", learning_rate = 0.01 }
[experiments.A]
[experiments.B]
activation = "silu"
[leaderboard]
compare = [["A", "B"]]
[[expect]]
relation = ["A.test_parity > B.test_parity - 1", "A.val_parity > 0"]
[[expect]]
experiment = "A"
metric = "test_parity"
value = 0.5
tolerance = 0.5
source = "a guess"
[[robustness]]
perturbation = "gaussian_noise"
severities = [0.3]
"""
COMMANDS = (
    "run parity.toml --out run --jobs 0 --quiet",
    "schema",
    "leaderboard run -f json",
    "leaderboard run -t parity -f csv",
    "leaderboard run -t test",
    "compare run run -t fractions -f csv",
    "verify run -f json",
)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Return what each command prints in a process whose catalogue has one more record, and the run's row of A."""
    folder = tmp_path_factory.mktemp("parity")
    (folder / "parity.toml").write_text(SUITE)
    commands = json.dumps([command.split() for command in COMMANDS])
    done = subprocess.run(
        [sys.executable, "-c", ADDED, commands],
        cwd=folder, env=os.environ | {"HARNESS_NO_TUNE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    document["row"] = json.loads((folder / "run" / "trials" / "A" / "seed-1" / "row.json").read_text())["row"]
    return document


def test_it_is_computed_and_stored(printed):
    """For the clean images and each severity; one of validation rows with what training ended with."""
    assert [0 < measure["values"]["test_parity"] < 1 for measure in printed["row"]["evaluation"]["measures"]] == [
        True,
        True,
    ]
    assert 0 < printed["row"]["metrics"]["values"]["val_parity"] < 1


def test_it_is_in_every_table(printed):
    """Ranked, in pairs, among the test metrics: by its name in JSON and CSV, by its heading in a terminal."""
    tables = json.loads(printed["leaderboard run -f json"])
    for key in ("overview", "comparison", "test"):
        assert "test_parity" in tables[key]["rows"][0]
    assert "test_parity_change" in tables["comparison"]["rows"][2]
    ranked = list(csv.DictReader(io.StringIO(printed["leaderboard run -t parity -f csv"])))
    assert [line["rank"] for line in ranked] == ["1", "2"]
    assert "│ Parity % │" in " ".join(printed["leaderboard run -t test"].split())


@pytest.mark.slow
def test_the_page_of_a_run_that_is_older_than_the_record_has_it(tmp_path, monkeypatch):
    """Computed from the predictions that the run stored."""
    pytest.importorskip("altair")
    run = make_run(tmp_path, {"A": ""})
    metric = Metric(
        "test_parity", "Parity", FRACTION, "test", True, per_image=lambda predictions: predictions.predicted % 2 == 0
    )
    monkeypatch.setitem(CATALOGUE, "test_parity", metric)
    headings, line = Page(render(read(run.directory))).tables["table-test"]
    even = (run.arrays("A", 1, "evaluation.npz")["predicted"][0] % 2 == 0).mean()
    assert line[headings.index("Parity %")] == f"{100 * even:.2f}"


def test_two_runs_are_compared_by_it(printed):
    """Clean and perturbed; a metric of validation rows, too."""
    lines = csv.DictReader(io.StringIO(printed["compare run run -t fractions -f csv"]))
    metrics = {line["metric"] for line in lines}
    assert {"test_parity", "test_parity, gaussian_noise 0.3", "val_parity"} <= metrics


def test_a_suite_expects_it(printed):
    """As a relation and as a figure; editors complete its name."""
    tolerance = json.loads(printed["schema"])["$defs"]["ExpectationsTable"]["properties"]["tolerance"]
    assert "test_parity" in tolerance["propertyNames"]["enum"]
    verdicts = json.dumps(json.loads(printed["verify run -f json"])["runs"])
    assert (verdicts.count('"verdict": "met"'), verdicts.count('"verdict": "undecided"')) == (1, 2)  # of one seed

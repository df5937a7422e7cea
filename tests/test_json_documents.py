"""What commands print with ``-f json``: valid JSON on standard output, with the keys that its schema names."""

import json
import os
import re
from math import inf, nan

import jsonschema
import pytest

from harness.api import columns
from harness.cli.commands import datasets, doctor, plugins
from harness.cli.documents.catalogue import DOCUMENTS, document_schema
from harness.cli.documents.document import plain, written
from harness.cli.documents.installed import RunsDocument
from harness.execution.apart import DatasetState
from tests.documents import section
from tests.tiny import TINY

EXPECTS = """
[[expect]]
relation = "A.val_accuracy > 0.1"
[[expect]]
experiment = "A"
metric = "test_accuracy"
value = 0.01
source = "nowhere"
tolerance = 0.001
"""


def document(text):
    """Return a document that its schema admits, of finite numbers, with no key that its model has not."""

    def refused(constant):
        raise AssertionError(constant)

    content = json.loads(text, parse_constant=refused)
    assert content["schema_version"] == 1
    jsonschema.validate(content, document_schema(content["command"]))
    DOCUMENTS[content["command"]].model_validate(content)
    return content


def test_a_run_and_what_is_asked_of_it(harness, tmp_path):
    """Run, plan, why, runs, verify and compare: each ends as it does with text."""
    (tmp_path / "tiny.toml").write_text(TINY + EXPECTS)
    done = harness("run", "tiny.toml", "--out", "runs/one", "-f", "json")
    ran = document(done.stdout)
    assert (ran["suite"], ran["directory"], ran["complete"]) == ("tiny", "runs/one", True)
    (run,) = ran["runs"]
    assert run["statuses"] == {"done": 3}
    assert [list(trial) for trial in run["trials"]] == [list(columns.TRIALS)] * 3
    assert run["trials"][0]["val_accuracy"] > 0.5
    assert not run["expectations"]["met"]
    assert [line["verdict"] for line in run["expectations"]["verdicts"]] == ["missed", "met"]
    assert "trained" in done.stderr or "val" in done.stderr  # progress

    planned = document(harness("plan", "tiny.toml", "--out", "runs/one", "-f", "json").stdout)
    assert planned["plans"][0]["counts"] == {"run": 0, "stale": 0, "measure": 0, "done": 3, "unavailable": 0}
    assert planned["plans"][0]["data"]["classes"] == 10
    reason = document(harness("why", "tiny.toml", "A", "--out", "runs/one", "-f", "json").stdout)["trials"]
    assert [(trial["experiment"], trial["seed"]) for trial in reason] == [("A", 1)]

    harness("run", "tiny.toml", "--out", "runs/two", "--set", "defaults.epochs=1", "--quiet")
    listed = document(harness("runs", "-f", "json").stdout)["runs"]
    assert [line["directory"] for line in listed] == ["runs/one", "runs/two"]
    assert all(line["state"] == "complete: 3 of 3 done" and line["bytes"] > 0 for line in listed)

    verified = document(harness("verify", "runs/one", "-f", "json", code=3).stdout)
    assert not verified["met"]
    assert verified["runs"][0]["expectations"] == run["expectations"]
    only = document(harness("verify", "runs/one", "-f", "json", "--missed", "-t", "figures-fractions", code=3).stdout)
    assert [line["verdict"] for line in only["runs"][0]["expectations"]["verdicts"]] == ["missed"]
    assert list(only["tables"]) == ["figures-fractions"]

    limits = ["--fail-on", "test_accuracy:-90", "--fail-on", "val_loss:+0.01"]
    compared = document(harness("compare", "runs/one", "runs/two", *limits, "-f", "json", code=3).stdout)
    assert compared["verdict"] == "broken"
    assert [(limit["amount"], limit["verdict"]) for limit in compared["limits"]] == [(-90, "kept"), (0.01, "broken")]
    assert compared["limits"][1]["broken"][0].startswith("val_loss:+0.01: A: 0.")
    (pair,) = compared["pairs"]
    assert list(pair["differences"][0]) == list(columns.DIFFERENCES)
    assert sum(pair["marks"].values()) > 0
    assert pair["settings"]["A"] == ["epochs was 3, is 1"]
    assert isinstance(compared["tables"]["overview"]["rows"][0]["seeds"], int)
    assert document(harness("compare", "runs/one", "runs/two", "-f", "json").stdout)["verdict"] is None

    board = json.loads(harness("leaderboard", "runs/one", "-f", "json").stdout)
    assert board.pop("schema_version") == 1
    assert set(board["overview"]) == {"title", "note", "rows"}


def test_a_trial_that_fails_is_in_the_document(harness, tmp_path):
    """Exit code 1, and its reason."""
    (tmp_path / "tiny.toml").write_text(TINY.replace("learning_rate = 0.1", "learning_rate = 1e30"))
    printed = harness("run", "tiny.toml", "--only", "B", "-f", "json", "--quiet", code=1)
    content = document(printed.stdout)
    assert not content["complete"]
    (trial,) = content["runs"][0]["trials"]
    assert trial["status"] == "failed"
    assert trial["reason"]
    assert trial["val_accuracy"] is None
    assert content["runs"][0]["expectations"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("run", "nosuch"), ("plan", "nosuch"), ("why", "tiny.toml", "Z"), ("runs", "none"), ("verify", "none"),
        ("compare", "none", "none"), ("leaderboard", "none"), ("doctor", "now"), ("schema", "rum"),
        ("verify", "none", "--raw"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_on_standard_error(harness, words):
    """Exit code 2, and nothing on standard output, as without ``-f json``."""
    form = [] if words[0] == "schema" else ["-f", "json"]
    printed = harness(*words, *form, code=2)
    assert printed.stdout == ""
    assert printed.stderr.startswith("error: ")
    assert printed.stderr.count("\n") == 1


def test_what_is_installed(harness, monkeypatch):
    """doctor, plugins, datasets; backends are asked elsewhere."""
    answers = {name: ("no: it has no device", {}) for name in ("cupy", "numpy", "torch")}
    answers["numpy"] = ("yes", {"numpy": "2"})
    for command in (doctor, plugins):
        monkeypatch.setattr(command, "backend_states", lambda _plugins: answers)
    monkeypatch.setattr(
        datasets, "_states", lambda components: {component.reference: DatasetState("yes") for component in components}
    )
    report = document(harness("doctor", "-f", "json").stdout)
    assert {"name": "cupy", "available": False, "reason": "it has no device", "environment": {}} in report["backends"]
    assert report["machine"]["cores"]
    assert any(library["extra"] == "parquet" for library in report["libraries"])
    installed = document(harness("plugins", "-f", "json").stdout)["components"]
    (backend,) = [
        component for component in installed if (component["kind"], component["name"]) == ("backend", "numpy")
    ]
    assert backend["backend"]["available"]
    assert backend["distribution"] == "nn-harness"
    assert "digits" in [dataset["name"] for dataset in document(harness("datasets", "-f", "json").stdout)["datasets"]]


@pytest.mark.slow
def test_several_datasets_have_a_run_each(harness, tmp_path):
    """By their labels."""
    (tmp_path / "tiny.toml").write_text(TINY.partition("[finalists]")[0] + '[[datasets]]\nname = "iris"\n[[datasets]]\n'
                                        'name = "wine"\n')  # fmt: skip
    ran = document(harness("run", "tiny.toml", "--only", "A", "-f", "json", "--quiet").stdout)
    assert [(run["dataset"], run["statuses"]) for run in ran["runs"]] == [("iris", {"done": 1}), ("wine", {"done": 1})]
    planned = document(harness("plan", "tiny.toml", "--only", "A", "-f", "json").stdout)
    assert [plan["dataset"] for plan in planned["plans"]] == ["iris", "wine"]
    verified = document(harness("verify", "runs/tiny", "-f", "json").stdout)
    assert [run["reason"] for run in verified["runs"]] == ["the suite has no [[expect]]"] * 2
    compared = document(harness("compare", "runs/tiny", "runs/tiny", "-f", "json").stdout)
    assert [pair["dataset"] for pair in compared["pairs"]] == ["iris", "wine"]


@pytest.mark.parametrize("command", DOCUMENTS)
def test_every_schema_is_one_and_is_printed(harness, command):
    """``harness schema NAME``; other keys may come later."""
    schema = json.loads(harness("schema", command).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "additionalProperties" not in schema
    assert {"schema_version", "command"} <= set(schema["required"])


def test_every_key_is_on_the_page():
    """Those of each document, in its order."""
    lines = re.findall(r"^\| `(\w+)` \| (`.*) \|$", section("docs/reference/json.md", "JSON"), flags=re.MULTILINE)
    assert {command: re.findall(r"`(\w+)`", keys) for command, keys in lines} == {
        command: [key for key in model.model_fields if key not in {"schema_version", "command"}]
        for command, model in DOCUMENTS.items()
    }


def test_values_that_json_has_not(monkeypatch):
    """Numbers that are not finite, and bytes of a path that are not UTF-8; another encoding gets ASCII."""
    assert plain([inf, -inf, nan, 1.5, True]) == [None, None, None, 1.5, True]
    folder = os.fsdecode(b"caf\xe9 \xc3\xa9")
    text = written(RunsDocument(folder=folder, runs=[{"directory": folder, "bytes": nan}]))
    text.encode("utf-8")
    assert json.loads(text)["folder"] == "caf\\udce9 é"
    assert json.loads(text)["runs"] == [{"directory": "caf\\udce9 é", "bytes": None}]

    class Narrow:
        encoding = "ascii"

    monkeypatch.setattr("harness.cli.documents.document.sys.stdout", Narrow())
    narrow = written(RunsDocument(folder=folder, runs=[]))
    monkeypatch.undo()
    assert narrow.isascii()

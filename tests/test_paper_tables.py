"""Tables for papers, and frames as files: what is chosen of them, and that LaTeX takes them."""

import json
import re
import shutil
import subprocess

import pandas as pd
import pytest

from harness.api import columns
from harness.results.tables import Table, render_all
from tests import documents
from tests.tiny import run_suite

PAGE = "docs/how-to/paper-tables.md"
EVIL = '[a|b--c]_%&#{$}\\~^"<script> «é» ε χ² Σ λ √n ▲ ▼ ≈ ± ≥ ∞ → … – − ?` !` << >> ,,'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the directory of a tiny run."""
    return run_suite(tmp_path_factory.mktemp("tables"))[1].directory


def test_columns_and_rows_are_chosen(typed, made):
    """Columns by key or heading, in their order; rows by name or glob; in every format."""
    words = ("leaderboard", made, "-t", "validation", "--column", "val_accuracy", "--column", "Experiment")
    lines = typed(*words, "-f", "csv", "--row", "[AB]").out.splitlines()
    assert lines[0] == "val_accuracy,experiment"
    assert sorted(line.partition(",")[2] for line in lines[1:]) == ["A", "B"]
    content = json.loads(typed(*words, "-f", "json", "--row", "A").out)["validation"]["rows"]
    assert [list(line) for line in content] == [["val_accuracy", "experiment"]]
    assert "│ Val % │ Experiment │" in typed(*words).out
    assert "| Val % | Experiment |" in re.sub(" +", " ", typed(*words, "-f", "markdown").out)


def test_a_latex_table_has_caption_label_and_its_note_below(typed, made):
    """Its own, or those that are given."""
    plain = typed("leaderboard", made, "-t", "accuracy", "-f", "latex").out
    assert "\\label{tab:accuracy}" in plain
    assert re.search(r"\\caption\{tiny .* accuracy\}", plain)
    assert plain.index("\\end{tabular}") < plain.index("{\\footnotesize\\raggedright vs A")
    latex = typed(
        "leaderboard", made, "-t", "accuracy", "-f", "latex", "--caption", r"Of $\alpha$", "--label", "tab:mine"
    ).out
    assert "\\caption{Of $\\alpha$}\n\\label{tab:mine}\n" in latex


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--column", "acuracy"], "--column acuracy: no such column in these tables. "),
        (["--row", "Z*"], "--row Z*: no such row in these tables. Known: A, B, B − A, C."),
        (["--label", "x"], "--label: does not go with -f terminal: only LaTeX has one. Add -f latex"),
        (["--caption", "x", "-f", "csv"], "--caption: does not go with -f csv: only LaTeX has one. Add -f latex"),
        (["--label", "x", "-f", "latex"], "--caption and --label: are of one table, and here are overview, "),
    ],
)
def test_a_choice_of_nothing_is_refused(typed, made, options, why):
    """With what there is."""
    printed = typed("leaderboard", made, *options, code=2)
    assert printed.out == ""
    assert printed.err.startswith(f"error: {why}")


def document(*tables):
    """Return a document that includes tables as the page says."""
    (head,) = [block for block in documents.blocks(PAGE, "latex") if "usepackage" in block]
    before = head.partition("\\begin{document}")[0]
    body = "\n\\clearpage\n".join(tables)
    return f"\\documentclass{{article}}\n{before}\\begin{{document}}\n{body}\n\\end{{document}}\n"


def test_every_sign_of_a_text_is_in_ascii_or_latin():
    """LaTeX has no other without more packages; braces are paired, and no cell begins with an option of the line."""
    text = render_all([Table.of_text("evil", EVIL, [EVIL, "*x"], [[EVIL, "* y"], ["[b]", "[c]"]], note=EVIL)], "latex")
    assert not re.findall(r"[^\x00-\xff…–]", text)
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?m)^\s*[\[*]", text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, with booktabs and adjustbox")
def test_latex_takes_every_table(typed, made, tmp_path):
    """Of a leaderboard, and one of texts that are made to break it."""
    evil = render_all([Table.of_text("evil", EVIL, [EVIL, "*x"], [[EVIL, "* y"], ["[b]", "[c]"]], note=EVIL)], "latex")
    every = typed("leaderboard", made, "-t", "all", "-f", "latex").out
    every = every.replace("\\end{table}", "\\end{table}\\clearpage")
    (tmp_path / "all.tex").write_text(document(every, evil), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
    assert (tmp_path / "all.pdf").stat().st_size > 10_000


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_frames_are_files(typed, made, tmp_path, form):
    """With the columns and the values of the frames, predictions of every tested trial."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    options = [] if form == "parquet" else ["-f", form]
    output = typed("export", made, "--frames", tmp_path / "data", *options).out
    assert [line.split(":")[0] for line in output.splitlines()] == [
        str(tmp_path / "data" / f"{name}.{form}") for name in ("trials", "history", "measures", "predictions")
    ]
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv, "json": lambda path: pd.read_json(path, lines=True)}[form]
    frames = {path.stem: read(path) for path in (tmp_path / "data").iterdir()}
    assert list(frames["trials"]) == list(columns.TRIALS)
    assert list(frames["history"]) == list(columns.HISTORY)
    assert list(frames["measures"]) == list(columns.MEASURES)
    assert list(frames["predictions"]) == ["experiment", "seed", *columns.PREDICTIONS]
    assert frames["predictions"].groupby("experiment").size().tolist() == [1104, 1104]
    clean = frames["predictions"].query("experiment == 'A' and severity == 0 and perturbation.isna()")
    measured = frames["measures"].query("experiment == 'A' and perturbation.isna()")["test_accuracy"].item()
    assert clean["correct"].mean() == pytest.approx(measured)
    if form == "parquet":
        assert {name: str(dtype) for name, dtype in frames["trials"].dtypes.items()} == columns.TRIALS


def test_a_run_without_tests_has_a_file_of_predictions(typed, tmp_path):
    """With its columns, and no line."""
    _, run = run_suite(tmp_path, dry=True)
    run.write_header({})
    typed("export", run.directory, "--frames", "data", "-f", "csv")
    heading = ",".join(["experiment", "seed", *columns.PREDICTIONS])
    assert (tmp_path / "data" / "predictions.csv").read_text() == f"{heading}\n"


def test_wrong_options_of_an_export_are_refused(typed, made, tmp_path, monkeypatch):
    """Nothing is written."""
    (tmp_path / "file").write_text("")
    for words, why in [
        (["-f", "csv"], "-f csv: has no effect without --frames DIR. The archive is a ZIP file"),
        (["--frames", "data", "-o", "x.zip"], "--out: does not go with --frames: files are written, and no archive"),
        (["--frames", "file", "-f", "csv"], "--frames file: cannot be written to: File exists. Name another folder"),
    ]:
        assert typed("export", made, *words, code=2).err == f"error: {why}\n"
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    errors = typed("export", made, "--frames", "data", code=2).err
    assert errors == (
        "error: --frames: pyarrow writes Parquet, and is not installed: "
        'pip install "nn-harness[parquet]". Or add -f csv\n'
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_the_page_works(tmp_path):
    """Each of its commands, in a shell."""
    for block in documents.blocks(PAGE, "sh"):
        done = subprocess.run(["sh", "-e"], input=block, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    main = (tmp_path / "main.tex").read_text()
    assert re.search(r"Experiment +& +Test \\% \\\\", main)
    assert main.count("\\\\\n") == 3  # the head, M1b and M1g
    assert "\\caption{Finalists on digits, three seeds.}\n\\label{tab:digits}" in (tmp_path / "test.tex").read_text()
    assert len(pd.read_csv(tmp_path / "data" / "trials.csv")) == 15

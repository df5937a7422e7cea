"""The report: a sensible page of every kind of run, its command, its files, and nothing in it that is not escaped."""

import json
import sys
from dataclasses import replace

import pytest

from harness.errors import HarnessError
from harness.metrics.catalogue import value_of
from harness.report import draw, read, render
from harness.report.page import figures
from harness.report.settings import defaults
from tests import documents
from tests.report_pages import Page
from tests.report_runs import make_run
from tests.tiny import TINY, run_suite

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)
EVIL = "<script>window.pwned=1</script>"
SECTIONS = (
    "leaderboards", "significance", "curves", "confusion", "degradation", "calibration", "speed", "classes",
    "expectations", "settings", "environment",
)  # fmt: skip


def page_of(run):
    """Return a run's page; every section is there, in order, and nothing is undefined."""
    page = Page(render(read(run.directory)))
    assert tuple(about["id"] for tag, about in page.tags if tag == "section") == SECTIONS
    return page


@pytest.mark.slow
def test_a_real_run_of_the_tiny_suite(tmp_path):
    """Trained and tested; the settings that differ from the defaults are marked, the others are not."""
    _, run = run_suite(tmp_path)
    html = render(read(run.directory))
    page = Page(html)
    best = max((row for row in run.rows() if row.evaluation), key=lambda row: value_of(row, "test_accuracy"))
    accuracy = value_of(best, "test_accuracy")
    assert f"{best.experiment} is highest: {100 * accuracy:.1f} % accuracy on the test images" in page.text
    assert "; 3 of 3 trials done." in page.text
    marked = {text for text in ("silu", "relu", "0.2") if f'set">{text}<' in html}
    assert marked == {"silu", "0.2"}
    assert defaults()["activation"] == "relu"
    assert len(html.encode()) < 5_000_000


def test_one_trial(tmp_path):
    """Nothing to compare with, and still a page."""
    page = page_of(make_run(tmp_path, {"only": "one"}))
    assert "only is highest" in page.text
    assert "1 of 1 trial done" in page.text
    assert len(page.tables["table-overview"]) == 2


def test_times_that_are_not_ranked_come_with_the_command_that_gives_some(tmp_path):
    """In every note of the page: it names the suite's file, and the dataset where it was another's."""
    run = make_run(tmp_path, {"A": "", "B": ""})
    for row in list(run.rows()):
        run.write(replace(row, contended="ran beside other trials"))
    run.write_header({"suite_file": "my.toml", "command": ["harness", "run", "my.toml", "--dataset", "wine"]})
    text = page_of(run).text
    assert text.count("'harness run my.toml --dataset wine --fresh --jobs 1' gives times to rank.") >= 3
    assert "harness run SUITE" not in text


def test_without_robustness(tmp_path):
    """The section says why it is empty."""
    page = page_of(make_run(tmp_path, {"A": "", "B": ""}, noise=False))
    assert "Nothing was measured under a perturbation: the suite has no [[robustness]]" in page.text
    assert not [key for key in page.figures if "noise" in key]


def test_all_trials_failed(tmp_path):
    """Their rows and reasons are what there is to see."""
    failed = [("A", 1, "RuntimeError: no memory"), ("B", 1, "diverged")]
    page = page_of(make_run(tmp_path, {"A": "", "B": ""}, failed=failed))
    assert "No trial is done yet; 0 of 2 trials done." in page.text
    assert [line[-2:] for line in page.tables["table-trials"][1:]] == [[status, reason] for _, _, reason in failed
            for status in ["failed"]]  # fmt: skip
    assert set(page.figures) == {"classes"}


def test_an_older_run_says_what_it_did_not_record(tmp_path):
    """Without classes.npz and examples.npz: what the confusion matrices tell is shown."""
    run = make_run(tmp_path, {"A": ""}, (1, 2))
    (run.directory / "classes.npz").unlink()
    for path in run.directory.rglob("examples.npz"):
        path.unlink()
    page = page_of(run)
    assert "Images of them were not recorded by the version that made this run." in page.text
    assert "Not recorded by the version that made this run: train, validation." in page.text
    assert page.figures["classes"]["values"]["images"].tolist() == [50] * 4
    assert "glyphs" not in page.figures["confusion-A"]


@pytest.mark.slow
def test_a_damaged_file_is_left_out_and_reported(tmp_path, command):
    """The others are shown."""
    run = make_run(tmp_path, {"A": "", "B": ""})
    (run.trial_directory("A", 1) / "evaluation.npz").write_bytes(b"")
    output = command("report", "run")
    assert output.err.startswith("left out: run/trials/A/seed-1/evaluation.npz: cannot be read: ")
    page = page_of(run)
    assert "Left out: " in page.text
    assert {key for key in page.figures if key.startswith("confusion")} == {"confusion-B"}


def test_expectations_are_reported_met_and_missed(tmp_path):
    """Both verdicts, in words."""
    more = '[[expect]]\nrelation = ["A.epochs > 1", "A.epochs > 1000"]\nsource = "us"'
    page = page_of(make_run(tmp_path, {"A": "", "B": ""}, more=more))
    assert "1 of 2 expectations met, 1 missed." in page.text
    assert [line[-2] for line in page.tables["table-relations-counts"][1:]] == ["met", "missed"]


def test_every_text_of_a_run_is_escaped(tmp_path):
    """A suite, group, reason, backend, class or environment called <script>… is text, everywhere."""
    run = make_run(
        tmp_path, {"A": EVIL, "B": ""}, failed=[("B", 1, EVIL)], class_names=[EVIL, '"><img src=x>', "c", "c"],
        more=f'[[expect]]\nrelation = "A.epochs > 1"\nsource = "{EVIL}"',
    )  # fmt: skip
    content = json.loads((run.directory / "run.json").read_text())
    content["suite"]["suite"] |= {"name": EVIL, "description": EVIL}
    content |= {"harness": EVIL, "command": [EVIL], "git_commit": EVIL, "last_started": EVIL}
    del content["checksum"]
    (run.directory / "run.json").write_text(json.dumps(content))
    row = next(run.rows())
    run.write(replace(row, backend=EVIL, environment={EVIL: EVIL}, components={EVIL: EVIL}))
    html = render(read(run.directory))
    assert "<script>window" not in html
    assert "<img src=x" not in html
    page = Page(html)
    assert page.text.count(EVIL) > 10
    assert [about.get("type") for tag, about in page.tags if tag == "script"].count(None) == 2


def test_a_model_called_script_shows_as_text(tmp_path):
    """No suite lets a model be called so, but nothing here relies on that."""
    run = make_run(tmp_path, {"A": ""})
    material = read(run.directory)
    rows = [replace(row, experiment=EVIL) for row in material.results.rows]
    results = replace(material.results, rows=rows)
    closer = [replace(experiment_rows, experiment=results.experiments[0]) for experiment_rows in material.closer]
    html = render(replace(material, results=results, closer=closer))
    assert "<script>window" not in html
    page = Page(html)
    assert page.tables["table-overview"][1][0] == EVIL
    assert page.figures["loss-1"]["values"]["experiment"].unique().tolist() == [EVIL]


def test_the_page_asks_for_nothing_from_outside(tmp_path):
    """No address in any attribute, and a policy that forbids it."""
    run = make_run(tmp_path, {"A": ""})
    page = page_of(run)
    for tag, about in page.tags:
        for name in ("src", "href", "action", "data", "poster"):
            value = about.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, value)
    (policy,) = [about["content"] for _, about in page.tags if about.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_the_pages_own_script_is_short():
    """Under 200 lines."""
    from importlib.resources import files

    assert len((files("harness.report") / "templates" / "page.js").read_text().splitlines()) < 200


@pytest.mark.parametrize("name", ["evaluation.npz", "examples.npz", "row.json"])
def test_a_file_that_leads_out_of_the_run_is_refused(tmp_path, name):
    """Whatever a link says."""
    run = make_run(tmp_path, {"A": ""})
    path = run.trial_directory("A", 1) / name
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(
        HarnessError, match=rf"{name}: leads out of the run, to .*outside\. A report reads nothing else"
    ):
        read(run.directory)


def test_a_file_of_an_ensemble_that_leads_out_of_the_run_is_refused(tmp_path):
    """Its predictions are read as an experiment's are."""
    run = make_run(tmp_path, {"A": "", "B": ""}, more='[ensembles.both]\nmembers = ["A", "B"]\n')
    path = run.trial_directory("both", 1) / "evaluation.npz"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(HarnessError, match=r"evaluation\.npz: leads out of the run, to .*outside"):
        read(run.directory)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "head"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_figures_are_files_for_a_paper(tmp_path, command, form, head):
    """Each of the page's figures, in the format that is asked for."""
    run = make_run(tmp_path, {"A": "one"})
    alone = command("report", "run", "--format", form, code=2).err
    assert alone == f"error: --format {form}: has no effect without --figures\n"
    output = command("report", "run", "--figures", "figures", "--format", form).out
    written = sorted((tmp_path / "figures").iterdir())
    keys = {figure.key for figure in figures(read(run.directory))}
    assert {path.name for path in written} == {f"{key}.{form}" for key in keys}
    assert all(path.read_bytes().startswith(head) for path in written)
    assert f"{len(keys)} figures in figures" in output
    if form == "svg":
        assert "validation" in (tmp_path / "figures" / "loss-1.svg").read_text()


@pytest.mark.slow
def test_a_figures_name_stays_in_its_folder(tmp_path):
    """Whatever a perturbation is called."""
    run = make_run(tmp_path, {"A": ""})
    material = read(run.directory)
    row = material.results.rows[0]
    measured = [
        replace(measure, perturbation=measure.perturbation and "../../evil") for measure in row.evaluation.measures
    ]
    row = replace(row, evaluation=replace(row.evaluation, measures=measured))
    tables_ = [table.model_copy(update={"perturbation": "../../evil"}) for table in material.results.suite.robustness]
    suite = material.results.suite.model_copy(update={"robustness": tables_})
    results = replace(material.results, rows=[row], suite=suite)
    closer = [replace(experiment_rows, experiment=results.experiments[0]) for experiment_rows in material.closer]
    paths = draw(replace(material, results=results, closer=closer), tmp_path / "deep" / "figures", "svg")
    assert any("evil" in path.name for path in paths)
    assert {path.resolve().parent for path in paths} == {tmp_path / "deep" / "figures"}


@pytest.mark.slow
def test_the_command_writes_beside_the_run_and_over_its_own_page_alone(tmp_path, command):
    """RUN/report.html; a file that is no report stays."""
    make_run(tmp_path, {"A": ""})
    assert command("report", "run").out.startswith("run/report.html (")
    command("report", "run")
    (tmp_path / "mine.html").write_text("mine")
    error = command("report", "run", "--out", "mine.html", code=2).err
    assert error == "error: mine.html: is there already, and no report. Name another file with --out\n"
    assert (tmp_path / "mine.html").read_text() == "mine"
    error = command("compare", "run", "run", "--html", "mine.html", code=2).err
    assert error == "error: mine.html: is there already, and no report. Name another file with --html\n"
    error = command("report", "run", "--out", "mine.html/x.html", code=2).err
    assert error.startswith("error: mine.html/x.html: cannot be written to: Not a directory.")
    assert "no such folder" in command("report", "nowhere", code=2).err


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("altair", "altair"),
        ("vl_convert", "vl-convert-python"),
        ("PIL", "pillow"),
        ("altair vl_convert PIL", "altair, vl-convert-python and pillow"),
    ],
)
def test_without_the_extra_a_line_says_what_installs_it(tmp_path, command, monkeypatch, modules, message):
    """Nothing is written."""
    make_run(tmp_path, {"A": ""})
    for module in modules.split():
        monkeypatch.setitem(sys.modules, module, None)
    error = command("report", "run", code=2).err
    assert error == f'error: the report needs {message}: pip install "nn-harness[report]" installs them\n'
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_run_under_way_has_a_page_too(tmp_path):
    """Planned trials, and finalists that are not chosen yet."""
    _, run = run_suite(tmp_path, TINY, only=["A"])
    page = page_of(run)
    assert "A is highest" in page.text
    for path in run.directory.rglob("row.json"):
        path.unlink()
    assert "No trial is done yet; 0 of 1 trial done." in page_of(run).text


@pytest.mark.slow
def test_the_commands_of_the_guide(tmp_path, command):
    """As they stand there, of a run of that name; its picture is there and small."""
    run = make_run(tmp_path, {"A": ""})
    (tmp_path / "runs").mkdir()
    run.directory.rename(tmp_path / "runs" / "full-digits")
    lines = documents.block("docs/how-to/share-results.md", "sh", "harness report").splitlines()
    commands = [line.partition("#")[0].split()[1:] for line in lines if line.startswith("harness ")]
    assert len(commands) == 2
    for arguments in commands:
        command(*arguments)
    assert (tmp_path / "runs" / "full-digits" / "report.html").stat().st_size > 900_000
    assert (tmp_path / "paper" / "loss-1.pdf").exists()
    assert 50_000 < (documents.ROOT / "docs" / "report.png").stat().st_size < 300_000

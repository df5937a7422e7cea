"""Several runs as a site: what it has, what it refuses, and that it is made anew whole."""

from dataclasses import replace
from pathlib import Path

import pytest

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)

from harness.errors import HarnessError  # noqa: E402 - after the reason to skip
from harness.publish import publish  # noqa: E402
from harness.publish.beside import experiments, figures, labels, over_time, sheets  # noqa: E402
from harness.publish.published import PublishedRun, series  # noqa: E402
from harness.report import read  # noqa: E402
from harness.store import Run  # noqa: E402
from scripts import screenshot  # noqa: E402
from tests.report_runs import make_run  # noqa: E402

EVIL = "<b>0.1</b>"
NAMES = {"A": "first", "B": "first", "C": "second"}
COMMITS = {"new": "2" * 40, "old": "1" * 40 + "+changes", "older": "unknown: git is not installed"}


def made(folder, started, commit, shares, digest="d" * 64):
    """Make a run in its own folder, begun on a day, at a commit."""
    folder.mkdir()
    run = make_run(folder, NAMES, (1, 2), shares=shares)
    notes = {"harness": EVIL, "last_started": started, "git_commit": commit}
    Run(run.directory, run.suite, replace(run.dataset, digest=digest), run.planned).write_header(notes)
    return run.directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the directories of three runs on the same rows, the newest first, and of one on others."""
    folder = tmp_path_factory.mktemp("runs")
    directories = [
        made(folder / name, f"2026-0{3 - number}-01T10:00:00+00:00", commit, {"A": 0.9 - 0.1 * number, "B": 0.5})
        for number, (name, commit) in enumerate(COMMITS.items())
    ]
    return [*directories, made(folder / "other", "2025-01-01T10:00:00+00:00", "", {"A": 0.7}, "e" * 64)]


@pytest.fixture(scope="module")
def published(runs):
    """Return what the index tells of each."""
    return [PublishedRun.of(read(directory), f"{directory.parent.name} run") for directory in runs]


@pytest.fixture(scope="module")
def site(runs, published, tmp_path_factory):
    """Return a site of them; where runs share a name, the folder above is part of theirs."""
    folder = tmp_path_factory.mktemp("site") / "public"
    assert publish(runs, folder) == published
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_it_has_an_index_and_the_page_of_each_run(site, published):
    """Texts of a run are escaped; a commit that is unknown is none."""
    pages = [f"runs/{run.folder}/index.html" for run in published]
    assert files(site) == sorted(["harness-site.json", "index.html", *pages])
    index = (site / "index.html").read_text()
    assert all(f'href="runs/{run.folder.replace(" ", "%20")}/index.html"' in index for run in published)
    assert "222222222222</td>" in index
    assert "111111111111+changes" in index
    assert "git is not installed" not in index
    assert EVIL not in index
    assert "&lt;b&gt;0.1&lt;/b&gt;" in index


def test_runs_of_the_same_rows_are_beside_each_other_the_newest_last(published):
    first, other = series(published)
    assert [run.folder for run in first] == ["older run", "old run", "new run"]
    assert [run.folder for run in other] == ["other run"]
    assert experiments(first) == ["A", "B", "C"]
    accuracy = next(sheet for sheet in sheets(first, "s") if sheet.key == "s-test_accuracy")
    assert [heading for heading, _ in accuracy.columns] == [
        "Experiment", "2026-01-01 10:00", "2026-02-01 10:00 11111111", "2026-03-01 10:00 22222222",
    ]  # fmt: skip
    means = [cell.order for cell in accuracy.lines[0].cells[1:]]
    expected = [repr(run.values["test_accuracy"]["A"].mean) for run in first]
    assert means == expected
    assert float(means[0]) < float(means[1]) < float(means[2])


def test_a_metric_over_time_has_a_point_a_run(published):
    """With one standard deviation to both sides; a single run has no figure."""
    first, other = series(published)
    lines = over_time(first, "test_accuracy", ["A"])
    assert [line["seeds"] for line in lines] == [2, 2, 2]
    for line, run in zip(lines, first, strict=True):
        value = run.values["test_accuracy"]["A"]
        assert (line["mean"], line["high"] - line["mean"]) == pytest.approx((value.mean, value.std))
    drawn = figures(first, "s")
    assert {figure.key for figure in drawn} >= {"s-test_accuracy-1", "s-test_cross_entropy-1"}
    assert "3 runs, from 2026-01-01 10:00 to 2026-03-01 10:00 22222222: A" in drawn[0].alternative
    assert figures(other, "s") == []


def test_runs_of_one_minute_and_commit_are_named_with_their_folders(published):
    """Two jobs of a matrix, or a run and its copy: each has its column and its place on the axis."""
    first, _ = series(published)
    twin = replace(first[-1], folder="twin")
    assert list(labels([*first, twin]).values()) == [
        "2026-01-01 10:00", "2026-02-01 10:00 11111111", "new run 2026-03-01 10:00 22222222",
        "twin 2026-03-01 10:00 22222222",
    ]  # fmt: skip
    assert "2 runs, from new run 2026-03" in figures([first[-1], twin], "s")[0].alternative
    assert sheets([first[-1], twin], "s")[0].columns[2][0] == "twin 2026-03-01 10:00 22222222"


@pytest.mark.slow
def test_the_same_command_makes_it_anew(site, runs, tmp_path):
    """A run that is no longer named is gone; equal runs give equal pages."""
    again = tmp_path / "site"
    publish(runs, again)
    assert (again / "index.html").read_bytes() == (site / "index.html").read_bytes()
    publish(runs[:1], again)
    assert files(again) == ["harness-site.json", "index.html", "runs/run/index.html"]


@pytest.mark.parametrize("content", [{"notes.txt": "mine"}, {"harness-site.json": '{"format": 1, "runs": ["../x"]}'}])
def test_a_folder_that_is_no_site_is_left_alone(runs, tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(HarnessError, match=r"is there already, and no site of harness\. Name another folder$"):
        publish(runs[:1], tmp_path)
    assert files(tmp_path) == list(content)


def test_mistakes_are_one_line(typed, runs, tmp_path):
    """No run, no folder to write to, nothing named: exit code 2, and nothing is written."""
    (tmp_path / "file").write_text("")
    for arguments, text in (
        ([tmp_path / "nowhere", "--to", tmp_path / "site"], "nowhere: no such folder"),
        ([runs[0], "--to", tmp_path / "file"], "is there already, and no site of harness"),
        ([runs[0], "--to", tmp_path / "file" / "site"], "cannot be written to: Not a directory"),
        (["--to", tmp_path / "site"], "Missing argument 'RUN...'"),
        ([runs[0]], "Missing option '--to'"),
    ):
        printed = typed("publish", *arguments, code=2)
        assert text in printed.err
        assert printed.err.count("\n") == 1
    assert files(tmp_path) == ["file"]


@pytest.mark.browser
@pytest.mark.skipif(bool(screenshot.unavailable()), reason=screenshot.unavailable() or "")
def test_a_browser_shows_it_from_disk(browser, site, published):
    """Without an error, every figure drawn, and its links lead to the runs' pages."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    driver = browser(1280, 1600)
    driver.get((site / "index.html").as_uri())
    WebDriverWait(driver, 60).until(lambda opened: not opened.find_elements(By.CSS_SELECTOR, ".drawing .waiting"))
    shots = Path(__file__).parent.parent / "build" / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(shots / "site.png"))
    drawn = driver.find_elements(By.CSS_SELECTOR, "svg.marks, canvas.marks")
    assert len(drawn) == len(figures(series(published)[0], "s"))
    driver.find_element(By.LINK_TEXT, "old run").click()
    assert "made" in driver.title
    assert driver.get_log("browser") == []

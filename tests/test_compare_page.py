"""The page of a comparison in a real Chromium, with its network off."""

from dataclasses import replace

import pytest

from harness.report import render_comparison
from scripts import screenshot
from tests.made_results import compare_runs
from tests.report_runs import make_run

pytestmark = pytest.mark.browser
for library in ("altair", "jinja2", "vl_convert", "PIL", "selenium"):
    pytest.importorskip(library)
if screenshot.unavailable():
    pytest.skip(screenshot.unavailable(), allow_module_level=True)

from selenium.webdriver.common.by import By  # noqa: E402 - after the reason to skip
from selenium.webdriver.support.ui import Select  # noqa: E402


@pytest.fixture
def driver(browser, tmp_path):
    """Return a browser with the page of two runs, one trial of which differs in one metric."""
    runs = []
    for name in "ab":
        (tmp_path / name).mkdir()
        runs.append(make_run(tmp_path / name, {"A": "", "B": ""}, (1, 2)))
    row = next(runs[1].rows())
    runs[1].write(replace(row, metrics=replace(row.metrics, values=row.metrics.values | {"val_macro_f1": 0.5})))
    (tmp_path / "page.html").write_text(render_comparison(compare_runs(*runs)))
    opened = browser(1280)
    opened.get((tmp_path / "page.html").as_uri())
    return opened


def lines(driver, table):
    """Return the cells of a table's lines that are shown."""
    script = """return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]
        .filter(row => !row.hidden).map(row => [...row.cells].map(cell => cell.textContent))"""
    return driver.execute_script(script, table)


def test_marks_choose_differences_and_leave_the_overview(driver):
    """Its lines have no mark; the search is of all."""
    marks = Select(driver.find_element(By.CSS_SELECTOR, "[data-facet=mark]"))
    marks.select_by_visible_text("not significant")
    assert [line[0] for line in lines(driver, "table-overview")] == ["A", "B"]
    assert driver.find_element(By.TAG_NAME, "output").text == "2 lines"
    assert [line[:2] for line in lines(driver, "table-fractions")] == [["A", "val_macro_f1"]]
    assert driver.find_element(By.CSS_SELECTOR, "details:has(#table-fractions) small").text == "1 of 26 lines"
    assert lines(driver, "table-losses") == []
    marks.select_by_index(0)
    driver.find_element(By.CSS_SELECTOR, "[data-search]").send_keys("b")
    assert [line[0] for line in lines(driver, "table-overview")] == ["B"]
    assert driver.find_element(By.TAG_NAME, "output").text == "1 of 2 lines"
    assert driver.get_log("browser") == []

"""Tables of pages on a phone: one of texts shows lines as cards, one of numbers scrolls behind its first column."""

import pytest

for library in ("altair", "jinja2", "vl_convert", "PIL", "selenium"):
    pytest.importorskip(library)

from harness.publish import publish  # noqa: E402 - after the reason to skip
from harness.report.sheets import Cell, Line, Sheet  # noqa: E402
from scripts import screenshot  # noqa: E402
from tests.report_runs import make_run  # noqa: E402

PHONE = 400
EXPECT = '[[expect]]\nrelation = ["A.epochs > 1", "A.test_accuracy > B.test_accuracy"]\nsource = "us"'


def _sheet(*columns, text="yes"):
    return Sheet("s", "S", [("Name", False), *columns], [Line([Cell("A"), *(Cell(text) for _ in columns)], {})])


@pytest.mark.parametrize(
    ("made", "wordy"),
    [
        (_sheet(("Test %", True), ("CE", True), ("Val %", True), ("Status", False)), False),
        (_sheet(("Test %", True), ("CE", True), ("Val %", True), ("Status", False), text="failed: " + "x" * 18), True),
        (_sheet(("Metric", False), ("Got", True), ("Expected", True), ("Δ", True), ("Verdict", False)), True),
        (_sheet(("Test %", True), text="x" * 30), False),
    ],
    ids=["numbers", "a sentence", "many texts", "long numbers"],
)
def test_a_table_of_texts_is_wordy(made, wordy):
    """A sentence in any line, or texts in two of five columns beside the first."""
    assert made.wordy is wordy


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a site of one run."""
    folder = tmp_path_factory.mktemp("narrow")
    run = make_run(folder, {"A": "first", "B": "second"}, (1, 2), more=EXPECT)
    publish([run.directory], folder / "site")
    return folder / "site"


def _opened(browser, page, width=PHONE):
    driver = browser(width)
    driver.get(page.as_uri())
    driver.execute_script("for (const one of document.querySelectorAll('section > details')) one.open = true")
    return driver


# What a table's cells reach beyond the window, and what the box around the table hides of it.
HIDDEN = """return [...document.querySelectorAll(arguments[0])].map(table => {
    const right = Math.max(...[...table.querySelectorAll('tbody th, tbody td')]
        .map(cell => cell.getBoundingClientRect().right));
    const box = table.closest('.scroll');
    return [Math.max(0, right - innerWidth), box.scrollWidth - box.clientWidth];
})"""


@pytest.mark.browser
@pytest.mark.skipif(bool(screenshot.unavailable()), reason=screenshot.unavailable() or "")
@pytest.mark.parametrize("width", [PHONE, 800, 1300])
def test_the_index_shows_each_result_at_every_width(browser, site, width):
    driver = _opened(browser, site / "index.html", width)
    assert driver.execute_script(HIDDEN, "table.cards") == [[0, 0]]
    assert "highest" in driver.execute_script("return document.querySelector('.prose').innerText")


@pytest.mark.browser
@pytest.mark.skipif(bool(screenshot.unavailable()), reason=screenshot.unavailable() or "")
def test_a_page_of_a_run_hides_no_text_on_a_phone(browser, site):
    """A card's values have their columns' names; headings sort cards, filters hide them; names do not scroll away."""
    driver = _opened(browser, site / "runs" / "run" / "index.html")
    hidden = driver.execute_script(HIDDEN, "table.cards")
    assert len(hidden) > 4
    assert {tuple(each) for each in hidden} == {(0, 0)}
    unnamed = "return document.querySelectorAll('table.cards tbody td:not([data-label])').length"
    assert driver.execute_script(unnamed) == 0
    board = driver.execute_script("""
        const box = document.querySelector('#table-overview').closest('.scroll');
        box.scrollLeft = 150;
        const edge = box.getBoundingClientRect().left + box.clientLeft;
        return [box.scrollLeft, box.querySelector('tbody th').getBoundingClientRect().left - edge];""")
    assert board == [150, 0]
    chosen = driver.execute_script("""
        const section = document.querySelector('#expectations'), search = section.querySelector('[data-search]');
        section.querySelector('table.cards thead button').click();
        search.value = 'epochs';
        search.dispatchEvent(new Event('input', {bubbles: true}));
        return [...section.querySelectorAll('tbody tr')].filter(row => row.offsetHeight).map(row => row.innerText)""")
    assert len(chosen) == 1
    assert "A.epochs > 1" in chosen[0]
    assert driver.get_log("browser") == []

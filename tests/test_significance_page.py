"""The section of significance in a real Chromium, with its network off, on a desktop and on a phone."""

import pytest

from harness.report import read, render
from scripts import screenshot
from tests.report_runs import make_run

pytestmark = pytest.mark.browser
for library in ("altair", "jinja2", "vl_convert", "PIL", "selenium"):
    pytest.importorskip(library)
if screenshot.unavailable():
    pytest.skip(screenshot.unavailable(), allow_module_level=True)

from selenium.webdriver.common.by import By  # noqa: E402 - after the reason to skip
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

SHARES = {
    "few": ({"low": 0.3, "middle": 0.7, "high": 0.95, "near": 0.93}, (1, 2, 3)),
    "one-seed": ({"low": 0.3, "high": 0.95}, (1,)),
    "many": ({f"sgd[optimizer.learning_rate=0.{at:03},batch_size=64]": 0.5 + 0.007 * at for at in range(60)}, (1, 2)),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the addresses of pages, by what they have."""
    collected = {}
    for name, (shares, seeds) in SHARES.items():
        folder = tmp_path_factory.mktemp(name)
        run = make_run(folder, dict.fromkeys(shares, ""), seeds, shares=shares)
        (folder / "page.html").write_text(render(read(run.directory)))
        collected[name] = (folder / "page.html").as_uri()
    return collected


def box(driver, selector):
    """Return the rectangle of the first element on the screen: left, top, right and bottom."""
    script = """const r = document.querySelector(arguments[0]).getBoundingClientRect();
        return [r.x, r.y, r.right, r.bottom]"""
    return driver.execute_script(script, selector)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", list(SHARES))
def test_every_metric_is_drawn_within_the_window(browser, pages, name, width, dark):
    """Once it is opened: its figures are drawn, nothing is wider, matrices scroll, and the console is empty."""
    driver = browser(width, dark=dark)
    driver.get(pages[name])
    driver.execute_script("for (const one of document.querySelectorAll('#significance > details')) one.open = true")
    screenshot.drawn(driver, "#significance")
    figures = driver.find_elements(By.CSS_SELECTOR, "#significance .drawing")
    assert len(figures) == (4 if name == "one-seed" else 12)
    assert {figure.get_attribute("data-drawn") for figure in figures} == {"dark" if dark else "light"}
    assert driver.execute_script("return document.documentElement.scrollWidth") == width
    beyond = driver.execute_script("""return [...document.querySelectorAll('#significance .drawing svg')].map(
        one => one.getBoundingClientRect().right - one.closest('.drawing').getBoundingClientRect().right)""")
    assert max(beyond) <= 1
    assert driver.get_log("browser") == []


def test_names_stay_in_view_while_a_matrix_scrolls(browser, pages):
    """The line's on the left, and the columns' on top."""
    driver = browser(1280)
    driver.get(pages["many"])
    place = driver.find_element(By.CSS_SELECTOR, "#significance .scroll")
    assert place.get_property("scrollWidth") > place.get_property("clientWidth")
    driver.execute_script("arguments[0].scrollTo(600, 500)", place)
    edge = box(driver, "#significance .scroll")
    assert box(driver, "#matrix-accuracy tbody th")[0] == pytest.approx(edge[0], abs=2)
    assert box(driver, "#matrix-accuracy thead th")[1] == pytest.approx(edge[1], abs=2)


def test_cells_say_in_text_what_their_colours_say(browser, pages):
    """A sign in each; significant ones are bold, too, and their colours are a blue and an orange."""
    driver = browser(1280)
    driver.get(pages["few"])
    cells = driver.find_elements(By.CSS_SELECTOR, "#matrix-accuracy td:not(.itself)")[1:]
    collected = {}
    for cell in cells:
        sign = cell.find_element(By.TAG_NAME, "b").text[-1]
        weight = cell.find_element(By.TAG_NAME, "b").value_of_css_property("font-weight")
        collected.setdefault(sign, set()).add((weight, cell.value_of_css_property("background-color")))
    assert set(collected) == {"▲", "▼", "≈"}
    assert all(len(looks) == 1 for looks in collected.values())
    colours = {sign: colour for sign, looks in collected.items() for _, colour in looks}
    assert len(set(colours.values())) == 3
    assert {weight for sign in "▲▼" for weight, _ in collected[sign]} == {"700"}


def test_letters_are_beside_the_rows_of_both_figures(browser, pages):
    """In the order of the experiments."""
    driver = browser(1280)
    driver.get(pages["few"])
    screenshot.drawn(driver, "#significance")
    script = """return [...arguments[0].querySelectorAll('.role-axis-label')].map(
        group => [...group.querySelectorAll('text')].map(text => text.textContent))"""
    for key in ("intervals-accuracy", "ranks-accuracy"):
        place = driver.find_element(By.CSS_SELECTOR, f"[data-key='{key}']")
        labels = WebDriverWait(driver, 5).until(lambda d, place=place: d.execute_script(script, place))
        assert ["high", "near", "middle", "low"] in labels
        assert ["a··", "a··", "·b·", "··c"] in labels

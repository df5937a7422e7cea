"""The report in a real Chromium, with its network off: it loads, sorts, filters, draws and tells.

The screenshots that it takes are kept in build/screenshots.
"""

import time
from pathlib import Path

import pytest

from harness.report import read, render
from scripts import screenshot
from tests.report_runs import make_run

pytestmark = pytest.mark.browser
for library in ("altair", "jinja2", "vl_convert", "PIL", "selenium"):
    pytest.importorskip(library)
if screenshot.unavailable():
    pytest.skip(screenshot.unavailable(), allow_module_level=True)

from selenium.webdriver import ActionChains, Keys  # noqa: E402 - after the reason to skip
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

SHOTS = Path(__file__).parent.parent / "build" / "screenshots"
EVIL = "<script>window.pwned=1</script>"
NAMES = {f"M{index}": ("first", "second", EVIL)[index % 3] for index in range(12)}
LONG = [f"sgd[optimizer.learning_rate={rate}]" for rate in (0.01, 0.1, 1)]
FAILED = [("M3", 2, EVIL), ("M5", 1, "diverged")]
EXPECT = '[[expect]]\nrelation = ["M0.epochs > 1", "M0.epochs > 1000"]\nsource = "<img src=x onerror=window.pwned=1>"'


def written(folder, *arguments, **options):
    """Return the address of a made run's page."""
    folder.mkdir()
    run = make_run(folder, *arguments, **options)
    (folder / "report.html").write_text(render(read(run.directory)))
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the pages of runs, by what they are."""
    place = tmp_path_factory.mktemp("pages")
    return {
        "twelve": written(place / "twelve", NAMES, (1, 2, 3), failed=FAILED, more=EXPECT),
        "one": written(place / "one", {"only": "one"}),
        "failed": written(place / "failed", {"A": "", "B": ""}, failed=[("A", 1, "diverged"), ("B", 1, "diverged")]),
        "without-robustness": written(place / "clean", dict.fromkeys(LONG, ""), noise=False),
    }  # fmt: skip


@pytest.fixture
def driver(browser, pages):
    """Return a browser, 1280 pixels wide, with the page of twelve experiments."""
    opened = browser(1280)
    opened.get(pages["twelve"])
    return opened


def column(driver, table, index):
    """Return the texts of a column's cells that are shown."""
    script = """return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]
        .filter(row => !row.hidden).map(row => row.cells[arguments[1]].textContent)"""
    return driver.execute_script(script, table, index)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["twelve", "one", "failed", "without-robustness"])
def test_a_page_loads_without_network_or_errors_and_fits(browser, pages, name, width, dark):
    """Every figure is drawn in the scheme's colours, nothing is wider than the window, and the console is empty."""
    driver = browser(width, dark=dark)
    driver.get(pages[name])
    driver.execute_script("for (const one of document.querySelectorAll('section > details')) one.open = true")
    screenshot.drawn(driver)
    assert driver.get_log("browser") == []
    places = driver.find_elements(By.CSS_SELECTOR, ".drawing")
    assert len(places) > 0
    assert {place.get_attribute("data-drawn") for place in places} == {"dark" if dark else "light"}
    assert all(place.find_elements(By.CSS_SELECTOR, "svg, canvas") for place in places)
    assert driver.execute_script("return document.documentElement.scrollWidth") == width
    assert driver.execute_script("return navigator.onLine") is False
    board = driver.find_element(By.CSS_SELECTOR, "#leaderboards .scroll")
    assert width < 1280 or board.get_property("scrollWidth") == board.get_property("clientWidth")
    script = """return [...document.querySelectorAll('.drawing')].flatMap(
        one => [...one.querySelectorAll('.role-legend')].map(
        legend => legend.getBoundingClientRect().right - one.getBoundingClientRect().right))"""
    beyond = driver.execute_script(script)
    assert beyond
    assert max(beyond) <= 0
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}-{width}-{'dark' if dark else 'light'}.png"
    path.write_bytes(screenshot.photograph(driver))


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(driver):
    """Numbers by value, what has none last; the heading says which way."""
    heading = driver.find_element(By.CSS_SELECTOR, "#table-trials thead th:nth-child(5)")
    driver.execute_script("arguments[0].closest('details').open = true", heading)
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    cells = column(driver, "table-trials", 4)
    numbers = [float(cell) for cell in cells if cell != "–"]
    assert numbers == sorted(numbers, reverse=True)
    assert len(cells) == 36
    assert cells[-2:] == ["–", "–"]
    heading.find_element(By.TAG_NAME, "button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    cells = column(driver, "table-trials", 4)
    assert [float(cell) for cell in cells[:-2]] == sorted(numbers)
    assert cells[-2:] == ["–", "–"]


@pytest.mark.parametrize(("table", "index"), [("shared-settings", 0), ("shared-settings", 2), ("environments", 0)])
def test_the_tables_of_settings_and_environment_sort_too(driver, table, index):
    """By their texts; what has no value stays last."""
    heading = driver.find_element(By.CSS_SELECTOR, f"#table-{table} thead th:nth-child({index + 1})")
    button = heading.find_element(By.TAG_NAME, "button")
    orders = []
    for direction in ("ascending", "descending"):
        driver.execute_script("arguments[0].click()", button)
        assert heading.get_attribute("aria-sort") == direction
        cells = column(driver, f"table-{table}", index)
        orders.append([cell for cell in cells if cell != "–"])
        assert cells == orders[-1] + ["–"] * (len(cells) - len(orders[-1]))
    assert orders[0] == sorted(orders[0], key=str.lower)
    assert orders[1] == sorted(orders[0], key=str.lower, reverse=True)
    assert orders[0] != orders[1]


def test_the_keyboard_sorts_names_as_people_count(driver):
    """M2 comes before M10."""
    button = driver.find_element(By.CSS_SELECTOR, "#table-overview thead button")
    driver.execute_script("arguments[0].focus()", button)
    ActionChains(driver).send_keys(Keys.ENTER).perform()
    assert column(driver, "table-overview", 0) == [f"M{index}" for index in range(12)]


def test_filters_choose_by_group_status_and_text(driver):
    """Together, in every table of the section, and back."""
    section = driver.find_element(By.ID, "leaderboards")
    choose = {
        name: Select(section.find_element(By.CSS_SELECTOR, f"[data-facet={name}]")) for name in ("group", "status")
    }
    choose["status"].select_by_visible_text("failed")
    assert sorted(column(driver, "table-overview", 0)) == ["M3", "M5"]
    assert column(driver, "table-trials", 0) == ["M3", "M5"]
    assert column(driver, "table-trials", 9) == [EVIL, "diverged"]
    choose["group"].select_by_visible_text(EVIL)
    assert column(driver, "table-overview", 0) == ["M5"]
    assert section.find_element(By.TAG_NAME, "output").text == "1 of 12 lines"
    choose["group"].select_by_index(0)
    choose["status"].select_by_index(0)
    section.find_element(By.CSS_SELECTOR, "[data-search]").send_keys("m11")
    assert column(driver, "table-overview", 0) == ["M11"]


def test_a_tooltip_appears_with_the_values(driver):
    """Over a point of a degradation curve."""
    screenshot.drawn(driver, "#degradation")
    point = driver.find_element(
        By.CSS_SELECTOR, "#degradation .mark-symbol[role='graphics-symbol'] path, #degradation .mark-symbol path"
    )
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", point)
    ActionChains(driver).move_to_element(point).perform()
    tip = WebDriverWait(driver, 5).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#vg-tooltip-element.visible"))[0]
    assert "experiment" in tip.text
    assert "severity" in tip.text
    assert "seeds" in tip.text


def test_the_switches_of_a_confusion_matrix(driver):
    """With 'errors only' the diagonal is gone; without the log scale few errors are fainter."""
    screenshot.drawn(driver, "#confusion")
    script = """return [...document.querySelectorAll('#confusion .drawing')[0].querySelectorAll('.mark-rect path')]
        .map(cell => [cell.getAttribute('aria-label'), Number(cell.getAttribute('opacity'))])"""

    def shades():
        return {
            tuple(label.split(": ")[0].split(" taken for ")): shade for label, shade in driver.execute_script(script)
        }

    before = shades()
    assert all(before[name, name] > 0.9 for name in "abcd")
    box = driver.find_elements(By.CSS_SELECTOR, "#confusion .drawing")[0].find_elements(By.CSS_SELECTOR, "input")
    box[1].click()
    WebDriverWait(driver, 5).until(lambda _: all(shades()[name, name] == 0 for name in "abcd"))
    assert max(shades().values()) == 1
    box[1].click()
    box[0].click()
    WebDriverWait(driver, 5).until(lambda _: shades()["a", "a"] > 0)
    errors = [key for key in before if key[0] != key[1]]
    assert all(shades()[key] < before[key] for key in errors)


def test_the_learning_rate_is_drawn_on_demand(driver):
    """Not before somebody opens it."""
    place = driver.find_element(By.CSS_SELECTOR, "[data-key='rate-1']")
    screenshot.drawn(driver, "#curves")
    assert place.get_attribute("data-drawn") is None
    driver.find_element(By.XPATH, "//summary[text()='Learning rate']").click()
    WebDriverWait(driver, 5).until(lambda _: place.get_attribute("data-drawn"))


def test_figures_follow_the_scheme_when_it_changes(driver):
    """From light to dark while the page is open."""
    screenshot.drawn(driver, "#curves")
    place = driver.find_element(By.CSS_SELECTOR, "[data-key='loss-1']")
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    WebDriverWait(driver, 10).until(lambda _: place.get_attribute("data-drawn") == "dark")
    assert driver.get_log("browser") == []


def test_a_text_of_the_run_never_runs(driver):
    """The group is shown as it is called, in tables and legends, and the page's script alone has run."""
    driver.execute_script("for (const one of document.querySelectorAll('section > details')) one.open = true")
    screenshot.drawn(driver)
    assert EVIL in column(driver, "table-overview", 1)
    assert driver.execute_script("return window.pwned") is None


@pytest.mark.slow
def test_two_hundred_experiments_with_three_seeds_each(browser, tmp_path):
    """The page is made in under 15 s; it loads, and scrolls from end to end without an error, drawing as it goes."""
    folder = tmp_path / "many"
    folder.mkdir()
    run = make_run(folder, {f"E{index:03}": f"group {index // 25}" for index in range(200)}, (1, 2, 3), epochs=50)
    started = time.process_time()  # what else the machine does is not the page's
    page = render(read(run.directory))
    seconds = time.process_time() - started
    assert seconds < 15
    (folder / "report.html").write_text(page)
    driver = browser(1280)
    driver.get((folder / "report.html").as_uri())
    drawn = "return document.querySelectorAll('[data-drawn]').length"
    assert driver.execute_script(drawn) < 10  # what is far away waits
    driver.execute_script("for (const one of document.querySelectorAll('section > details')) one.open = true")
    started = time.perf_counter()
    screenshot.drawn(driver)
    scrolled = time.perf_counter() - started
    assert driver.execute_script(drawn) > 100
    assert driver.get_log("browser") == []
    heading = driver.find_element(By.CSS_SELECTOR, "#table-overview thead th button")
    heading.click()
    assert column(driver, "table-overview", 0) == [f"E{index:03}" for index in range(200)]
    assert scrolled < 120
    print(f"{len(page) / 1e6:.1f} MB made in {seconds:.1f} s, drawn in {scrolled:.1f} s")  # noqa: T201 - with -s

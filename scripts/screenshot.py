"""Photograph a run's report in Chromium, for the README: python scripts/screenshot.py RUN docs/report.png.

Needs the extras "report" and "test", and Debian's chromium and chromium-driver.
"""

import argparse
import shutil
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.report import read, render

LIMIT = 300_000
"""Bytes of a picture in a README."""


def unavailable() -> str | None:
    """Return why there is no browser here, None if there is one."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(missing)} here: apt-get install chromium chromium-driver" if missing else None


@contextmanager
def started() -> Iterator[Any]:
    """Start Debian's Chromium without a window, with the network off; a driver of selenium's."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    # Without a sandbox: its user may be root, in a container. The network is off all the same.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        off = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", off)
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, width: int, height: int, *, dark: bool = False) -> None:
    """Give the window a size in pixels, and a colour scheme."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
    # A window has a least width; what is emulated has none.
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def drawn(driver: Any, within: str = "body") -> None:
    """Scroll to every figure of a part of the page that is not folded away, and wait until it is drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    script = """return [...document.querySelectorAll(arguments[0] + ' .drawing')]
        .filter(one => one.checkVisibility({contentVisibilityAuto: true}))"""
    for place in driver.execute_script(script, within):
        WebDriverWait(place, 20).until(_is_drawn)
    driver.execute_script("scrollTo({top: 0, behavior: 'instant'})")


def _is_drawn(place: Any) -> bool:
    """Return whether a figure is drawn; if not, scroll there, once more too: what was drawn above may have moved it."""
    done = bool(place.get_attribute("data-drawn"))
    if not done:
        place.parent.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", place)
    return done


def photograph(driver: Any, clip: dict[str, float] | None = None) -> bytes:
    """Return a PNG of the whole page, or of a part: x, y, width, height in pixels."""
    options: dict[str, Any] = {"format": "png", "captureBeyondViewport": True}
    if clip is None:
        size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"]}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", options | {"clip": clip | {"scale": 1}})
    return b64decode(taken["data"])


def smaller(picture: bytes) -> bytes:
    """Return a PNG in 256 colours."""
    from PIL import Image

    buffer = BytesIO()
    # The method that keeps rare colours: the usual one drew a thin green curve in the blue of another.
    method = Image.Quantize.MAXCOVERAGE
    few = Image.open(BytesIO(picture)).convert("RGB").quantize(256, method, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if reason := unavailable():
        parser.error(reason)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(render(read(arguments.run)), encoding="utf-8")
        with started() as driver:
            resize(driver, 1280, 1000)
            driver.get(page.as_uri())
            drawn(driver, "#significance")
            drawn(driver, "#curves")
            drawn(driver, "#confusion")
            end = driver.execute_script(
                "return document.querySelector('#confusion').getBoundingClientRect().bottom + scrollY"
            )
            picture = smaller(photograph(driver, {"x": 0, "y": 0, "width": 1280, "height": end + 12}))
    if len(picture) > LIMIT:
        parser.error(f"{len(picture):,} bytes: more than {LIMIT:,}")
    arguments.out.write_bytes(picture)
    print(f"{arguments.out}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()

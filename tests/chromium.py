"""One Chromium for every test that looks at a page: its start takes as long as most of them."""

import pytest


@pytest.fixture(scope="session")
def chromium():
    """Return a driver of the browser that the tests share."""
    from scripts import screenshot

    with screenshot.started() as driver:
        yield driver


@pytest.fixture
def browser(chromium):
    """Return a function that gives the window a size and a scheme, and returns its driver; the page is left after."""
    from scripts import screenshot

    def sized(width, height=900, *, dark=False):
        screenshot.resize(chromium, width, height, dark=dark)
        return chromium

    yield sized
    chromium.get("about:blank")
    chromium.get_log("browser")  # its messages are not the next test's

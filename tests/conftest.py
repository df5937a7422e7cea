"""What tests share: a cache of their own for the session, and an observer of runs."""

import os

import pytest
from hypothesis import HealthCheck, settings

from harness import hookimpl
from harness.plugins.loading import registry
from tests.chromium import browser, chromium
from tests.command_line import harness_command, load, typed
from tests.emnist import command, tiny
from tests.emnist_server import official, server
from tests.plugins_on_disk import site

collect_ignore = ["strict_cupy"]  # modules of CuPy's names, for `tests.doubles` alone

# A busy machine is no fault of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

__all__ = ["browser", "chromium", "command", "harness_command", "load", "official", "server", "site", "tiny", "typed"]


SLOW_IN_THE_KIT = {
    "test_a_prediction_is_there_when_it_is_returned",
    "test_an_epoch_has_ended_when_synchronize_returns",
    "test_memory_does_not_grow_over_epochs",
    "test_trains_in_a_fresh_worker_process",
    "test_works_in_a_fresh_process",
}
"""The conformance kit's longest tests, which are slow only here: a plugin's author runs the kit for one plugin."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the kit's longest tests, before `-m` chooses."""
    for item in items:
        if getattr(item, "originalname", "") in SLOW_IN_THE_KIT:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Point the cache away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("HARNESS_CACHE_DIR")
    os.environ["HARNESS_CACHE_DIR"] = str(folder)
    os.environ["HARNESS_NO_TUNE"] = "1"  # every process with a new cache would measure its kernels
    yield folder
    del os.environ["HARNESS_NO_TUNE"]
    if before is None:
        del os.environ["HARNESS_CACHE_DIR"]
    else:
        os.environ["HARNESS_CACHE_DIR"] = before


class Watcher:
    """An observer that counts."""

    def __init__(self):
        self.trained = []
        self.epochs = 0

    @hookimpl
    def epoch_finished(self, trial, epoch):  # noqa: ARG002 - the hook's signature
        """Count an epoch."""
        self.epochs += 1

    @hookimpl
    def trial_finished(self, row):
        """Note a trial."""
        self.trained.append(row["experiment"])


@pytest.fixture
def watcher():
    """Return an observer of the runs of a test."""
    watching = Watcher()
    registry().manager.register(watching)
    yield watching
    registry().manager.unregister(watching)


@pytest.fixture
def torch_threads():
    """Give back the threads that a network of torch's took by its context."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter):
    """Say where the screenshots are."""
    if any("test_report_browser.py::" in report.nodeid for report in terminalreporter.stats.get("passed", [])):
        terminalreporter.write_line("screenshots of the report: build/screenshots")

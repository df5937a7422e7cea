"""What every test has: a cache of its own for the session, and one thread for the libraries."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Point the cache away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("HARNESS_CACHE_DIR")
    os.environ["HARNESS_CACHE_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["HARNESS_CACHE_DIR"]
    else:
        os.environ["HARNESS_CACHE_DIR"] = before

"""The fuzzers by name."""

from tests.fuzz.cache_entries import CacheEntries
from tests.fuzz.options import Options
from tests.fuzz.stored import StoredRuns
from tests.fuzz.suites import Suites

FUZZERS = {"suites": Suites, "options": Options, "stored": StoredRuns, "cache": CacheEntries}


def replay(name: str, number: int) -> str:
    """Return the command that makes one mutation again."""
    return f"python -m tests.fuzz {name} {number}"

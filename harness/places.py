"""Where this machine keeps what harness learns: known without NumPy, whose settings come from there."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_root() -> Path:
    """Return the cache's folder: ``HARNESS_CACHE_DIR``, or the user's cache."""
    named = os.environ.get("HARNESS_CACHE_DIR")
    return Path(named) if named else user_cache_path("nn-harness")

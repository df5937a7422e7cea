"""The cache's folder, which is known without NumPy, because NumPy's settings come from there."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import HarnessError, shown

VARIABLE = "HARNESS_CACHE_DIR"


def cache_root() -> Path:
    """Return the cache's absolute folder: ``HARNESS_CACHE_DIR`` (``~`` is the user's home), or the user's cache.

    Raises:
        HarnessError: the user has no home folder, like an unknown user number in a container.
    """
    named = os.environ.get(VARIABLE)
    try:
        # Without a home, platformdirs leaves "~" unchanged, and a folder of that name would be made here.
        root = Path(named) if named else user_cache_path("nn-harness")
        return root.expanduser().absolute()
    except RuntimeError:
        what = f"{VARIABLE}={shown(named)}" if named else "the cache"
        msg = f"{what}: this user has no home folder. Name a folder that can be written to with {VARIABLE}"
        raise HarnessError(msg) from None

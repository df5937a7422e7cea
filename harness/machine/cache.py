"""Where this machine keeps what harness learns: known without NumPy, whose settings come from there."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import HarnessError, shown

VARIABLE = "HARNESS_CACHE_DIR"


def cache_root() -> Path:
    """Return the cache's folder, absolute: what ``HARNESS_CACHE_DIR`` names (``~`` is the user's home), or the user's.

    Raises:
        HarnessError: it lies in the home of a user who has none, as an unknown number in a container.
    """
    named = os.environ.get(VARIABLE)
    try:
        # Where there is no home, platformdirs leaves "~" as it is: a folder of that name would be made here.
        root = Path(named) if named else user_cache_path("nn-harness")
        return root.expanduser().absolute()
    except RuntimeError:
        what = f"{VARIABLE}={shown(named)}" if named else "the cache"
        msg = f"{what}: this user has no home folder. Name a folder that can be written to with {VARIABLE}"
        raise HarnessError(msg) from None

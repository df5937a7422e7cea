"""The libraries of the extra ``report``."""

from importlib.util import find_spec

from harness.errors import HarnessError
from harness.report.dataset import INSTALL

_DISTRIBUTIONS = {"PIL": "pillow", "vl_convert": "vl-convert-python"}


def needed(*modules: str) -> None:
    """Raise if a library is not installed.

    Raises:
        HarnessError: with the command that installs it.
    """
    missing = [_DISTRIBUTIONS.get(name, name) for name in modules if find_spec(name) is None]
    if missing:
        msg = f"the report needs {_spoken(missing)}: {INSTALL} installs them"
        raise HarnessError(msg)


def _spoken(names: list[str]) -> str:
    """Return names as a sentence lists them: ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

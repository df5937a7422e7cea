"""The suites that harness ships with: ``full``, ``quick`` and others are named without a path."""

import re
from pathlib import Path
from stat import S_ISDIR

from harness.errors import HarnessError, as_typed, nearest
from harness.machine.paths import status_of

_SUFFIX = ".toml"


def shipped() -> dict[str, Path]:
    """Return the files of the shipped suites by name, in the order of their names.

    They are in the package where it was installed from a wheel, and in ``suites/`` beside it in a source tree.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "suites", package.parent / "suites"):
        if files := {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}:
            return files
    return {}


def copied(name: str) -> str:
    """Return the text of a shipped suite, for a file in another folder: what it extends, it names as shipped.

    Raises:
        HarnessError: there is no such suite.
    """
    known = shipped()
    if name not in known:
        msg = f"{as_typed(name, 80)}: no suite of that name. {nearest(name, known)}"
        raise HarnessError(msg)
    text = known[name].read_text(encoding="utf-8")
    return re.sub(rf'^extends = "([\w-]+){re.escape(_SUFFIX)}"', r'extends = "\1"', text, flags=re.MULTILINE)


def suite_path(text: str | Path) -> Path:
    """Return the file that a suite's name or path means.

    A bare word that is a shipped suite's name means that suite, unless a file of exactly that path is there; a folder
    is no suite. Anything else is a path, which is not looked up here.

    Raises:
        HarnessError: it is a bare word, and there is neither such a file nor such a suite.
    """
    path = Path(text)
    if len(path.parts) != 1 or path.suffix:
        return path
    status, known = status_of(path), shipped()
    if status and not (path.name in known and S_ISDIR(status.st_mode)):
        return path
    if path.name not in known:
        file = path.with_suffix(_SUFFIX)
        meant = f"Did you mean {as_typed(file)!r}?" if status_of(file) else nearest(path.name, known)
        msg = f"{as_typed(path)}: no such file, and no suite of that name. {meant}"
        raise HarnessError(msg)
    return known[path.name]

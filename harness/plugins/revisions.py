"""The commit of a suite or a plugin's checkout, in the repository that contains it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from harness.errors import printable
from harness.machine.installed import editable_folder
from harness.plugins.components import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.plugins.loading import Registry

CHANGES = "+changes"
"""The suffix of a commit if tracked files differ from it, or if it lacks the file in question."""
UNKNOWN = "unknown: "
"""The prefix of the reason why there is no commit."""
_SECONDS = 10.0
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
"""Variables that git sets for hooks; they name the hook's repository, not ours."""


def revision(path: Path) -> str:
    """Return the commit that the repository of a file or folder has checked out.

    ``"1a2b…"``, ``"1a2b…+changes"``, or ``"unknown: "`` and why, in one line.
    """
    path = path.resolve()
    folder = path if path.is_dir() else path.parent
    try:
        commit = _git(folder, "rev-parse", "--verify", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        lacking = path != folder and not _git(folder, "ls-files", "--", path.name)
    except FileNotFoundError:
        return f"{UNKNOWN}git is not installed" if folder.is_dir() else f"{UNKNOWN}{folder} is not there"
    except subprocess.TimeoutExpired:
        return f"{UNKNOWN}git took longer than {_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        return UNKNOWN + _why(str(error.stderr))
    except (OSError, ValueError) as error:
        return UNKNOWN + printable(f"git cannot be run: {error}", 200)
    return commit + (CHANGES if changed or lacking else "")


def checkouts(registry: Registry, parts: Iterable[str]) -> dict[str, str]:
    """Return by name the `revision` of each distribution that is an editable install and offers one of the ``parts``.

    ``parts``: components as rows name them, ``"optimizer lion"``.
    """
    folders = {}
    for part in sorted(parts):
        kind, _, name = part.partition(" ")
        component = next((registry.find(known, name) for known in KINDS if known == kind), None)
        folder = component and component.installed and editable_folder(component.installed)
        if component and folder:
            folders[component.distribution] = folder
    return {name: revision(folder) for name, folder in sorted(folders.items())}


def in_words(text: str) -> str:
    """Return a revision in words.

    >>> in_words("0123456789abcdef+changes"), in_words("unknown: git is not installed")
    ('commit 0123456789ab with changes', 'no commit known: git is not installed')
    """
    if text.startswith(UNKNOWN):
        return f"no commit known: {text.removeprefix(UNKNOWN)}"
    digest, plus, _ = text.partition("+")
    return f"commit {digest[:12]}{' with changes' if plus else ''}"


def _why(message: str) -> str:
    """Return why git refused, from its message."""
    if "not a git repository" in message:
        return "it is not in a git repository"
    if "Needed a single revision" in message or "ambiguous argument 'HEAD'" in message:
        return "its git repository has no commit"
    return printable(message.strip().partition("\n")[0].removeprefix("fatal: ") or "git failed", 200)


def _git(folder: Path, *arguments: str) -> str:
    # The repository's hooks do not run, nothing is written to it, file names are not patterns, and git speaks English.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    settings = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
    done = subprocess.run(  # noqa: S603 - a fixed command
        command, capture_output=True, text=True, errors="replace", check=True, timeout=_SECONDS,
        env=settings | {"GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout.strip()

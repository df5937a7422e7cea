"""Which commit a suite or a plugin's checkout is at: of the repository that holds it, wherever the command is typed."""

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
"""What follows a commit where tracked files differ from it, or where it lacks the file that was asked about."""
UNKNOWN = "unknown: "
"""What stands before the reason why there is no commit."""
_SECONDS = 10.0
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
"""What a hook of git sets: it names that hook's repository, not ours."""


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
    """Return the `revision` of each distribution, by name, that is an editable install and took part.

    ``parts``: what took part, as rows name it: ``"optimizer lion"``.
    """
    folders = {}
    for part in sorted(parts):
        kind, _, name = part.partition(" ")
        found = next((registry.find(one, name) for one in KINDS if one == kind), None)
        folder = found and found.installed and editable_folder(found.installed)
        if found and folder:
            folders[found.distribution] = folder
    return {name: revision(folder) for name, folder in sorted(folders.items())}


def spoken(text: str) -> str:
    """Return a revision as people read it.

    >>> spoken("0123456789abcdef+changes"), spoken("unknown: git is not installed")
    ('commit 0123456789ab with changes', 'no commit known: git is not installed')
    """
    if text.startswith(UNKNOWN):
        return f"no commit known: {text.removeprefix(UNKNOWN)}"
    digest, plus, _ = text.partition("+")
    return f"commit {digest[:12]}{' with changes' if plus else ''}"


def _why(said: str) -> str:
    """Return why git refused, from what it said."""
    if "not a git repository" in said:
        return "it is in no git repository"
    if "Needed a single revision" in said or "ambiguous argument 'HEAD'" in said:
        return "its git repository has no commit yet"
    return printable(said.strip().partition("\n")[0].removeprefix("fatal: ") or "git failed", 200)


def _git(folder: Path, *arguments: str) -> str:
    # No hook of the repository's runs, nothing of it is written, a file's name is no pattern, and git speaks English.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    settings = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
    done = subprocess.run(  # noqa: S603 - a fixed command
        command, capture_output=True, text=True, errors="replace", check=True, timeout=_SECONDS,
        env=settings | {"GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout.strip()

"""What the shell completes: suites, runs, and the experiments of the suite that is being typed.

Completion reads files and loads no plugin: it must answer while somebody holds the tab key.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import typer


def complete_suite(incomplete: str) -> list[str]:
    """Return the TOML files that begin so, and the folders that lead to others."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    found = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.is_dir() and not path.name.startswith("."):
            found.append(f"{path}/")
        elif path.suffix == ".toml":
            found.append(str(path))
    return [name for name in found if name.startswith(incomplete.removeprefix("./"))]


def complete_run(incomplete: str) -> list[str]:
    """Return the run directories under ``runs/`` and beside the current one."""
    found = sorted(path.parent for root in (Path("runs"), Path()) for path in root.glob("*/run.json"))
    return [name for name in dict.fromkeys(map(str, found)) if name.startswith(incomplete)]


def complete_experiment(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the experiments in the suite that the command line names."""
    return [name for name in _experiments(ctx.params.get("suite")) if name.startswith(incomplete)]


def _experiments(suite: Any) -> list[str]:
    try:
        return list(tomllib.loads(Path(suite).read_text(encoding="utf-8"))["experiments"])
    except (OSError, TypeError, KeyError, ValueError):
        return []

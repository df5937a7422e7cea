"""What the shell completes: suites, runs, and the experiments of the suite that is being typed.

Completion reads files and loads no plugin: it must answer while somebody holds the tab key.
"""

from __future__ import annotations

import os
from pathlib import Path


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
    from harness.text import natural

    found = [str(path.parent) for root in (Path("runs"), Path()) for path in root.glob("*/run.json")]
    found.sort(key=natural)
    return [name for name in dict.fromkeys(found) if name.startswith(incomplete)]


def complete_experiment(incomplete: str) -> list[str]:
    """Return the names of the experiments in the suite that the command line names."""
    return [name for name in _experiments() if name.startswith(incomplete)]


def _experiments() -> list[str]:
    # The words as the shell hands them over: a line that ends in "--only" is none that could be parsed.
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    path = next((Path(word) for word in line.split() if word.endswith(".toml")), None)
    if path is None:
        return []
    from harness.errors import HarnessError
    from harness.suite.grid import expand
    from harness.suite.inheritance import lineage

    try:
        return list(expand(path, lineage(path)[-1][1]["experiments"], {}).tables)
    except (HarnessError, AttributeError, KeyError, TypeError):
        return []  # a suite that is being written: nothing to complete, and nobody to tell

"""Shell completion of suites, runs, and the experiments of the suite on the command line.

It reads files and loads no plugin, because the shell waits for it.
"""

from __future__ import annotations

import os
from pathlib import Path


def complete_suite(incomplete: str) -> list[str]:
    """Return the TOML files and the folders whose names begin with ``incomplete``."""
    from harness.suite.shipped import shipped

    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    names = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.is_dir() and not path.name.startswith("."):
            names.append(f"{path}/")
        elif path.suffix == ".toml":
            names.append(str(path))
    matching = [name for name in names if name.startswith(incomplete.removeprefix("./"))]
    return [*matching, *(name for name in shipped() if name.startswith(incomplete))]


def complete_run(incomplete: str) -> list[str]:
    """Return the run directories in ``runs/`` and in the current folder."""
    from harness.text import natural

    headers = ("*/run.json", "*/datasets.json")
    names = [str(path.parent) for root in (Path("runs"), Path()) for header in headers for path in root.glob(header)]
    names.sort(key=natural)
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def complete_experiment(incomplete: str) -> list[str]:
    """Return the names of the experiments of the suite on the command line."""
    return [name for name in _experiments() if name.startswith(incomplete)]


def _experiments() -> list[str]:
    # The shell's words, because a line that ends in "--only" cannot be parsed.
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
        return []  # the suite is not finished

"""Prints a digest of all that a report shows of a run: drawing the page would take a hundred times as long."""

import sys
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np


def canonical(value) -> str:
    """Return a text that two values share only if they are equal to the last bit."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{sha256(value.tobytes()).hexdigest()}"
    if is_dataclass(value):
        return f"{type(value).__name__}({', '.join(canonical(getattr(value, field.name)) for field in fields(value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{canonical(key)}: {canonical(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(canonical, value))}]"
    if isinstance(value, set | frozenset):
        return f"<{', '.join(sorted(map(canonical, value)))}>"
    return repr(value) if type(value).__repr__ is not object.__repr__ else canonical(vars(value))


def main() -> None:
    """Do as `harness report` does, but for the page."""
    from harness.errors import HarnessError
    from harness.report import read

    try:
        material = read(Path(sys.argv[1]))
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(sha256(canonical(material).encode(errors="surrogatepass")).hexdigest())
    for row in material.results.rows:
        print(row.experiment, row.seed, row.status, row.reason)
    for problem in material.problems:
        print(f"left out: {problem}", file=sys.stderr)

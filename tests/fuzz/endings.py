"""How a command may end, whatever it was given."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

from tests.chaos.forkserver import Done, Forks

CODES = {0, 1, 2, 3, 130}
LONGEST = 2000
"""Characters of a line of an error: a few values of 80 each, a list of known names, and what would do."""
_ENDS = ("\n", "\t")
REAL_EVERY = 100
"""One mutation in this number is run by the command line as it is installed, too."""


def environment(cache: str = "cache") -> dict[str, str]:
    """Return the environment of all fuzzed commands; a relative cache is below the folder of each."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return one_thread | {
        "HARNESS_CACHE_DIR": cache,
        "HARNESS_NO_TUNE": "1",
        "HARNESS_DISABLE_PLUGINS": "*",
        "COLUMNS": "1000",
    }


def server(cache: str = "cache") -> Forks:
    """Return a server of forked commands in that environment."""
    return Forks(environment(cache))


def ending(done: Done) -> list[str]:
    """Return what is wrong with how a command ended: nothing, for most."""
    if done.code is None:
        return [f"hangs: {done}"]
    problems = []
    if done.code not in CODES or "Traceback (most recent" in done.err + done.out:
        problems.append(f"crashes: {done}")
    if done.code == 2:
        errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
        if len(errors) != 1 or not done.err.rstrip("\n").endswith(errors[0]):
            problems.append(f"exit code 2 without one line that says why: {done}")
    unprintable = {
        sign for sign in done.out + done.err if unicodedata.category(sign) in {"Cc", "Cs"} and sign not in _ENDS
    }
    if unprintable:
        problems.append(f"prints {sorted(map(ascii, unprintable))}: {done}")
    if any(len(line) > LONGEST for line in done.err.splitlines()):
        problems.append(f"a line of {max(map(len, done.err.splitlines())):,} characters: {done}")
    return problems


def really(*arguments: str, cwd: Path, limit: float = 60.0) -> Done:
    """Run the command line as it is installed; its limit leaves room for the start of an interpreter."""
    command = [sys.executable, "-m", "harness", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | environment(),
            capture_output=True,
            check=False,
            timeout=limit,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Done(arguments, None, "", "")
    outputs = (part.decode(errors="surrogateescape") for part in (done.stdout, done.stderr))
    return Done(arguments, done.returncode, *outputs)

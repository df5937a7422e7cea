"""Two installed versions of harness run the same suite in turns: the processor time and the memory of their trials.

python scripts/in_turns.py BEFORE AFTER ROUNDS SUITE [OPTIONS]

BEFORE, AFTER: the Python of each. OPTIONS: of `harness run`, such as --only M1g. Processor time is that of the whole
command, in one process; it depends less on what else the machine does than the time on a clock. A round runs each
version once, the first of a round being the second of the one before. Memory is what a trial's row says.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from subprocess import Popen
from tempfile import TemporaryDirectory


def measure(python: str, suite: str, options: Sequence[str]) -> tuple[float, int]:
    """Return the seconds of processor time that a run takes, and the most anonymous bytes of its trials."""
    with TemporaryDirectory() as place:
        out, log = Path(place) / "run", Path(place) / "log.txt"
        command = [python, "-m", "harness", "run", str(Path(suite).resolve()), *options]
        command += ["--jobs", "0", "--quiet", "--out", str(out)]
        # From a folder without a harness of the source tree, which Python would import before the installed one.
        with log.open("w") as file, Popen(command, cwd=place, stdout=file, stderr=file) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(command)}: exit code {process.returncode}: {log.read_text()}")
        rows = [json.loads(path.read_text())["row"] for path in out.glob("trials/*/*/row.json")]
    return usage.ru_utime + usage.ru_stime, max(row["anonymous_bytes"] for row in rows)


def main(before: str, after: str, rounds: str, suite: str, *options: str) -> None:
    """Print each round's ratios, AFTER over BEFORE, and their medians."""
    ratios = []
    for number in range(int(rounds)):
        turns = [before, after] if number % 2 == 0 else [after, before]
        measured = {python: measure(python, suite, options) for python in turns}
        (old, least), (new, most) = measured[before], measured[after]
        ratios.append((new / old, most / least))
        print(f"{old:.2f} s and {new:.2f} s: {new / old:.3f}; {least / 1e6:.1f} MB and {most / 1e6:.1f} MB", flush=True)
    times, memories = zip(*ratios, strict=True)
    print(f"medians of {len(ratios)} rounds: processor time {median(times):.3f}, memory {median(memories):.3f}")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__.split("\n\n")[1])
    main(*sys.argv[1:])

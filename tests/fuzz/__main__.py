"""Runs mutations by number; see the package."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.endings import server
from tests.fuzz.fuzzers import FUZZERS, replay


def main() -> None:
    """Run some mutations, print what is wrong with each, and end with 1 if there is something."""
    parser = argparse.ArgumentParser(description="Run mutations by number.")
    parser.add_argument("fuzzer", choices=FUZZERS)
    parser.add_argument("number", type=int, nargs="?")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count) if options.number is None else [options.number]
    bad = 0
    with tempfile.TemporaryDirectory() as name, server() as forks:
        fuzzer = FUZZERS[options.fuzzer](forks, Path(name) / "fuzz")
        for number in numbers:
            for problem in fuzzer.problems(number):
                bad += 1
                print(f"{replay(options.fuzzer, number)}\n{problem}\n", flush=True)
    print(f"{len(numbers)} mutations, {bad} problems")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

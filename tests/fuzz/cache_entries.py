"""A cache of which one file was damaged: a run with it ends as one with its own cache, or refuses by name."""

import random
import re
import shutil
from pathlib import Path

from tests.chaos.contents import differences, whole
from tests.chaos.forkserver import Forks
from tests.fuzz import damage
from tests.fuzz.endings import REAL_EVERY, ending, really
from tests.fuzz.stored import SUITE
from tests.fuzz.suites import write_data

ARGUMENTS = ("stored.toml", "--jobs", "0", "--out", "runs/out")
_SAID = re.compile(r"cache|damaged|checksum|does not read back|not a regular")


class CacheEntries:
    """The fuzzer: each number is one damaged file of a cache."""

    def __init__(self, server: Forks, folder: Path) -> None:
        self._server, self._place, self._start = server, folder / "here", folder / "start"
        self._start.mkdir(parents=True)
        write_data(self._start)
        (self._start / "stored.toml").write_text(SUITE)
        done = server.run("run", *ARGUMENTS, cwd=self._start, limit=60, warm=True)
        assert done.code == 0, done
        self._clean = whole(self._start / "runs/out")
        shutil.rmtree(self._start / "runs")

    def _fresh(self) -> None:
        """Have no run, and a cache that was made here: a data file elsewhere is another source."""
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._start, self._place, ignore=shutil.ignore_patterns("cache"))
        plan = self._server.run("plan", *ARGUMENTS, cwd=self._place)
        assert plan.code == 0, plan

    def problems(self, number: int) -> list[str]:
        """Damage a file of the cache, run, and return what is wrong with the ending or the results."""
        draw = random.Random(number)
        self._fresh()
        files = [
            path for path in sorted((self._place / "cache").rglob("*")) if path.is_file() and path.suffix != ".lock"
        ]
        path = draw.choice(files)
        ways = [damage.bytes_of, damage.digits_of, damage.length_of, damage.kind_of]
        if path.suffix == ".json":
            ways += [damage.json_of] * 3
        elif path.suffix == ".npy":
            ways += [damage.arrays_of] * 3
        draw.choice(ways)(draw, path)
        if number % REAL_EVERY == 0:
            problems = ending(really("plan", *ARGUMENTS, cwd=self._place))
        else:
            problems = ending(self._server.run("plan", *ARGUMENTS, cwd=self._place))
        done = self._server.run("run", *ARGUMENTS, cwd=self._place)
        problems += ending(done)
        if not problems and not (done.code == 2 and _SAID.search(done.err)):
            different = (
                differences(self._clean, whole(self._place / "runs/out")) if done.code == 0 else [f"{done.code}"]
            )
            if different:
                problems.append(f"other results than with a sound cache: {'; '.join(different)}: {done}")
        return [f"{path.relative_to(self._place)}: {problem}" for problem in problems]

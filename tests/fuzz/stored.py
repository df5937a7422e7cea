"""A finished run of which one file was damaged: what every command makes of it."""

import random
import re
import shutil
from pathlib import Path

from tests.chaos.contents import differences, whole
from tests.chaos.forkserver import Done, Forks
from tests.fuzz import damage
from tests.fuzz.endings import REAL_EVERY, ending, really
from tests.fuzz.suites import write_data

SUITE = """\
[suite]
name = "stored"
seeds = [1, 2]

[dataset]
name = "files"
images = "images.npy"
labels = "labels.npy"
split = { train = 0.6, val = 0.2, test = 0.2, seed = 42 }

[defaults]
hidden_layers = [4]
batch_size = 32
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1

[experiments.A]
[experiments.B]
optimizer = { name = "sgd", learning_rate = 0.1, momentum = 0.9 }

[finalists]
first = "A"
second = "B"

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.3]

[expectations]
tolerance = { test_accuracy = 0.01, parameters = 0.0 }

[[expect]]
experiment = "A"
metric = ["test_accuracy", "parameters"]
value = [0.123, 83]
source = "nowhere"

[[expect]]
relation = "A.parameters <= B.parameters"
"""
"""One expectation is missed: `verify` ends with 3, and may end with nothing less where something is damaged."""
RUN = "runs/out"
SHOWING = (
    ("leaderboard", RUN),
    ("leaderboard", RUN, "-f", "json"),
    ("verify", RUN),
    ("compare", "runs/clean", RUN, "--fail-on", "test_accuracy:-0.001"),
    ("runs",),
    ("plan", "stored.toml", "--out", RUN, "--jobs", "0"),
)
MENDING = ("run", "stored.toml", "--out", RUN, "--jobs", "0")
REPORT_EVERY = 20
"""One in this number is drawn as a page; of the others, what the page would show is compared."""
_SAID = re.compile(
    r"damaged|is missing|checksum|cannot be read|unreadable|of another|stale|another place|not a regular file|"
    r"no run here|leads out of|cannot be written to|no verdict|[1-9] to run|incomplete"
)
"""How a command may name the damage, in a line that it does not say of the clean run."""


def _renewed(content: dict) -> None:
    """Make a row's or a header's checksum fit its content."""
    from harness.machine.files import checksum

    covered = {key: value for key, value in content.items() if key not in {"format", "checksum"}}
    try:
        content["checksum"] = checksum(covered)
    except (ValueError, TypeError):
        content["checksum"] = ""


class StoredRuns:
    """The fuzzer: each number is one damaged file of a finished run."""

    def __init__(self, server: Forks, folder: Path) -> None:
        self._server, self._place, self._start = server, folder / "here", folder / "start"
        self._start.mkdir(parents=True)
        write_data(self._start)
        (self._start / "stored.toml").write_text(SUITE)
        self._ran(*MENDING, warm=True)
        shutil.copytree(self._start / RUN, self._start / "runs/clean")
        for command in SHOWING:
            self._ran(*command, codes={0, 3}, warm=True)
        # The copies must differ in nothing from what is compared later: neither in place, nor in time.
        self._fresh()
        self._clean = {command: self._shown(command) for command in SHOWING}
        assert self._clean["verify", RUN].code == 3
        self._material = self._material_of()
        assert self._material.code == 0, self._material
        self._whole = whole(self._start / RUN)
        self._files = [path for path in sorted((self._start / RUN).rglob("*")) if path.is_file() and _counts(path)]

    def _ran(self, *command, codes=frozenset({0}), **options) -> None:
        done = self._server.run(*command, cwd=self._start, limit=60, **options)
        assert done.code in codes, done

    def _fresh(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._start, self._place)

    def _shown(self, command: tuple[str, ...]) -> Done:
        return self._server.run(*command, cwd=self._place)

    def _material_of(self) -> Done:
        return self._server.run(RUN, cwd=self._place, call="tests.fuzz.material:main")

    def _damaged(self, draw: random.Random) -> tuple[Path, bool]:
        """Damage a file; return which, and whether its checksum was made anew."""
        self._fresh()
        path = self._place / draw.choice(self._files).relative_to(self._start)
        ways = [damage.bytes_of, damage.digits_of, damage.length_of, damage.kind_of]
        if path.suffix == ".json":
            ways += [damage.json_of, damage.json_of, _json_renewed, _json_renewed]
        else:
            ways += [damage.arrays_of]
        if "seed-" in str(path):
            ways += [damage.other_of, _trial_moved]
        way = draw.choice(ways)
        way(draw, path)
        return path.relative_to(self._place), way is _json_renewed

    def problems(self, number: int) -> list[str]:
        """Damage a file, run every command, and return what is wrong with what they say."""
        path, renewed = self._damaged(random.Random(number))
        removed = not (self._place / path).with_name("row.json").exists()
        names = {str(path.relative_to(self._place / RUN)) for path in (self._place / RUN).rglob("*")}
        collected = []
        for command in SHOWING:
            done = self._shown(command)
            collected += ending(done) or ([] if renewed else self._unsaid(self._clean[command], done, removed=removed))
            if command[0] == "verify" and done.code in {0, 1} and not renewed:
                collected.append(f"absence of evidence counts as success: {done}")
        material = self._material_of()
        collected += ending(material) or ([] if renewed else self._unsaid(self._material, material, removed=removed))
        if number % REPORT_EVERY == 0:
            collected += ending(self._server.run("report", RUN, cwd=self._place, limit=60))
            (self._place / RUN / "report.html").unlink(missing_ok=True)
        if number % REAL_EVERY == 0:
            collected += ending(really(*SHOWING[0], cwd=self._place))
        collected += self._mended(names, renewed=renewed)
        return [f"{path}{' with a new checksum' if renewed else ''}: {problem}" for problem in collected]

    def _unsaid(self, clean: Done, done: Done, *, removed: bool) -> list[str]:
        """Say so where a command shows something else than before, and not why.

        A row that was removed looks like one that was never written: it is planned.
        """
        if (done.code, _lasting(done)) == (clean.code, _lasting(clean)):
            return []
        new = "\n".join(set(f"{done.out}{done.err}".splitlines()) - set(f"{clean.out}{clean.err}".splitlines()))
        explained = _SAID.search(new) or (removed and "planned" in new)
        return [] if explained else [f"shows other results, and does not say why: {done}"]

    def _mended(self, names: set[str], *, renewed: bool) -> list[str]:
        """Run the suite again: it ends as the clean run, or refuses by name.

        What the damage itself made, a folder of another name, is not the command's to remove.
        """
        done = self._shown(MENDING)
        wrong = ending(done)
        if wrong or renewed or (done.code == 2 and _SAID.search(done.err)):
            return wrong
        different = differences(self._whole, _readable(self._place / RUN))
        different = [difference for difference in different if difference.removeprefix("left over: ") not in names]
        # An archive's bytes may differ where its arrays do not: what a report shows of it was compared.
        different = [difference for difference in different if difference != "differs: classes.npz"]
        if different and not _SAID.search(done.err):
            return [f"the same command leaves what it does not name: {'; '.join(different)}: {done}"]
        return [f"ends with {done.code}: {done}"] if done.code else []


def _lasting(done: Done) -> str:
    """Return what a command shows, but for the age and the size of a run, the last columns of `runs`."""
    if done.arguments[0] != "runs":
        return done.out
    return "\n".join("  ".join(re.split(r"\s{2,}", line.strip())[:-2]) for line in done.out.splitlines()[2:])


def _counts(path: Path) -> bool:
    return path.name not in {"log.txt", ".lock"}


def _readable(folder: Path) -> dict[str, object]:
    try:
        return whole(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {"unreadable": str(error)}


def _json_renewed(draw: random.Random, path: Path) -> None:
    damage.json_of(draw, path, _renewed)


def _trial_moved(draw: random.Random, path: Path) -> None:
    """Remove a trial's folder, rename it, or put another trial's in its place."""
    trial = path.parent
    kind = draw.randrange(3)
    if kind == 0:
        shutil.rmtree(trial)
    elif kind == 1:
        trial.rename(trial.with_name("seed-3"))
    else:
        others = sorted(path for path in trial.parent.parent.glob("*/seed-*") if path != trial)
        shutil.rmtree(trial)
        shutil.copytree(draw.choice(others), trial)

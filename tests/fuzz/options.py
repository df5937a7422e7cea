"""Commands with hostile options and arguments."""

import os
import random
import shutil
from pathlib import Path

from tests.chaos.forkserver import Forks
from tests.fuzz.endings import REAL_EVERY, ending, really
from tests.fuzz.suites import SUITE, write_data
from tests.fuzz.values import NUMBERS, TEXTS, text, toml_value

FORMATS = ("terminal", "markdown", "csv", "latex", "json", "html", "", "JSON")
NAMES = ("A", "B b", "C*", "C[hidden_layers=[4]]", "*", "[", "A/1", "no")
PATHS = (
    "pipe",
    "loop",
    "folder",
    "empty",
    "images.npy",
    "fuzz.toml",
    "base.toml",
    "runs",
    "runs/out",
    "runs/out/run.json",
    "missing/a/b",
    "x" * 5000,
    "a/" * 2000,
    "/dev/zero",
    "/dev/full",
    "/dev/null",
    "/proc/self/mem",
    "\udcff\udcfe",
    "a\nb",
    "..",
    "-",
    "é.toml",
)
"""``pipe`` is a FIFO without a writer, ``loop`` a link to itself."""


def _path(draw: random.Random) -> str:
    """Return a place; none whose files lie outside the fuzzer's folder, as the command may write there."""
    kind = draw.randrange(4)
    return draw.choice([place for place in TEXTS if not place.startswith("/")]) if kind == 0 else draw.choice(PATHS)


def _seeds(draw: random.Random) -> str:
    many = draw.choice((1, 2, 3, 20))
    return draw.choice(
        (",".join(draw.choice(NUMBERS) for _ in range(many)), ",".join(map(str, range(3000))), text(draw))
    )


def _assignment(draw: random.Random) -> str:
    keys = (
        "epochs",
        "defaults.epochs",
        "experiments.A.epochs",
        "experiments.*.epochs",
        "suite.seeds",
        "dataset.split.seed",
    )
    others = (
        "dataset.images",
        "finalists",
        "experiments",
        "experiments.A.optimizer.name",
        "",
        "=",
        "a" * 5000,
        "a." * 3000,
    )
    key = draw.choice((draw.choice(keys), draw.choice(others), text(draw)))
    return key + draw.choice(("=", "=", "=", "", "==")) + draw.choice((toml_value(draw), text(draw)))


def _number(draw: random.Random) -> str:
    return draw.choice((*NUMBERS, "", " 1", "1m", "٣", "one"))


def _duration(draw: random.Random) -> str:
    return draw.choice((_number(draw), _number(draw) + draw.choice("smhdx"), "1h30m", text(draw)))


def _word(*words: str):
    return lambda draw: draw.choice((*words, text(draw)))


_SHARED = {
    "--set": _assignment,
    "--dataset": _word("digits", "files"),
    "--data-dir": _path,
    "--seeds": _seeds,
    "--device": _word("cpu", "cuda", "cuda:99", "auto"),
    "--out": _path,
}
_RUNNING = _SHARED | {"--only": _word(*NAMES), "--jobs": _number, "--threads": _number}
_SHOWN = {"--format": _word(*FORMATS), "--table": _word("overview", "robustness", "speed", "*")}
COMMANDS = {
    ("plan", "SUITE"): _RUNNING | {"--probe": None, "--smoke": None},
    ("run", "SUITE", "--only", "A", "--seeds", "1", "--jobs", "0"): _RUNNING
    | {"--timeout": _duration, "--checkpoint": _duration, "--fail-fast": None, "--fresh": None, "--quiet": None},
    ("why", "SUITE", "TRIAL"): _SHARED,
    ("runs", "FOLDER"): {},
    ("leaderboard", "RUN"): _SHOWN,
    ("verify", "RUN"): _SHOWN | {"--missed": None},
    ("compare", "RUN", "RUN"): _SHOWN
    | {"--fail-on": _word("test_accuracy:-0.5", "test_accuracy:±1", "x:+nan", "a:b:c", ":")},
    ("report", "RUN"): {"--format": _word("png", "gif")},
    ("bench", "--read", "FILE"): {
        "--format": _word(*FORMATS),
        "--compare": _path,
        "--fail-on-slower": None,
        "--require-verdict": None,
    },
    ("new", "KIND", "NAME"): {"--directory": _path},
    ("datasets", "describe", "DATASET"): {"--data-dir": _path, "--partial": None, "--set": _assignment},
    ("datasets", "fetch", "NAME"): {},
    ("plugins",): {},
    ("doctor",): {},
    ("schema",): {},
    ("NAME",): {},
}
"""`bench` measures for longer than a hang may take: only what it reads is fuzzed. `fetch` gets names that are none."""
ARGUMENTS = {
    "SUITE": (lambda draw: draw.choice(("fuzz.toml",) * 5 + (_path(draw),))),
    "TRIAL": _word("A", "A/1", "A 1", "B b/2", "C*"),
    "RUN": (lambda draw: draw.choice(("runs/out", "runs/out", _path(draw)))),
    "FOLDER": (lambda draw: draw.choice((_path(draw), "runs", "."))),
    "FILE": _path,
    "KIND": _word("backend", "optimizer", "model", "perturbation", "dataset"),
    "NAME": text,
    "DATASET": _word("digits", "files"),
}


class Options:
    """The fuzzer: each number is one command."""

    def __init__(self, server: Forks, folder: Path) -> None:
        self._server, self._place, self._start = server, folder / "within" / "here", folder / "start"
        self._start.mkdir(parents=True)
        write_data(self._start)
        (self._start / "fuzz.toml").write_text(SUITE)
        (self._start / "base.toml").write_text('[suite]\nname = "base"\nextends = "fuzz.toml"\n')
        (self._start / "folder").mkdir()
        (self._start / "empty").touch()
        (self._start / "loop").symlink_to("loop")
        for command in ("plan", "run"):
            done = server.run(
                command, "fuzz.toml", "--jobs", "0", "--out", "runs/out", cwd=self._start, limit=60, warm=True
            )
            assert done.code == 0, done

    def problems(self, number: int) -> list[str]:
        """Run the command in a fresh folder, and return what is wrong with its ending."""
        shutil.rmtree(self._place.parent, ignore_errors=True)
        shutil.copytree(self._start, self._place, symlinks=True)
        os.mkfifo(self._place / "pipe")
        draw = random.Random(number)
        command = draw.choice(list(COMMANDS))
        arguments = [ARGUMENTS[word](draw) if word in ARGUMENTS else word for word in command]
        options = COMMANDS[command]
        for name in draw.choices(list(options), k=draw.choice((0, 1, 1, 1, 2, 3))) if options else ():
            value = options[name]
            arguments += [name] if value is None else [name, value(draw)]
        # The system takes neither in an argument.
        arguments = [argument.replace("\0", "")[:100_000] for argument in arguments]
        problems = ending(self._server.run(*arguments, cwd=self._place))
        if not problems and number % REAL_EVERY == 0:
            problems = ending(really(*arguments, cwd=self._place))
        return problems

"""Certify the examples, and what `harness new` writes, in fresh virtual environments.

usage: python scripts/certify_examples.py [STEP…] (default: all)

Steps: jax, sklearn, lamb, lion, occlusion, mlflow, tensorboard, new, four-backends.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from venv import EnvBuilder

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PINS = ("-c", str(ROOT / "constraints.txt"))
KIT = ("pytest", "-q", "--pyargs", "harness.conformance")
NEW = {
    "backend": "mine",
    "optimizer": "my-rule",
    "loss": "my-loss",
    "model": "my-net",
    "perturbation": "my-noise",
    "dataset": "my-bars",
    "observer": "my-lines",
}
STARTED = time.monotonic()


class Environment:
    """A virtual environment with harness and pytest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = str(self.scripts / "python")

    @classmethod
    def installed(cls, folder: Path) -> "Environment":
        """Make one, and install this checkout."""
        EnvBuilder(with_pip=True).create(folder)
        made = cls(folder)
        made.pip(str(ROOT), "pytest")
        return made

    def copy(self, name: str) -> "Environment":
        """Make another of the same content, by hard links: installing again would take most of the time."""
        made = Environment(self.folder.parent / name)
        EnvBuilder(with_pip=False).create(made.folder)
        (source,), (target,) = (environment.folder.glob("lib/python*/site-packages") for environment in (self, made))
        shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)
        return made

    def pip(self, *what: str, cwd: Path = ROOT) -> None:
        """Install, at the pinned versions."""
        run(self.python, "-m", "pip", "install", "--quiet", *PINS, *what, cwd=cwd)

    def module(self, *arguments: str, cwd: Path) -> str:
        """Run a module, show what it says, and return it."""
        return run(self.python, "-m", *arguments, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """Run a command, show its standard output and return it; end with its code if it fails."""
    shown = [Path(command[0]).name, *command[1:]]
    print(f"[{time.monotonic() - STARTED:3.0f} s] $", *shown, flush=True)
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        sys.exit(f"{' '.join(shown)}: exit code {done.returncode}")
    return done.stdout


def certify(base: Environment, name: str, *kit: str) -> None:
    """Install an example, run its own tests, and the kit as its documentation says."""
    environment, folder = base.copy(name), EXAMPLES / f"harness-{name}"
    environment.pip(str(folder))
    environment.module("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    environment.module(*KIT, *kit, cwd=environment.folder)


def start_new(base: Environment) -> None:
    """Type what a stranger types, in an empty folder, for every kind."""
    environment, empty = base.copy("new"), base.folder.parent / "empty"
    empty.mkdir()
    for kind, name in NEW.items():
        environment.module("harness", "new", kind, name, cwd=empty)
        environment.pip("-e", ".[test]", cwd=empty / f"harness-{name}")
        environment.module("pytest", "-q", cwd=empty / f"harness-{name}")
    environment.module("harness", "new", "suite", "mine", cwd=empty)
    mine = ("--seeds", "1", "--set", "defaults.backend=mine", "--set", "experiments.wider.dropout=0.0")
    environment.module("harness", "run", "mine.toml", *mine, cwd=empty)


def run_four_backends(base: Environment) -> None:
    """Run the suite that trains one experiment on four backends: they must agree."""
    environment = base.copy("four-backends")
    # Compiling every module of torch takes longer than the suite.
    environment.pip("--no-compile", "torch", *(str(EXAMPLES / f"harness-{name}") for name in ("jax", "sklearn")))
    environment.module("harness", "run", str(EXAMPLES / "four-backends.toml"), cwd=environment.folder)
    table = ("--table", "accuracy", "--format", "json")
    output = environment.module("harness", "leaderboard", "runs/four-backends", *table, cwd=environment.folder)
    accuracies = {row["experiment"]: row["test"] for row in json.loads(output)["accuracy"]["rows"]}
    if max(accuracies.values()) - min(accuracies.values()) > 0.005:
        sys.exit(f"test accuracies differ by more than half a percentage point: {accuracies}")


STEPS: dict[str, Callable[[Environment], None]] = {
    # The rules that ship with harness are certified where JAX is: there the kit tries them on its arrays, compiled.
    "jax": lambda base: certify(base, "jax", *(f"--harness-optimizer={rule}" for rule in ("sgd", "adam", "adamw"))),
    "sklearn": lambda base: certify(base, "sklearn", "--harness-backend=sklearn"),
    "lamb": lambda base: certify(base, "lamb", "--harness-optimizer=lamb"),
    "lion": lambda base: certify(base, "lion", "--harness-optimizer=lion"),
    "occlusion": lambda base: certify(base, "occlusion", "--harness-perturbation=grey_square"),
    "mlflow": lambda base: certify(base, "mlflow", "--harness-observer=harness_mlflow"),
    "tensorboard": lambda base: certify(base, "tensorboard", "--harness-observer=harness_tensorboard"),
    "new": start_new,
    "four-backends": run_four_backends,
}


def main() -> None:
    """Take the steps that are named, or all."""
    steps = sys.argv[1:] or list(STEPS)
    if unknown := [name for name in steps if name not in STEPS]:
        sys.exit(f"unknown: {', '.join(unknown)}\n{__doc__}")
    with TemporaryDirectory() as work:
        os.environ |= {"HARNESS_CACHE_DIR": f"{work}/cache", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        base = Environment.installed(Path(work).resolve() / "base")
        for name in steps:
            STEPS[name](base)
    print(f"certified in {time.monotonic() - STARTED:.0f} s: {', '.join(steps)}")


if __name__ == "__main__":
    main()

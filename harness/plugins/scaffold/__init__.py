"""Starts a plugin, or a suite, from templates: complete, installable, and passing its own tests."""

import re
import shutil
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from string import Template
from typing import Literal, get_args

from harness.errors import HarnessError, shown
from harness.machine.files import write_bytes
from harness.machine.paths import status_of
from harness.plugins.components import plural
from harness.plugins.loading import Registry

Scaffold = Literal["backend", "optimizer", "loss", "model", "perturbation", "dataset", "observer", "suite"]
SCAFFOLDS: tuple[Scaffold, ...] = get_args(Scaffold)

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 24
"""With more, a line of the templates would be longer than their formatter has it."""

_TARGETS = {
    "backend": "Backend",
    "optimizer": "Optimizer",
    "loss": "Loss",
    "model": "layers",
    "perturbation": "perturb",
    "dataset": "Dataset",
}
"""What a module registers: the same whatever its name is, which would else hide an import or a builtin somewhere."""

_WITH_SCIPY = 'numpy>=2.1", "scipy>=1.14'
_LIBRARIES = {"backend": _WITH_SCIPY, "optimizer": "array-api-compat>=1.12", "perturbation": _WITH_SCIPY}
"""What a package needs beside harness, where that is not NumPy alone."""

_PACKAGE = {
    "pyproject.toml": "package/pyproject.toml",
    "README.md": "package/README.md",
    ".gitignore": "package/gitignore",
    ".github/workflows/ci.yml": "package/ci.yml",
    "${module}/__init__.py": "package/__init__.py",
    "${module}/py.typed": "package/py.typed",
    "${module}/${kind}.py": "${kind}/component.py",
    "tests/test_${kind}.py": "${kind}/tests.py",
}
"""Where each file of a package comes from."""
_OBSERVERS = _PACKAGE | {"README.md": "observer/README.md", "${module}/__init__.py": "observer/__init__.py"}
"""An observer registers nothing: its hooks are in the package, and it is in no suite."""


def create(kind: Scaffold, name: str, directory: Path, registry: Registry, *, suite: str | None = None) -> list[Path]:
    """Write ``harness-<name>/``, a package that offers ``name``, or ``<name>.toml``, a suite; return what was written.

    ``suite``: the text of the suite instead of the template's.

    Raises:
        HarnessError: the name is no good or taken, or what would be written is there already.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        fitting = "-".join(re.findall(r"[a-z0-9]+", name.lower())).lstrip("0123456789-")[:_LONGEST].rstrip("-")
        guess = f" {fitting!r} would do" if fitting else ""
        rule = f"lower-case letters, digits and single dashes, a letter first, {_LONGEST} at most"
        msg = f"{shown(name)} is not a valid {kind} name: {rule}.{guess}"
        raise HarnessError(msg)
    if kind == "suite":
        path = directory / f"{name}.toml"
        if suite is None:
            return _write({path.name: "suite/suite.toml"}, directory, path, {"name": name})
        return _put(directory, path, {Path(path.name): suite.encode()})
    words = {
        "kind": kind,
        "name": name,
        "module": f"harness_{name.replace('-', '_')}",
        "target": _TARGETS.get(kind, ""),
        "hook": f"register_{plural(kind)}",
        "libraries": "" if kind == "observer" else f', "{_LIBRARIES.get(kind, "numpy>=2.1")}"',
        "stubs": ', "scipy-stubs"' if _LIBRARIES.get(kind) is _WITH_SCIPY else "",
        "variable": f"HARNESS_{name.replace('-', '_').upper()}_FILE",
    }
    second = '\n    register("$name-shift", "$module.perturbation:perturb_shift")' if kind == "perturbation" else ""
    words["more"] = Template(second).substitute(words)
    _refuse_taken(kind, name, words["module"], registry)
    if kind == "observer":
        return _write(_OBSERVERS, directory / f"harness-{name}", directory / f"harness-{name}", words)
    usage = _read(f"{kind}/usage.toml").substitute(words).rstrip()
    return _write(_PACKAGE, directory / f"harness-{name}", directory / f"harness-{name}", words | {"usage": usage})


def _refuse_taken(kind: Scaffold, name: str, module: str, registry: Registry) -> None:
    """Refuse a name under which two plugins would be in each other's way."""
    for component in registry.components:
        if (component.kind, component.name) == (kind, name):
            msg = f"{kind} {name!r} is offered by {component.provenance} already: choose another name"
            raise HarnessError(msg)
    if find_spec(module) is not None:
        msg = f"{kind} {name!r}: its package {module} would hide an installed one of that name: choose another name"
        raise HarnessError(msg)


def _write(sources: dict[str, str], folder: Path, made: Path, words: dict[str, str]) -> list[Path]:
    content = {
        Path(Template(target).substitute(words)): _read(Template(source).substitute(words)).substitute(words).encode()
        for target, source in sources.items()
    }
    return _put(folder, made, content)


def _put(folder: Path, made: Path, content: Mapping[Path, bytes]) -> list[Path]:
    """Write files into a folder, where ``made``, the folder or a file in it, is not there yet."""
    if status_of(made):
        msg = f"{made}: exists already, and is left as it is: choose another name, or another --directory"
        raise HarnessError(msg)
    try:
        if made == folder:
            _place(folder, content)
        else:
            for path, text in content.items():
                write_bytes(folder / path, text, durable=False)
    except OSError as error:
        msg = f"{made}: cannot be written: {error.strerror}"
        raise HarnessError(msg) from error
    return [folder / path for path in content]


def _place(folder: Path, content: Mapping[Path, bytes]) -> None:
    """Write a folder aside, then give it its name: a part of it would be refused the next time as there already."""
    aside = folder.with_name(f".{folder.name}.{token_hex(6)}")
    try:
        for path, text in content.items():
            write_bytes(aside / path, text, durable=False)
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _read(source: str) -> Template:
    template = files("harness.plugins.scaffold").joinpath("templates", f"{source}.template")
    return Template(template.read_text(encoding="utf-8"))

"""The commands in one table, and the options that go before any of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from keyword import iskeyword
from typing import Any

import typer
from typer.core import TyperGroup

from harness.plugins.foreign import patience

COMMANDS = (
    "run", "plan", "why", "suites", "runs", "leaderboard", "report", "publish", "compare", "verify", "reproduce",
    "plugins", "doctor", "schema", "bench", "new", "datasets", "merge", "export", "import", "cluster",
)  # fmt: skip
"""The names of the commands, in the order of ``--help``; `harness.cli.commands` has a file for each."""


def in_python(name: str) -> str:
    """Return the name of a command's file and function.

    >>> in_python("run"), in_python("import")
    ('run', 'import_')
    """
    return f"{name}_" if iskeyword(name) else name


@cache
def _imported(name: str) -> Any:
    """Import a command's file, and return typer's object for it."""
    command = getattr(import_module(f"harness.cli.commands.{in_python(name)}"), in_python(name))
    if not isinstance(command, typer.Typer):
        function, command = command, typer.Typer(rich_markup_mode=None, add_completion=False)
        command.command(name)(function)
    return typer.main.get_command(command)


class _Commands(Mapping[str, Any]):
    """The commands by name; a command is imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return _imported(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    """The command line: a command that is not asked for is not imported."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = _Commands()

    def invoke(self, ctx: Any) -> Any:
        """Call a command; an interrupt that it does not answer is for `harness.cli.main` to say."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """Return the names alone: typer's own list imports every command."""
        return list(self.commands)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        from harness import __version__

        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    no_plugins: bool = typer.Option(
        False, "--no-plugins", help="Load only harness's own plugins. HARNESS_DISABLE_PLUGINS=NAME,… disables those."
    ),
    no_tune: bool = typer.Option(
        False,
        "--no-tune",
        help="Measure nothing: each library chooses its kernel of products, and its pages. Also: HARNESS_NO_TUNE=1.",
    ),
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
) -> None:
    """Train a matrix of neural-network experiments, test them under perturbations, and rank them.

    Exit codes: 0 success, 1 a trial failed or could not run, or tests lost cells, 2 a wrong command, suite or
    plugin, 3 an expectation or comparison not met, 4 a comparison without a verdict, 130 interrupted.
    """
    del debug, version  # `main` reads the first, its callback the second
    patience()  # so that a wrong limit is an error of the command, not of each plugin
    if no_tune:
        from harness.machine.kernels import TUNING_OFF

        os.environ[TUNING_OFF] = "1"
    if no_plugins:
        from harness.plugins.loading import DISABLE

        os.environ[DISABLE] = ",".join(["*", *filter(None, [os.environ.get(DISABLE)])])

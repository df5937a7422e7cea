"""The command line: the only place that prints or exits."""

import os
import signal
import sys
from typing import Any

import typer

from harness.cli.benching import bench
from harness.cli.comparing import compare
from harness.cli.creating import new
from harness.cli.datasets import datasets
from harness.cli.ending import leave
from harness.cli.looking import doctor, leaderboard, plugins, runs, schema
from harness.cli.planning import plan, why
from harness.cli.reporting import report
from harness.cli.running import run
from harness.cli.streams import ReaderGoneError, Streams
from harness.cli.transfers import shown_transfers
from harness.cli.verifying import verify
from harness.errors import HarnessError, escaped
from harness.machine.kernels import TUNING_OFF
from harness.plugins.foreign import interrupt
from harness.plugins.loading import DISABLE

_WrongUse: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises of a command that it cannot make sense of: click's UsageError, wherever typer keeps it."""

UTF_8 = "PYTHONIOENCODING=utf-8 writes all of it"

_MOST = 1500
"""Characters of an error that are shown; a path that is longer than the system allows is part of some."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, plan, why, runs, leaderboard, report, compare, verify, plugins, doctor, schema, bench, new):
    app.command()(command)
app.add_typer(datasets, name="datasets")


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
        False, "--no-plugins", help="Load harness's own plugins alone. HARNESS_DISABLE_PLUGINS=NAME,… disables some."
    ),
    no_tune: bool = typer.Option(
        False,
        "--no-tune",
        help="Let OpenBLAS choose its kernel, instead of the fastest measured. Also: HARNESS_NO_TUNE=1.",
    ),
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
) -> None:
    """Train a matrix of neural-network experiments, test them under perturbations, and rank them.

    Exit codes: 0 all well, 1 a trial failed or could not run, 2 a bad command, suite or plugin, 3 an
    expectation or comparison not met, 130 interrupted.
    """
    del debug, version  # `main` has seen to the one, its callback to the other
    if no_tune:
        os.environ[TUNING_OFF] = "1"
    if no_plugins:
        os.environ[DISABLE] = ",".join(["*", *filter(None, [os.environ.get(DISABLE)])])


def main() -> None:
    """Run the command line, and end this process: nothing that a plugin left behind keeps it alive."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    code: object = 1
    streams = Streams()
    streams.take()
    try:
        _run()
    except SystemExit as end:
        code = end.code or 0
        raise
    finally:
        if streams.lacking:
            typer.echo(f"standard output is {sys.stdout.encoding}: '?' stands for what it lacks. {UTF_8}", err=True)
        leave(code if isinstance(code, int) else 1)


def _run() -> None:
    """Run the command line: an error that a person can mend is one line and exit code 2."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    # These may stand anywhere; typer knows them in front.
    switches = ("--debug", "--no-plugins", "--no-tune")
    arguments = sorted(arguments, key=lambda argument: argument not in switches)
    try:
        # Not standalone: what is wrong with a command is told in one line too.
        with shown_transfers():
            code = app(arguments or ["--help"], prog_name="harness", standalone_mode=False)
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except _WrongUse as error:
        typer.echo(f"error: {_brief(_told(error))}", err=True)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except HarnessError as error:
        if debug:
            raise
        typer.echo(f"error: {_brief(str(error))}", err=True)
        sys.exit(2)
    except MemoryError:
        if debug:
            raise
        typer.echo("error: there is not enough memory. Free some, or raise the limit ('ulimit -v' shows it)", err=True)
        sys.exit(2)
    except ReaderGoneError:
        sys.exit(0)


def _brief(text: str) -> str:
    """Return an error in one line, without its middle if it is very long: it ends with what would do."""
    text = escaped(text).replace("\n", "\\n")
    return text if len(text) <= _MOST else f"{text[: _MOST // 2]} … {text[-_MOST // 2 :]}"


def _told(error: Any) -> str:
    """Return what is wrong with a command in one line, and which help would do."""
    command = error.ctx.command_path if error.ctx else "harness"
    text = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    return f"{text}. '{command} -h' shows what there is"

"""The command line: the only place that prints or exits."""

import signal
import sys
from typing import Any

import typer

from harness.cli.app import app
from harness.cli.ending import leave
from harness.cli.streams import ReaderGoneError, Streams
from harness.cli.transfers import shown_transfers
from harness.errors import HarnessError, escaped
from harness.plugins.foreign import interrupt

_WrongUse: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises of a command that it cannot make sense of: click's UsageError, wherever typer keeps it."""

UTF_8 = "PYTHONIOENCODING=utf-8 writes all of it"

_MOST = 1500
"""Characters of an error that are shown; a path that is longer than the system allows is part of some."""


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

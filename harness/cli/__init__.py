"""The command line: the only place that prints or exits."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import typer

from harness.cli.app import app
from harness.cli.ending import leave
from harness.cli.streams import ReaderGoneError, Streams
from harness.errors import HarnessError, LostError, escaped, shown
from harness.live.transfers import shown_transfers
from harness.machine.scarcity import NEEDED, address_space, lacked_memory
from harness.plugins.foreign import interrupt

_WrongUse: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command: click's UsageError, wherever typer keeps it."""

_NO_NUMBER = "Input should be a valid integer, unable to parse string as an integer"
"""What typer says of a text where a number is needed."""
_COLLECTION = (20_000, 20, 20)
"""Python's collector looks for cycles this rarely: plans of thousands of trials are objects that all stay."""
_MOST = 1500
"""Characters of an error that are shown: some name a path that is longer than the system allows."""


def main() -> None:
    """Run the command line, and end this process even if a plugin left threads behind."""
    gc.set_threshold(*_COLLECTION)
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
            encoding = sys.stdout.encoding
            note = (
                f"standard output is {encoding}: '?' replaces characters that it lacks. PYTHONIOENCODING=utf-8 has all"
            )
            typer.echo(note, err=True)
        leave(code if isinstance(code, int) else 1)


def _run() -> None:
    """Run the command line: an error of the user's is one line and exit code 2."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    # These may be anywhere; typer expects them in front.
    switches = ("--debug", "--no-plugins", "--no-tune")
    arguments = sorted(arguments, key=lambda argument: argument not in switches)
    try:
        _check_none_empty(arguments)
        _check_address_space()
        # Not standalone: a wrong command is one line, too.
        with shown_transfers():
            code = app(arguments or ["--help"], prog_name="harness", standalone_mode=False)
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except _WrongUse as error:
        typer.echo(f"error: {_brief(_wrong_use(error))}", err=True)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):  # before a command could say more: while it loads, or plans
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except LostError as error:
        if debug:
            raise
        typer.echo(f"interrupted: {_brief(str(error))}", err=True)
        sys.exit(130)
    except HarnessError as error:
        if debug:
            raise
        typer.echo(f"error: {_brief(str(error))}", err=True)
        sys.exit(2)
    except (MemoryError, ImportError, RuntimeError, SystemError) as error:
        if debug or not lacked_memory(error):
            raise
        typer.echo("error: not enough memory. Free some, or raise the limit ('ulimit -v' shows it)", err=True)
        sys.exit(2)
    except ReaderGoneError:
        sys.exit(0)


def _check_none_empty(arguments: Sequence[str]) -> None:
    """Raise HarnessError if an argument is empty: as a path it would mean the current folder.

    It comes from a variable of the shell's that is not set.
    """
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option, sign, value = argument.partition("=")
        if not argument and not before.startswith("-"):
            msg = f"'' (after {shown(before or 'harness')}): the argument is empty. Give a value, or leave it out"
            raise HarnessError(msg)
        if not argument or (option.startswith("--") and sign and not value):
            msg = f"{option or before} '': the value is empty. Give one, or leave the option out"
            raise HarnessError(msg)


def _check_address_space() -> None:
    """Raise HarnessError if this process may use too few addresses for any run."""
    limit = address_space()
    if limit is not None and limit < NEEDED:
        msg = (
            f"the address space is limited to {limit >> 20} MiB ('ulimit -v'), and harness needs {NEEDED >> 20} MiB. "
            "Raise the limit"
        )
        raise HarnessError(msg)


def _brief(text: str) -> str:
    """Return an error in one line, without its middle if it is very long: the end says how to fix it."""
    text = escaped(text).replace("\n", "\\n")
    return text if len(text) <= _MOST else f"{text[: _MOST // 2]} … {text[-_MOST // 2 :]}"


def _wrong_use(error: Any) -> str:
    """Return what is wrong with a command in one line, and which help to read."""
    command = error.ctx.command_path if error.ctx else "harness"
    text = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    if (given := _given(error)) is not None:
        text = text.replace(_NO_NUMBER, "not a whole number") + f": {shown(given)}"
    return f"{text}{'' if text.endswith('?') else '.'} See '{command} -h'"


def _given(error: Any) -> str | None:
    """Return the text that was given for a number and is none; typer's error has it not."""
    parameter = getattr(error, "param", None)
    if _NO_NUMBER not in error.format_message() or parameter is None:
        return None
    words = sys.argv[1:]
    for option in parameter.opts:
        for word, after in zip(words, [*words[1:], ""], strict=True):
            if word == option:
                return after
            if word.startswith(f"{option}="):
                return word.partition("=")[2]
            if not option.startswith("--") and word.startswith(option):
                return word.removeprefix(option)
    return os.environ.get(parameter.envvar) if isinstance(parameter.envvar, str) else None

"""The help of the command line: whole sentences, from the commands' docstrings, without loading what commands use."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from harness.cli import commands
from harness.cli.app import COMMANDS, app, in_python

CUT = 45
"""Characters from which on a terminal of 80 columns may cut a command's first sentence."""


def function_of(name):
    command = getattr(import_module(f"harness.cli.commands.{in_python(name)}"), in_python(name))
    return command.registered_callback.callback if isinstance(command, typer.Typer) else command


def first_sentence(function):
    return function.__doc__.split("\n\n")[0]


def imported(*arguments):
    """Run a command in a fresh Python; return what it printed, and the modules that were imported at its end."""
    code = "import atexit, sys\natexit.register(lambda: print('modules:', *sys.modules, file=sys.stderr))\n"
    code += f"sys.argv = {['harness', *arguments]}\nfrom harness.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout, set(done.stderr.split("modules: ")[1].split())


def test_every_command_has_a_file():
    """And every file is a command of the table."""
    files = {path.stem for path in Path(commands.__file__).parent.iterdir() if not path.stem.startswith("__")}
    assert files == set(map(in_python, COMMANDS))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_first_sentence_is_short(name):
    """It is a paragraph, ends with a full stop, and fits beside the names of the commands."""
    sentence = first_sentence(function_of(name))
    assert len(sentence) < CUT
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ["fetch", "describe"])
def test_a_first_sentence_about_datasets_is_short(name):
    module = import_module(f"harness.cli.commands.datasets.{name}")
    assert len(first_sentence(getattr(module, name))) < CUT


def test_help_cuts_no_sentence(typed):
    """The docstring of each command, as it is."""
    printed = typed("--help").out
    assert "..." not in printed.replace("[ARGS]...", "")
    for name in COMMANDS:
        assert f"  {name:<12} {first_sentence(function_of(name))}\n" in printed + "\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_is_its_docstring(typed, name):
    printed = " ".join(typed(name, "--help").out.split())
    assert " ".join(function_of(name).__doc__.split()) in printed


def test_help_loads_no_library_of_the_commands():
    """It needs typer alone: no numbers, no suites, no plugins, no metadata of what is installed."""
    printed, loaded = imported("--help")
    assert "Commands:" in printed
    heavy = {"numpy", "pandas", "pydantic", "rich", "tabulate", "importlib.metadata", "harness.plugins.loading"}
    assert not loaded & heavy
    plugins = {"torch", "cupy", "harness_array", "harness_torch", "harness_noise"}
    assert not plugins & {name.partition(".")[0] for name in loaded}


@pytest.mark.slow
def test_a_command_imports_no_other():
    """The table imports the file of the command that is asked for."""
    _, loaded = imported("runs", ".")
    ours = {name.rpartition(".")[2] for name in loaded if name.startswith("harness.cli.commands.")}
    assert ours == {"runs"}


def test_an_unknown_command_is_answered_with_the_nearest(typed):
    error = typed("lederboard", code=2).err
    assert error == "error: No such command 'lederboard'. Did you mean 'leaderboard'? See 'harness -h'\n"


def test_the_application_has_the_commands_of_the_table():
    group = typer.main.get_command(app)
    assert tuple(group.commands) == COMMANDS
    assert "none" not in group.commands

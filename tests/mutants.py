"""Mistakes made in a text on purpose, each of which a test must notice."""

import faulthandler
import os
import select
import signal
import traceback
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from types import FunctionType, ModuleType

MISSED = "the test passes with the mistake: "
LONGEST = 300
"""Seconds that a test may take; the longest takes about ten."""


@dataclass(frozen=True)
class Mutant:
    """A text in place of another one, and the test that fails by it: "module.test", with its parameters."""

    name: str
    text: str
    instead: str
    test: str
    parameters: dict = field(default_factory=dict)

    def of(self, source):
        """Return the source with the mistake.

        Raises:
            ValueError: the text is not there exactly once.
        """
        if source.count(self.text) != 1:
            msg = f"{self.name}: {self.text!r} is there {source.count(self.text)} times"
            raise ValueError(msg)
        return source.replace(self.text, self.instead)

    def fails(self, **fixtures):
        """Run the test in a fork of this process, with those of the fixtures that it takes.

        A mistake may write anywhere in memory, and end the process later, in another test.

        Returns:
            How it failed: the traceback, or the signal that ended the fork; "" where it passed.

        Raises:
            TimeoutError: it did not end.
        """
        module, _, name = self.test.rpartition(".")
        test = getattr(import_module(f"tests.{module}"), name)
        parameters = signature(test).parameters
        taken = {name: value for name, value in fixtures.items() if name in parameters}
        return in_a_fork(lambda: test(**taken, **self.parameters))


def in_a_fork(call):
    """Return the traceback of what the call raised in a fork, or the signal that ended the fork; "" where it returned.

    Raises:
        TimeoutError: the fork did not end.
    """
    answers, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process that has threads
        child = os.fork()
    if not child:
        faulthandler.disable()  # a signal is an answer, and no news
        try:
            call()
        except BaseException:  # noqa: BLE001 - a mistake shows in many ways
            os.write(theirs, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(0)  # without pytest's own ends
    os.close(theirs)
    with os.fdopen(answers, "rb") as pipe:
        if not select.select([pipe], [], [], LONGEST)[0]:
            os.kill(child, signal.SIGKILL)
        failure = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    if ended_by == signal.SIGKILL:
        msg = f"did not end within {LONGEST} s"
        raise TimeoutError(msg)
    return failure if ended_by is None else signal.Signals(ended_by).name


def replace_methods(monkeypatch, module, source):
    """Give the classes of a module the methods that they have in another source of it."""
    mutated = ModuleType(module.__name__)
    mutated.__file__ = module.__file__
    exec(compile(source, module.__file__, "exec"), mutated.__dict__)  # noqa: S102 - our own module's
    for name, member in list(vars(mutated).items()):
        if isinstance(member, FunctionType):
            setattr(mutated, name, getattr(module, name))  # which the double may have replaced
        elif isinstance(member, type) and member.__module__ == module.__name__:
            for attribute, function in vars(member).items():
                special = attribute.startswith("__") and attribute != "__init__"
                if isinstance(function, FunctionType | property) and not special:
                    monkeypatch.setattr(getattr(module, name), attribute, function)
                if isinstance(function, FunctionType) and "__class__" in function.__code__.co_freevars:  # of super()
                    place = function.__code__.co_freevars.index("__class__")
                    function.__closure__[place].cell_contents = getattr(module, name)

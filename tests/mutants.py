"""Mistakes made in a text on purpose, each of which a test must notice."""

from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from types import FunctionType, ModuleType

MISSED = "the test passes with the mistake: "


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
        """Run the test with those of the fixtures that it takes; return what it raised, None where it passed."""
        module, _, name = self.test.rpartition(".")
        test = getattr(import_module(f"tests.{module}"), name)
        parameters = signature(test).parameters
        try:
            test(**{name: value for name, value in fixtures.items() if name in parameters}, **self.parameters)
        except Exception as error:  # noqa: BLE001 - a mistake shows in many ways
            return error
        return None


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

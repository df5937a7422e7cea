"""Options of a component: whatever its factory is, they are checked by its annotations."""

import re
from functools import lru_cache, partial, wraps
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.plugins.components import Component
from harness.plugins.options import OptionError, build


class Rule:
    """Keeps its options."""

    def __init__(self, *, beta: float = 0.9, place: Path | None = None) -> None:
        self.beta = beta
        self.place = place


class Factory:
    """Makes a `Rule` when it is called."""

    def __call__(self, *, beta: float = 0.9, place: Path | None = None) -> Rule:
        """Return a rule."""
        return Rule(beta=beta, place=place)

    @classmethod
    def made(cls, *, beta: float = 0.9, place: Path | None = None) -> Rule:
        """Return a rule."""
        return Rule(beta=beta, place=place)


@wraps(Factory.made)
def wrapped(**options):
    """Hand everything on."""
    return Rule(**options)


FACTORIES = {
    "class": Rule,
    "class method": Factory.made,
    "callable": Factory(),
    "wrapped": wrapped,
    "cached": lru_cache(Factory.made),
    "partial": partial(Rule, beta=0.5),
    "partial of a partial": partial(partial(Rule), beta=0.5),
    "partial of a callable": partial(Factory(), beta=0.5),
}


def component(factory):
    """Return an optimizer of a third party's."""
    return Component("optimizer", "lion", "harness-lion", "1.2", factory)


@pytest.mark.parametrize("kind", FACTORIES)
def test_every_kind_of_factory_takes_its_options(tmp_path, kind):
    """Checked, and paths resolved; what a partial has bound may be given another value."""
    lion = component(FACTORIES[kind])
    optimizer = build(lion, {"beta": 0.25, "place": "x"}, tmp_path)
    assert (optimizer.beta, optimizer.place) == (0.25, (tmp_path / "x").resolve())
    assert build(lion, {}, tmp_path).beta == (0.5 if kind.startswith("partial") else 0.9)
    with pytest.raises(OptionError, match=r"^beta: 'much' is not a number"):
        build(lion, {"beta": "much"}, tmp_path)
    with pytest.raises(OptionError, match=r"^betta: optimizer 'lion' has no such option. Did you mean 'beta'\?"):
        build(lion, {"betta": 1.0}, tmp_path)


def test_a_factory_whose_keywords_cannot_be_read_is_named(tmp_path):
    """A type that is imported for checkers alone, and a builtin that has no signature."""

    def typed(beta: "Beta") -> Rule:  # noqa: F821 - that is the mistake
        return Rule(beta=beta)

    for factory, why in ((typed, "NameError: name 'Beta' is not defined"), (iter, "ValueError: .*signature")):
        with pytest.raises(HarnessError) as caught:
            build(component(factory), {}, tmp_path)
        output = re.escape("optimizer 'lion' (harness-lion 1.2): the keywords of its factory cannot be read: ")
        assert re.match(f"{output}{why}", str(caught.value))


def test_a_factory_that_raises_is_named_and_its_refusal_of_a_value_reported_with_the_option(tmp_path):
    """A ValueError is a refusal; anything else is a fault of the plugin."""

    def raises(error):
        def factory(*, beta: float = 0.9) -> Rule:  # noqa: ARG001 - refused
            raise error

        return component(factory)

    with pytest.raises(OptionError, match=r"^beta: 2.0 is not in \[0, 1\)$"):
        build(raises(ValueError("beta: 2.0 is not in [0, 1)")), {"beta": 2.0}, tmp_path)
    with pytest.raises(OptionError, match=r"^name: not today$"):
        build(raises(ValueError("not today")), {}, tmp_path)
    with pytest.raises(HarnessError, match=r"^optimizer 'lion' \(harness-lion 1.2\): OSError: no licence$") as caught:
        build(raises(OSError("no licence")), {}, tmp_path)
    assert not isinstance(caught.value, OptionError)

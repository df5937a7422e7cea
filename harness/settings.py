"""What settings are made of: a table of a suite, and the numbers and names in it."""

from collections.abc import Hashable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError

from harness.errors import nearest, printable, shown
from harness.text import in_toml

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, le=10**9)]
"""What there is a number of: no machine holds, and no lifetime has, as many as the bound."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""Of a component: a plugin's, alone or behind its distribution's and a colon."""
Value = TypeVar("Value", bound=Hashable)

_KINDS = {
    "int_type": ("a whole number", "10"),
    "int_parsing": ("a whole number", "10"),
    "int_from_float": ("a whole number", "10"),
    "float_type": ("a number", "0.5"),
    "float_parsing": ("a number", "0.5"),
    "string_type": ("text", '"…"'),
    "bool_type": ("true or false", "true"),
    "bool_parsing": ("true or false", "true"),
}
"""Pydantic's error types for a value of another kind: what it should be, and an example."""
_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
"""Its error types for a value out of range: where the error has the bound, and in words."""


def misfit(item: Mapping[str, Any], key: str, *, listed: bool = False) -> str:
    """Return what is wrong with a setting, and how to write it; ``item``: one of pydantic's errors.

    ``listed``: the value is in the list of that key. A number in quotes is written as the number that it is.

    >>> misfit({"type": "int_type", "input": "7", "msg": "Input should be a valid integer"}, "epochs")
    "'7' is not a whole number. Write epochs = 7"
    """
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in _BOUNDS:
        end, words = _BOUNDS[kind]
        bound = context[end]
        exact = f"{bound:g}" if isinstance(bound, float) else bound
        return f"{in_toml(value)} is out of range. It must be {words} {exact}"
    if kind == "literal_error":
        return unknown(key, value, context["expected"])
    if kind == "finite_number":
        return f"{in_toml(value)} is not a finite number"
    if kind in {"list_type", "tuple_type"}:
        return f"{in_toml(value)} is not a list. Write {printable(key, 100)} = [{_elements(value)}]"
    if kind not in _KINDS or (isinstance(value, int) and kind.startswith("int")):  # of too many digits
        return f"{in_toml(value)}: {item['msg'][0].lower()}{item['msg'][1:]}"
    what, example = _KINDS[kind]
    if kind.startswith("int") and isinstance(value, float) and isfinite(value):
        example = str(round(value))
    elif kind == "string_type" and isinstance(value, int | float):
        example = shown(str(value))
    elif isinstance(value, str):
        with suppress(ValueError):
            example = str(int(value)) if kind.startswith("int") else f"{float(value):g}"
    return f"{in_toml(value)} is not {what}. Write {printable(key, 100)} = {f'[{example}]' if listed else example}"


def unknown(key: str, value: Any, expected: str) -> str:
    """Return that a key does not have this value; ``expected``: those that it may have, as pydantic lists them."""
    choices = [choice.strip().strip("'") for choice in expected.replace(" or ", ", ").split(",")]
    if isinstance(value, str):
        return f"unknown {printable(key, 100)} {shown(value)}. {nearest(value, choices)}"
    return f"{in_toml(value)} is not one of its values. Known: {', '.join(choices)}."


def _elements(value: Any) -> str:
    """Return a value that is no list as the elements of one, where it is a number or numbers and commas.

    >>> _elements(32), _elements("1,2"), _elements("a")
    ('32', '1, 2', '…')
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value}"
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
    numbers = parts and all(part.isdecimal() for part in parts) and len(value) < 100
    return ", ".join(parts) if numbers else "…"


def distinct(values: list[Value]) -> list[Value]:
    """Return a list whose values differ; a validator of pydantic's, so a ValueError says which is there twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            msg = f"{value} is there twice. Remove one"
            raise ValueError(msg)
    return values


class Table(BaseModel):
    """A table of the suite: unknown keys and wrong types are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return its values, as pydantic does.

        Raises:
            KeyboardInterrupt: it was interrupted. In a serializer in Python, pydantic wraps that in another error,
                which looks like a fault.
        """
        try:
            return super().model_dump(**options)
        except PydanticSerializationError as error:
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise error.__cause__ from None
            raise

"""What settings are made of: a table of a suite, and the numbers and names in it."""

from collections.abc import Hashable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import printable, shown
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


def misfit(item: Mapping[str, Any], key: str, *, listed: bool = False) -> str:
    """Return what is wrong with a setting, and how to write it; ``item``: one of pydantic's errors.

    ``listed``: the value is in the list of that key. A number in quotes is written as the number that it is.

    >>> misfit({"type": "int_type", "input": "7", "msg": "Input should be a valid integer"}, "epochs")
    "'7' is not a whole number. Write epochs = 7"
    """
    kind, value = item["type"], item["input"]
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


def distinct(values: list[Value]) -> list[Value]:
    """Return a list whose values differ; a validator of pydantic's, so a ValueError says which is there twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            msg = f"{value} is there twice"
            raise ValueError(msg)
    return values


class Table(BaseModel):
    """A table of the suite: unknown keys and wrong types are refused, values do not change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

"""What settings are made of: a table of a suite, and the numbers and names in it."""

from collections.abc import Hashable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, le=10**9)]
"""What there is a number of: no machine holds, and no lifetime has, as many as the bound."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""Of a component: a plugin's, alone or behind its distribution's and a colon."""
Value = TypeVar("Value", bound=Hashable)


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

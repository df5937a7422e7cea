"""What all documents share: their version, their values, and how they are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION: Literal[1] = 1
"""The version of all documents. It grows when a key goes or means something else; new keys leave it as it is."""


def plain(value: Any) -> Any:
    r"""Return a value as JSON has it: numbers that are not finite are null, paths are text.

    >>> plain({"a": float("nan"), "b": (1, "caf\udce9")})
    {'a': None, 'b': [1, 'caf\\udce9']}
    """
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if hasattr(value, "item"):  # a number of NumPy's
        value = value.item()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # a path's bytes that are not UTF-8


Text = Annotated[str, BeforeValidator(plain)]
Number = Annotated[float | None, BeforeValidator(plain)]
"""Null where it is unknown, or not finite."""


class Part(BaseModel):
    """A part of a document: every key is there, null where there is nothing to say."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class Document(Part):
    """What a command prints."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """The version of this form."""


class TableDocument(Part):
    """A table as leaderboards have it."""

    title: Text
    note: Text
    rows: Annotated[list[dict[str, Any]], BeforeValidator(plain)]
    """Raw numbers by the columns' keys: fractions, nats, seconds; …_std and …_n beside means, …_low and …_high beside
    estimates, …_mark beside differences."""


_TYPES = {"string": "string", "int64": "integer", "Int64": "integer", "float64": "number", "bool": "boolean",
          "boolean": "boolean"}  # fmt: skip


def lines_of(columns: Mapping[str, str]) -> Any:
    """Return a field of lines that have the columns of one of `harness.api.columns`' frames."""
    properties = {name: {"type": [_TYPES.get(dtype, "string"), "null"]} for name, dtype in columns.items()}
    line: dict[str, Any] = {"type": "object", "properties": properties, "required": list(columns)}
    return Field(json_schema_extra={"items": line})


Lines = Annotated[list[dict[str, Any]], BeforeValidator(plain)]


def lines(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's lines; what is missing is null."""
    known = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in line.items()} for line in known.to_dict("records")]


def written(content: Any) -> str:
    """Return a document, or another value, as JSON; ASCII where standard output is of another encoding than UTF-8."""
    value = content.model_dump(mode="python") if isinstance(content, BaseModel) else plain(content)
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return json.dumps(value, indent=2, ensure_ascii=ascii_only, allow_nan=False)


def emit(content: Any) -> None:
    """Print a document on standard output, whole."""
    typer.echo(written(content))

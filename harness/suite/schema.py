"""The JSON Schema of a suite file, and the keys that it has at a place."""

from collections.abc import Sequence
from typing import Any

from harness.suite.models import Suite

_PARTIAL = ("Experiment", "OptimizerTable", "ModelTable", "EarlyStopping")
"""Tables that an experiment may give in part, because ``[defaults]`` completes them."""

_GRID = {
    "type": "object",
    "title": "Grid",
    "description": 'One experiment for every combination: { "optimizer.learning_rate" = [0.01, 0.1] }.',
    "minProperties": 1,
    "additionalProperties": {"type": "array", "minItems": 1, "items": {"not": {"type": "object"}}},
}


def suite_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a suite file."""
    schema = Suite.model_json_schema()
    schema["title"] = "harness suite"
    schema["description"] = "A suite: a dataset, experiments, the backends to train them on, and how to test them."
    for name in _PARTIAL:
        schema["$defs"][name].pop("required", None)
    defaults = schema["$defs"]["Experiment"]
    schema["$defs"]["Defaults"] = defaults | {"title": "Defaults", "description": "What every experiment starts from."}
    schema["$defs"]["Experiment"] = defaults | {"properties": defaults["properties"] | {"grid": _GRID}}
    schema["properties"]["defaults"] = {"$ref": "#/$defs/Defaults"}
    schema["properties"]["experiments"] |= {"minProperties": 1, "additionalProperties": False}
    schema["properties"]["suite"] |= _suite_in_part(schema)
    return schema


def _suite_in_part(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the constraint that only a suite that extends another may lack a name."""
    about = schema["$defs"]["About"]
    about.pop("required", None)
    return {"anyOf": [{"required": ["name"]}, {"required": ["extends"]}]}


def known_keys(schema: dict[str, Any], path: Sequence[str | int]) -> list[str]:
    """Return the keys that the table at ``path``, or any of its variants, may have."""
    return sorted({key for node in _nodes(schema, path) for key in node.get("properties", {})})


def named_keys(schema: dict[str, Any], path: Sequence[str | int]) -> dict[str, list[str]]:
    """Return the keys of each named variant of the table at ``path``, by its name."""
    tables = [node["properties"] for node in _nodes(schema, path) if "properties" in node]
    return {table["name"]["const"]: sorted(table) for table in tables if "const" in table.get("name", {})}


def _nodes(schema: dict[str, Any], path: Sequence[str | int]) -> list[dict[str, Any]]:
    nodes = _variants(schema, schema)
    for part in path:
        nodes = [deeper for node in nodes for deeper in _variants(schema, _descend(node, part))]
    return nodes


def _descend(node: dict[str, Any], part: str | int) -> dict[str, Any]:
    if isinstance(part, int):
        return dict(node.get("items", {}))
    if part in node.get("properties", {}):
        return dict(node["properties"][part])
    for inner in node.get("patternProperties", {}).values():
        return dict(inner)
    inner = node.get("additionalProperties", {})
    return dict(inner) if isinstance(inner, dict) else {}


def _variants(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the node's alternatives, with references resolved."""
    if "$ref" in node:
        return _variants(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]])
    alternatives = node.get("anyOf", []) + node.get("oneOf", [])
    if alternatives:
        return [variant for alternative in alternatives for variant in _variants(schema, alternative)]
    return [node]

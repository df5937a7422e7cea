"""What Sphinx needs beside the pages: tables from the code, a menu from the index, and what links become there."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from harness.cli.app import app
from harness.cli.documents.catalogue import DOCUMENTS, document_schema
from harness.metrics.catalogue import CATALOGUE
from harness.suite.schema import suite_schema

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s:#]+)(#[^)]*)?\)")
KINDS = {
    "object": "table",
    "array": "list",
    "string": "text",
    "integer": "whole number",
    "boolean": "`true` or `false`",
}
"""What TOML's readers call JSON's types."""
CONSTRAINTS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "of length ≥ {}",
    "minItems": "of length ≥ {}",
}


class SuiteKeys(SphinxDirective):
    """A table of keys for each table of a suite, from its JSON Schema."""

    def run(self) -> list[nodes.Node]:
        """Return them."""
        return self.parse_text_to_nodes(suite_keys(), allow_section_headings=True)


class CommandHelp(SphinxDirective):
    """The help of every command, below a heading each."""

    def run(self) -> list[nodes.Node]:
        """Return it."""
        return self.parse_text_to_nodes(command_help(), allow_section_headings=True)


class DocumentKeys(SphinxDirective):
    """A table of keys for each document that a command prints as JSON, and for each of its parts."""

    def run(self) -> list[nodes.Node]:
        """Return them."""
        return self.parse_text_to_nodes(document_keys(), allow_section_headings=True)


class MetricRecords(SphinxDirective):
    """A table of the catalogue's records."""

    def run(self) -> list[nodes.Node]:
        """Return it."""
        return self.parse_text_to_nodes(metric_records())


def command_help() -> str:
    """Return the help of the program and of each command, in Markdown."""
    program = typer.main.get_command(app)
    return "\n".join(line for names, text in _helps(program, ("harness",)) for line in _section(names, text))


def _section(names: tuple[str, ...], text: str) -> list[str]:
    return [f"## {' '.join(names)}", "", "```text", text, "```", ""]


def _helps(command: Any, names: tuple[str, ...], parent: Any = None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the words and the help of a command and of those below it, 100 characters wide."""
    context = command.context_class(command, info_name=names[-1], parent=parent, terminal_width=100)
    yield names, command.get_help(context)
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        if not inner.hidden:
            yield from _helps(inner, (*names, name), context)


def suite_keys() -> str:
    """Return the tables, in Markdown, each below a heading."""
    schema = suite_schema()
    tables = {"A suite": schema} | dict(sorted(schema["$defs"].items()))
    return "\n".join(line for title, table in tables.items() for line in _table(title, table))


def _table(title: str, table: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"## {title}", "")
    if table.get("description"):
        yield from (" ".join(table["description"].split()), "")
    yield from ("| key | value | default |", "|---|---|---|")
    for key, value in table.get("properties", {}).items():
        default = "required" if key in table.get("required", ()) else _default(value)
        yield f"| `{key}` | {_kind(value)} | {default} |"
    yield ""


def document_keys() -> str:
    """Return the tables, in Markdown, each below a heading; parts that several documents share are there once."""
    found: dict[str, Mapping[str, Any]] = {}
    for command in DOCUMENTS:
        schema = document_schema(command)
        found |= {f"harness {command} -f json": schema, **schema.get("$defs", {})}
    return "\n".join(line for title, part in found.items() for line in _part(title, part))


def _part(title: str, part: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"### {title}", "", "| key | value | meaning |", "|---|---|---|")
    for key, value in part["properties"].items():
        lines = value.get("items", {}).get("properties")
        kind = f"list of lines: {', '.join(f'`{name}`' for name in lines)}" if lines else _kind(value)
        kind += " or `null`" if {"type": "null"} in value.get("anyOf", ()) else ""
        yield f"| `{key}` | {kind} | {' '.join(value.get('description', '').split())} |"
    yield ""


def _default(value: Mapping[str, Any]) -> str:
    return f"`{json.dumps(value['default'], ensure_ascii=False)}`" if value.get("default") is not None else "none"


def _kind(value: Mapping[str, Any]) -> str:
    """Return what a value may be, in words; alternatives are joined by "or"."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    variants = value.get("anyOf") or value.get("oneOf")
    if variants:
        return " or ".join(dict.fromkeys(_kind(variant) for variant in variants if variant.get("type") != "null"))
    if "const" in value or "enum" in value:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in value.get("enum", [value.get("const")]))
    kind = KINDS.get(value.get("type", ""), value.get("type", "any value"))
    inner = value.get("items") or value.get("additionalProperties")
    of = f" of {_kind(inner)}" if isinstance(inner, dict) and inner else ""
    limits = [text.format(value[key]) for key, text in CONSTRAINTS.items() if key in value]
    return f"{kind}{of}{' (' + ', '.join(limits) + ')' if limits else ''}"


def metric_records() -> str:
    """Return the table, in Markdown."""
    better = {True: "higher", False: "lower", None: "–"}
    lines = ["| name | heading | unit | rows | better | intervals over images |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{metric.name}` | {metric.heading} | {metric.unit.name} | {metric.rows} "
        f"| {better[metric.higher_is_better]} "
        f"| {'yes' if metric.per_image or metric.per_image_over else 'no'} |"
        for metric in CATALOGUE.values()
    ]
    return "\n".join(lines)


def complete(sphinx: Sphinx, page: str, source: list[str]) -> None:
    """Give the index a menu of the pages that it links to; name files outside the documentation instead of a link."""
    folder = Path(sphinx.srcdir)

    def named(link: re.Match[str]) -> str:
        target = (folder / page).parent / link[2]
        inside = target.resolve().is_relative_to(folder) and target.suffix in {".md", ".png"}
        path = target.resolve()
        return link[0] if inside else f"{link[1]} (`{path.relative_to(folder.parent)}` in the repository)"

    text = LINK.sub(named, source[0])
    source[0] = _with_menu(text) if page == sphinx.config.root_doc else text


def _with_menu(text: str) -> str:
    """Return the index with a hidden table of contents for each of its sections, of the pages that it links to."""
    head, *sections = re.split(r"(?m)^(?=## )", text)
    menus = [_menu("", head)] + [_menu(section.splitlines()[0][3:], section) for section in sections]
    return "\n".join([text, *menus])


def _menu(caption: str, section: str) -> str:
    pages = dict.fromkeys(link[2].removesuffix(".md") for link in LINK.finditer(section) if link[2].endswith(".md"))
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *pages, "```", ""])


def escape_stars(_sphinx: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Keep the star of shapes, as in (rows, *shape): reStructuredText takes it for emphasis."""
    lines[:] = [re.sub(r"(?<![*\\`])\*(?=[a-z])", r"\\*", line) for line in lines]


def setup(sphinx: Sphinx) -> dict[str, Any]:
    """Register the directives and the hooks."""
    sphinx.add_directive("command-help", CommandHelp)
    sphinx.add_directive("suite-keys", SuiteKeys)
    sphinx.add_directive("document-keys", DocumentKeys)
    sphinx.add_directive("metric-records", MetricRecords)
    sphinx.connect("source-read", complete)
    sphinx.connect("autodoc-process-docstring", escape_stars)
    return {"parallel_read_safe": True}

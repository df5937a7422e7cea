"""Every document by its command, and its JSON Schema."""

from __future__ import annotations

from typing import Any

from harness.cli.documents.document import Document
from harness.cli.documents.installed import (
    DatasetsDocument,
    DoctorDocument,
    PluginsDocument,
    RunsDocument,
    SuitesDocument,
)
from harness.cli.documents.judging import CompareDocument, VerifyDocument
from harness.cli.documents.running import PlanDocument, RunDocument, WhyDocument

DOCUMENTS: dict[str, type[Document]] = {
    "run": RunDocument,
    "plan": PlanDocument,
    "why": WhyDocument,
    "runs": RunsDocument,
    "suites": SuitesDocument,
    "compare": CompareDocument,
    "verify": VerifyDocument,
    "plugins": PluginsDocument,
    "doctor": DoctorDocument,
    "datasets": DatasetsDocument,
}


def document_schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema of what a command prints with ``-f json``; later versions of harness may add keys."""
    schema = DOCUMENTS[command].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_open(schema)}


def _open(schema: Any) -> Any:
    """Return a schema that lets other keys be: that none is misspelled, the models see to."""
    if isinstance(schema, list):
        return [_open(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _open(part) for key, part in schema.items() if (key, part) != ("additionalProperties", False)}

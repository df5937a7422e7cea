"""Tables: what they hold, and their text for a terminal, Markdown, LaTeX, CSV and JSON."""

from harness.results.tables.formats import render_all
from harness.results.tables.model import Column, Marked, Ranked, Table
from harness.results.tables.records import by_key

__all__ = ["Column", "Marked", "Ranked", "Table", "by_key", "render_all"]

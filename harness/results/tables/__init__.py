"""Tables: what they hold, and their text for a terminal, Markdown, LaTeX, CSV and JSON."""

from harness.results.tables.formats import render_all
from harness.results.tables.model import Column, Marked, Ranked, Table

__all__ = ["Column", "Marked", "Ranked", "Table", "render_all"]

"""Tables: what they hold, and their text for a terminal, Markdown, LaTeX, CSV and JSON."""

from harness.results.tables.choosing import only
from harness.results.tables.formats import render_all
from harness.results.tables.latex import Float
from harness.results.tables.model import Column, Marked, Ranked, Table, Worded
from harness.results.tables.records import by_key

__all__ = ["Column", "Float", "Marked", "Ranked", "Table", "Worded", "by_key", "only", "render_all"]

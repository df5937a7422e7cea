"""A run as one page to look at, and its figures as files. Needs the extra ``report``."""

from harness.report.comparison import render_comparison
from harness.report.files import draw, write_page
from harness.report.page import render
from harness.report.reading import Material, read

__all__ = ["Material", "draw", "read", "render", "render_comparison", "write_page"]

"""A run as one page to look at, and its figures as files. Needs the extra ``report``."""

from harness.report.comparison import render_comparison
from harness.report.datasets import datasets_figures, render_datasets
from harness.report.files import draw, drawn, write_page
from harness.report.page import render
from harness.report.reading import Material, read

__all__ = [
    "Material",
    "datasets_figures",
    "draw",
    "drawn",
    "read",
    "render",
    "render_comparison",
    "render_datasets",
    "write_page",
]

"""How Sphinx makes the documentation's site, offline: sphinx-build -W docs build/site."""

import sys
from pathlib import Path

from harness import __version__

sys.path.insert(0, str(Path(__file__).parent))  # of `site_pages` and `notebook_page`

project = "harness"
author = copyright = "The harness authors"  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",  # docstrings are in Google's style
    "notebook_page",  # the example notebook with its outputs
    "site_pages",  # commands, suite keys, metrics, the menu, links into the repository
]
root_doc = "index"
html_theme = "furo"
html_title = f"harness {release}"

myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
default_role = "code"  # docstrings name objects in single backquotes

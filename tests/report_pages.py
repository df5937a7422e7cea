"""A report's page, read back: its figures' data, as a browser gets it, and its tables."""

import json
from html.parser import HTMLParser

import pandas as pd


class Page(HTMLParser):
    """``figures``: each key's data, a frame for each source. ``tables``: lines of cells by id. ``text``: all of it."""

    def __init__(self, html):
        super().__init__()
        self.figures, self.tables, self.tags, self.labels = {}, {}, [], {}
        self.text, self._cell = "", False
        self._key = self._script = self._table = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        """Note a tag, and where the next data belongs."""
        about = dict(attributes)
        self.tags.append((tag, about))
        if about.get("data-key"):
            self._key = about["data-key"]
            self.labels[self._key] = about["aria-label"]
        if tag == "script":
            self._script = about.get("type", "text/javascript")
        if tag == "table":
            self._table = self.tables.setdefault(about["id"], [])
        if tag == "tr" and self._table is not None:
            self._table.append([])
        if tag in {"td", "th"}:
            self._table[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        """End a cell, a table or a script."""
        if tag == "script":
            self._script = None
        if tag in {"td", "th"}:
            self._table[-1][-1] = self._table[-1][-1].strip()
            self._cell = False
        if tag == "table":
            self._table = None

    def handle_data(self, data):
        """Take a figure's data, or text."""
        if self._script == "application/json" and self._key:
            sources = json.loads(data)["datasets"]
            self.figures[self._key] = {
                name: pd.DataFrame(packed["lines"], columns=packed["columns"]) for name, packed in sources.items()
            }
            self._key = None
        elif self._script is None:
            self.text += data
            if self._cell:
                self._table[-1][-1] += data

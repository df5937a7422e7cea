"""A notebook as part of a page: its cells, executed when the page is built, with what they show."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docutils import nodes
from nbclient import NotebookClient
from nbformat import read
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SHOWN = ("text/html", "image/svg+xml")
"""What a browser draws, in the order in which it is preferred to plain text."""


class ExecutedNotebook(SphinxDirective):
    """The cells of a notebook with their outputs; an error in a cell fails the build."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return them."""
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        return list(self._cells(executed(Path(path))))

    def _cells(self, notebook: Any) -> Iterator[nodes.Node]:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                yield nodes.literal_block(cell.source, cell.source, language="python")
                for output in cell.outputs:
                    yield from _shown(output)
            else:  # the page has its own headings
                text = "\n".join(line for line in cell.source.splitlines() if not line.startswith("#"))
                yield from self.parse_text_to_nodes(text)


def executed(path: Path) -> Any:
    """Return a notebook that ran from top to bottom, in an empty folder."""
    notebook = read(path, as_version=4)
    with TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    return notebook


def _shown(output: Mapping[str, Any]) -> Iterator[nodes.Node]:
    """Yield what a browser draws of an output, or its text."""
    data = output.get("data", {})
    for kind in SHOWN:
        if kind in data:
            yield nodes.raw("", f'<div class="cell-output">{data[kind]}</div>', format="html")
            return
    if text := data.get("text/plain", output.get("text", "")):
        yield nodes.literal_block(text, text, language="text")


def setup(sphinx: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    sphinx.add_directive("executed-notebook", ExecutedNotebook)
    return {"parallel_read_safe": True}

"""The documents: their code blocks, links and tables, for the tests that what they say is true."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)
"""What a reader reads, as paths from the repository's root."""


def text(document):
    """Return a document's text."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document, language):
    """Return a document's code blocks of a language, in its order."""
    return re.findall(rf"```{language}\n(.*?)```", text(document), flags=re.DOTALL)


def block(document, language, containing):
    """Return a document's code block of a language that contains a text; there is one."""
    matching = [block for block in blocks(document, language) if containing in block]
    assert len(matching) == 1
    return matching[0]


def prose(document):
    """Return a document's text without its code blocks."""
    return re.sub(r"```.*?```", "", text(document), flags=re.DOTALL)


def section(document, heading):
    """Return what is below a heading, named without its signs, up to the next heading of its level or a higher one."""
    marks, rest = re.search(
        rf"^(#+) {re.escape(heading)}\n(.*)", text(document), flags=re.DOTALL | re.MULTILINE
    ).groups()
    return re.split(rf"^#{{1,{len(marks)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def anchors(document):
    """Return the anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def coded(table):
    """Return what is in code in the first column of a text's tables."""
    firsts = re.findall(r"^\| (`[^|]*) \|", table, flags=re.MULTILINE)
    return [name for cell in firsts for name in re.findall(r"`([^`]+)`", cell)]

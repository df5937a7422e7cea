"""The words that a reader meets are the field's: none of a private dialect's.

Read are the strings, docstrings, comments and names of Python files, the suites and the documents.
"""

import ast
import io
import re
import tokenize

import pytest

from tests.documents import DOCUMENTS, ROOT

AVOIDED = ("told", "stands", "held against", "so many", "nobody", "whoever", "of its own")
"""Each has a plainer word: reported, is, verified, at most, no one, anyone, its. See CONTRIBUTING.md."""
_AVOIDED = re.compile(rf"\b({'|'.join(AVOIDED)})\b".replace(" ", r"\s+"), re.IGNORECASE)
_LAST = re.compile(rf"(?<![a-z])({'|'.join(words.split()[-1] for words in AVOIDED)})(?![a-z])", re.IGNORECASE)
"""The last word of each: source with none of them need not be parsed."""
STORED = {("harness/trial/checkpoints.py", "told")}
"""Strings that files of earlier versions have."""
CODE = [
    str(path.relative_to(ROOT))
    for folder in ("harness", "backends", "perturbations", "examples", "scripts", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "test_words.py"
]
TEXTS = [
    *DOCUMENTS,
    "CHANGELOG.md",
    "results/README.md",
    *(
        str(path.relative_to(ROOT))
        for pattern in ("suites/*", "examples/**/*.md", "examples/**/*.toml", "harness/**/*.template")
        for path in sorted(ROOT.glob(pattern))
        if path.is_file()
    ),
]


def passages(source):
    """Yield the line and the text of each string, docstring, comment and name of Python source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.NAME}:
            yield token.start[0], token.string.strip("_")


def avoided(text):
    """Return each avoided word of a text with what surrounds it."""
    return [text[max(0, match.start() - 30) : match.end() + 30] for match in _AVOIDED.finditer(text)]


@pytest.mark.parametrize("path", CODE)
def test_code_speaks_plainly(path):
    source = (ROOT / path).read_text(encoding="utf-8")
    if not _LAST.search(source):
        return
    spoken = [(line, text) for line, text in passages(source) if (path, text) not in STORED]
    assert not [f"{line}: {part}" for line, text in spoken for part in avoided(text)]


@pytest.mark.parametrize("path", TEXTS)
def test_suites_and_documents_speak_plainly(path):
    assert not avoided((ROOT / path).read_text(encoding="utf-8"))


def test_avoided_words_are_seen():
    """In strings, f-strings, docstrings, comments and names, also across a line break; not within other words."""
    source = 'told = 1  # nobody\n"""A file of its\nown."""\nprint(f"{seconds} stands", "untold bystanders")\n'
    assert [part.strip() for _, text in passages(source) for part in avoided(text)] == [
        "A file of its\nown.", "stands", "told", "# nobody",
    ]  # fmt: skip

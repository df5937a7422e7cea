"""Code blocks of the documents, for the tests that what they say is true."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def block(document, language, containing):
    """Return a document's code block of a language that contains a text; there is one."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = [one for one in re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL) if containing in one]
    assert len(found) == 1
    return found[0]

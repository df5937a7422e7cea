"""Charts as pictures, drawn in a separate process: the renderer is native code, and its end is not ours.

The process reads a JSON list of drawings, and writes a line of JSON for each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from subprocess import PIPE
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import HarnessError, one_line, printable
from harness.machine.supervised import END_SECONDS, Child

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["png", "svg", "pdf"]
_JOINERS = "\u200c\u200d"
"""Marks that join signs, or keep them apart: scripts and symbols need them."""
_SECONDS = 300
"""A figure takes less than one; a renderer that takes longer hangs."""
_LONGEST_LABEL = 200
_PROGRAM = "from harness.report.rendering import answer\nanswer()\n"


@dataclass(frozen=True)
class Drawing:
    """A chart to draw: a Vega-Lite specification with its data, and the configuration of its looks."""

    key: str
    """Names it in an error."""
    spec: dict[str, Any]
    config: dict[str, Any]
    format: Format = "png"


def tidy(text: str) -> str:
    r"""Return a text as a chart can have it, in one line: the renderer ends at a control character.

    >>> tidy("a\x00b\nc")
    'a�b c'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in _JOINERS else "\ufffd" for sign in " ".join(text.split()))


def label(name: str) -> str:
    """Return a name of the data's as an axis has it: `tidy`, and cut where no axis has room."""
    kept = tidy(name[: _LONGEST_LABEL + 1])
    return kept if len(kept) <= _LONGEST_LABEL else f"{kept[: _LONGEST_LABEL - 1]}…"


def tidied(value: Any) -> Any:
    """Return a specification, or its data, with every text `tidy`; expressions and keys are texts too."""
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, dict):
        return {tidied(key): tidied(inner) for key, inner in value.items()}
    return [tidied(inner) for inner in value] if isinstance(value, list | tuple) else value


def rendered(drawings: Sequence[Drawing]) -> list[bytes]:
    """Return the pictures of some charts, in their order.

    Raises:
        HarnessError: the renderer refuses one, crashes or hangs.
    """
    if not drawings:
        return []
    content = json.dumps([asdict(drawing) for drawing in drawings]).encode()
    try:
        with Child(_PROGRAM, stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:
            written = child.output(_SECONDS, content)
            if written is None:
                child.kill()
                answers, _ = child.output(END_SECONDS) or (b"", b"")  # what it drew before
                ended = f"took more than {_SECONDS} seconds"
            else:
                answers, errors = written
                ended = _how(child.exit_code() or 0, errors)
        lines = answers.splitlines()
    except OSError as error:
        lines, ended = [], f"cannot be started: {error.strerror}"
    pictures = []
    for drawing, line in zip(drawings, lines, strict=False):
        answer = json.loads(line)
        if "error" in answer:
            msg = f"figure {printable(drawing.key, 80)}: vl-convert refuses it: {answer['error']}"
            raise HarnessError(msg)
        pictures.append(b64decode(answer["picture"]))
    if len(pictures) < len(drawings):
        msg = f"figure {printable(drawings[len(pictures)].key, 80)}: the process that draws it with vl-convert {ended}"
        raise HarnessError(msg)
    return pictures


def _how(code: int, stderr: bytes) -> str:
    """Return how a process ended."""
    if code < 0:
        name = signal.Signals(-code).name if -code in {*signal.Signals} else str(-code)
        return f"was ended by signal {name}"
    last = (stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
    return f"ended with exit code {code}: {printable(last, 200)}"


def _draw(drawing: dict[str, Any]) -> bytes:
    import vl_convert

    spec, config = drawing["spec"], drawing["config"]
    if drawing["format"] == "svg":
        return str(vl_convert.vegalite_to_svg(spec, config=config)).encode()
    if drawing["format"] == "pdf":
        return bytes(vl_convert.vegalite_to_pdf(spec, config=config))
    return bytes(vl_convert.vegalite_to_png(spec, config=config, scale=2))


def answer() -> None:
    """Draw what standard input asks for; whatever the renderer prints goes to standard error."""
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        for drawing in json.loads(sys.stdin.buffer.read()):
            try:
                answer = {"picture": b64encode(_draw(drawing)).decode()}
            except Exception as error:  # noqa: BLE001 - the reason is one line for the process that asked
                answer = {"error": one_line(error)}
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()

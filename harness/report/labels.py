"""Names where there is little room: shortened in such a way that no two look alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from os.path import commonprefix
from typing import Any

from harness.report.rendering import tidied


def shortened(names: Iterable[str], room: int) -> dict[str, str]:
    """Return a label for each name: the name, with its middle left out where it has more than ``room`` signs.

    Names that would look alike so lose what they begin and end with instead, and keep the place where they differ; if
    that is not enough, nothing is left out of them.

    >>> list(shortened(["small", "sgd[optimizer.learning_rate=0.1]"], 20).values())
    ['small', 'sgd[opt…ng_rate=0.1]']
    >>> list(shortened(["sgd[optimizer.beta=0.1,eps=1e-7]", "sgd[optimizer.beta=0.2,eps=1e-7]"], 16).values())
    ['…mizer.beta=0.1…', '…mizer.beta=0.2…']
    """
    labels = {name: _without_middle(name, room) for name in names}
    counts = Counter(labels.values())
    for label in [label for label, count in counts.items() if count > 1]:
        alike = [name for name in labels if labels[name] == label]
        start = len(commonprefix(alike))  # noqa: RUF071 - signs are meant
        end = len(commonprefix([name[start:][::-1] for name in alike]))  # noqa: RUF071 - the same
        start = max(0, start - max(0, room - 2 - max(len(name) - start - end for name in alike)))
        labels |= {name: f"…{_without_middle(name[start : len(name) - end], room - 2)}…" for name in alike}
    counts = Counter(labels.values())
    return {name: label if counts[label] == 1 else name for name, label in labels.items()}


def labelled(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the options of an axis or a legend that shows names as labels; none where no label differs."""
    if all(name == label for name, label in labels.items()):
        return {}
    return {"labelExpr": f"({json.dumps(tidied(dict(labels)))})[datum.value]"}


def _without_middle(text: str, room: int) -> str:
    # A grid's names end with what sets them apart: more is kept of the end.
    if len(text) <= room:
        return text
    head = 2 * (room - 1) // 5
    return f"{text[:head]}…{text[len(text) - (room - 1 - head) :]}"

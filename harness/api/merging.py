"""Merges runs, and notes how the merged run came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.api.carrying import now, written
from harness.machine.host import host
from harness.store.merging import Merged
from harness.store.merging_several import merge_all


def merge_runs(directories: Sequence[Path], into: Path, *, command: Sequence[str]) -> Merged:
    """Merge runs of one suite into a new one, of several datasets each; ``command``: how that was asked for, in words.

    Raises:
        HarnessError: as `harness.store.merging_several.merge_all`.
    """
    from harness import __version__

    notes = {
        "harness": __version__,
        "command": [written(word) for word in command],
        "last_started": now(),
        "last_ended": now(),
        "environment": host(),
    }
    return merge_all(directories, into, notes)

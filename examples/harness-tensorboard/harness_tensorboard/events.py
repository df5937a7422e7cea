"""The event files of a folder, by TensorBoard's own writer."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import time
from typing import Any, Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.metadata import NULL_TENSOR, SESSION_END_INFO_TAG, create_summary_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.text.metadata import create_summary_metadata as text_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class Events:
    """An open event file, in the folder of what it is about."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        """Open it; ``fresh`` removes the folder's earlier event files.

        Raises:
            OSError: the folder cannot be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("events.out.tfevents.*") if fresh else ():
            path.unlink()
        self._writer = EventFileWriter(str(folder))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write numbers."""
        self._add(Summary(value=[Summary.Value(tag=tag, simple_value=x) for tag, x in values.items()]), step)

    def text(self, tag: str, table: Mapping[str, Any]) -> None:
        """Write a table as JSON; four spaces make it code in Markdown, which TensorBoard renders."""
        shown = "\n".join(f"    {line}" for line in json.dumps(table, indent=2, ensure_ascii=False).splitlines())
        tensor = TensorProto(dtype=DT_STRING, string_val=[shown.encode()])
        about = text_metadata(display_name=tag, description="")
        self._add(Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=tensor)]), 0)

    def hyperparameters(self, table: Mapping[str, Any], group: str) -> None:
        """Write settings, with dots (``optimizer.learning_rate``); TensorBoard averages over the trials of a group."""
        self._add(hparams_pb(dict(_flat(table)), trial_id=group), 0)

    def ended(self, *, done: bool, why: str) -> None:
        """Write how the trial ended, and why it is not done."""
        status = Status.STATUS_SUCCESS if done else Status.STATUS_FAILURE
        about = create_summary_metadata(
            HParamsPluginData(session_end_info=SessionEndInfo(status=status, end_time_secs=time()))
        )
        self._add(Summary(value=[Summary.Value(tag=SESSION_END_INFO_TAG, metadata=about, tensor=NULL_TENSOR)]), 0)
        if why:
            self.text("reason", {"reason": why})

    def flush(self) -> None:
        """Have what was written on disk."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._writer.close()

    def _add(self, summary: Summary, step: int) -> None:
        self._writer.add_event(Event(wall_time=time(), step=step, summary=summary))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | float | str]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, bool | int | float | str) else json.dumps(value)

"""``harness export``: a run as one file, or its frames as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.printing import say


class FrameFormat(StrEnum):
    """How frames are written."""

    parquet = "parquet"
    csv = "csv"
    json = "json"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The archive. Default: RUN.zip.")
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="DIR",
            help="Write trials, history, measures and predictions as files there, and no archive.",
        ),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        FrameFormat | None,
        typer.Option("--format", "-f", help="Of --frames. Default: parquet, which needs the extra of that name."),
    ] = None,
) -> None:
    """Write a run as one archive.

    The archive has a checksum of each file and no path of this machine. 'harness import' unpacks it. Runs of several
    datasets are one archive, too.
    With --frames, it writes the trials and their results as files for pandas, R or a database instead of an archive;
    those of several datasets have a column "dataset".
    For tables and pages, see 'harness leaderboard' and 'harness report'.
    """
    from harness.errors import HarnessError
    from harness.text import counted, megabytes

    if frames is not None:
        from harness.api.exporting import export_frames

        if out is not None:
            msg = "--out: does not go with --frames: files are written, and no archive"
            raise HarnessError(msg)
        for path in export_frames(run, frames, (format or FrameFormat.parquet).value):
            say(f"{path}: {megabytes(path.stat().st_size)}")
        return
    if format is not None:
        msg = f"-f {format.value}: has no effect without --frames DIR. The archive is a ZIP file"
        raise HarnessError(msg)
    from harness.store.archives import export_run

    target = out or Path(f"{run.resolve().name}.zip")
    exported = export_run(run, target)
    say(f"{target}: {counted(exported.files, 'file')}, {megabytes(exported.bytes)}")

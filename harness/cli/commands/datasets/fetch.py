"""``harness datasets fetch``: the download."""

import typer

from harness.cli.commands.datasets.named import DatasetArgument, build_named
from harness.text import megabytes


def fetch(name: DatasetArgument) -> None:
    """Download a dataset into the cache.

    Verifies checksums. Files that are in the cache and intact are not downloaded again.
    """
    from harness.errors import HarnessError, one_line
    from harness.interfaces import StoredDataset, implements
    from harness.plugins.foreign import UNLIMITED, foreign
    from harness.plugins.loading import registry

    built = build_named(registry().find("dataset", name), {})
    if not implements(built, StoredDataset):
        msg = f"dataset {name!r}: has nothing to download"
        raise HarnessError(msg)
    try:
        with foreign(UNLIMITED):
            path = built.fetch()
    except Exception as error:
        msg = f"dataset {name!r}: {one_line(error)}"
        raise HarnessError(msg) from error
    typer.echo(f"{name}: {path}, {megabytes(path.stat().st_size)}, checksums verified")

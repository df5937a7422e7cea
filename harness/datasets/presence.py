"""Whether a dataset's files are on this machine."""

from harness.errors import HarnessError
from harness.interfaces import StoredDataset
from harness.text import command


def require_here(name: str, dataset: StoredDataset) -> None:
    """Refuse a dataset whose files are not here.

    Raises:
        HarnessError: what a download takes, and which command makes it.
    """
    if dataset.holding() is None:
        fetch = command("harness", "datasets", "fetch", name)
        msg = f"is not here. '{fetch}' downloads {getattr(dataset, 'download', '') or 'it'}"
        raise HarnessError(msg)

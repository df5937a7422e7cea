"""The cache's index, ``sources/<key>.json``: which content a dataset with its options and its source is."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from harness.datasets.info import DatasetInfo
from harness.machine.files import checksum, read_regular, write_json

_MOST_BYTES = 1 << 16
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Index(BaseModel):
    """What a source's file says; ``checksum`` covers the rest and the file's name, and is absent in older ones."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    digest: str
    title: str = ""
    checked: str = ""
    test_rows: NonNegativeInt = 0
    checksum: str = ""

    def sum(self, key: str) -> str:
        """Return the checksum that this index has under a key."""
        test_rows = [self.test_rows] if self.test_rows else []  # older ones have no such field
        return checksum([key, self.name, self.digest, self.title, self.checked, *test_rows])


def read_index(root: Path, key: str) -> Index | None:
    """Return what a source's file says; None where there is none, or it is damaged: it is written again then."""
    try:
        content = read_regular(_path(root, key), most=_MOST_BYTES)
        index = Index.model_validate_json(content)
    except (OSError, ValueError):
        return None
    sound = not index.model_fields_set & {"checksum"} or index.checksum == index.sum(key)
    return index if sound and _DIGEST.fullmatch(index.digest) else None


def write_index(root: Path, key: str, info: DatasetInfo) -> None:
    """Write a source's file, where it does not say the same already."""
    index = Index(name=info.name, digest=info.digest, title=info.title, checked=info.checked, test_rows=info.test_rows)
    known = read_index(root, key)
    if known is None or known.model_copy(update={"checksum": ""}) != index:
        write_json(_path(root, key), index.model_dump() | {"checksum": index.sum(key)})


def _path(root: Path, key: str) -> Path:
    return root / "sources" / f"{key}.json"

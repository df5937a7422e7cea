"""An entry of the cache that comes from another machine."""

import shutil
from pathlib import Path
from secrets import token_hex

from harness.datasets.entries import (
    TEMPORARY,
    DamagedError,
    entry_digest,
    only_writer,
    read_meta,
    remove_entry,
    replace_entry,
    verify,
)


def adopt(root: Path, folder: Path, digest: str) -> None:
    """Move a copy of an entry into the cache, if its content has the digest; the folder is gone afterwards.

    Raises:
        OSError: it cannot be written there.
        DamagedError: its content is another.
    """
    with only_writer(root):
        temporary = root / "datasets" / f"{TEMPORARY}{token_hex(6)}"
        try:
            shutil.move(folder, temporary)
            if (actual := entry_digest(temporary, read_meta(temporary))) != digest:
                msg = f"its content has the digest {actual[:12]}…, not {digest[:12]}…"
                raise DamagedError(msg)
            try:
                verify(root, digest)
            except DamagedError:
                replace_entry(root / "datasets" / digest, temporary)
        finally:
            remove_entry(temporary)

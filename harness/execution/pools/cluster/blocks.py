"""Files between the driver and a node, in blocks, so that neither the scheduler nor a worker holds a large one.

The functions of the first half run on the node, those of `Line` in the driver.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from harness.execution.pools.cluster.orders import Piece
from harness.execution.pools.cluster.waiting import DASK_ERRORS, GoneError
from harness.machine.files import content_digest

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
BLOCK_BYTES = 4 << 20
"""Bytes of a message: the scheduler passes it on."""
SMALL_BYTES = 1 << 20
"""A file of at most that many bytes comes with the message that announces it."""


def piece(path: Path) -> Piece:
    """Return a file of this node, to be announced.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    return inline(path, path.read_bytes()) if size <= SMALL_BYTES else Piece(str(path), size, content_digest(path))


def inline(path: Path, content: bytes) -> Piece:
    """Return what a file of this node holds, which need not be written."""
    return Piece(str(path), len(content), sha256(content).hexdigest(), content)


def read_block(path: str, offset: int) -> bytes:
    """Return a block of a file of this node."""
    with open(path, "rb") as file:  # noqa: PTH123 - the place is one that this node has named
        file.seek(offset)
        return file.read(BLOCK_BYTES)


def write_block(path: str, offset: int, content: bytes) -> None:
    """Write a block of a file of this node; the first one makes it and its folder."""
    place = Path(path)
    if offset == 0:
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(content)
    except OSError as error:
        error.filename = path  # a failed write does not say what it wrote
        raise


def unlinked(files: Sequence[tuple[str, int, str, str]]) -> list[str]:
    """Give files that are here, as the driver has them, other names: where there is a shared file system, they are.

    ``files``: of each its place with the driver, size, digest and other name. Returned are the names of the others.
    """
    return [file[-1] for file in files if not _linked(*file)]


def _linked(place: str, size: int, digest: str, name: str) -> bool:
    path, other = Path(place), Path(name)
    try:
        if path.stat().st_size != size or content_digest(path) != digest:
            return False
        other.parent.mkdir(parents=True, exist_ok=True)
        other.symlink_to(path)
    except OSError:
        return False
    return True


def unlink_all(paths: Sequence[str]) -> None:
    """Remove files of this node, those that are there."""
    for path in paths:
        with suppress(OSError):
            Path(path).unlink()


def removed(folder: str) -> None:
    """Remove a folder of this node."""
    shutil.rmtree(folder, ignore_errors=True)


class Line:
    """The connection to one worker, through the scheduler."""

    def __init__(self, client: "Client", address: str) -> None:
        self._client = client
        self._address = address

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function returns that the worker calls, at once and in its event loop: a short one.

        Raises:
            GoneError: the worker does not answer.
        """
        try:
            answers: Any = self._client.run(function, *arguments, workers=[self._address], on_error="return")
            answer = answers[self._address]
        except DASK_ERRORS as error:
            raise GoneError(str(error)) from error
        if isinstance(answer, OSError) and answer.errno is not None:  # Dask's own, of its connections, have none
            raise answer
        if isinstance(answer, DASK_ERRORS):
            raise GoneError(str(answer)) from answer
        return answer  # type: ignore[no-any-return] # what the function returns

    def fetch(self, piece: Piece) -> bytes:
        """Return a file of the node.

        Raises:
            GoneError: the worker does not answer, or the file is not what it announced.
        """
        return b"".join(self._blocks(piece))

    def fetch_to(self, piece: Piece, path: Path) -> None:
        """Write a file of the node to a path here, which has the name once the file is whole.

        Raises:
            GoneError: as `fetch` does.
            OSError: it cannot be written.
        """
        temporary = path.with_name(f".{path.name}.{token_hex(6)}")
        try:
            with temporary.open("xb") as file:
                for block in self._blocks(piece):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def send(self, path: Path, place: str) -> None:
        """Write a file of this machine to a place on the node.

        Raises:
            GoneError: the worker does not answer.
            OSError: it cannot be read here, or not be written there.
        """
        with path.open("rb") as file:
            offset = 0
            while (block := file.read(BLOCK_BYTES)) or offset == 0:
                self.call(write_block, place, offset, block)
                offset += len(block)
                if not block:
                    return

    def _blocks(self, piece: Piece) -> Iterator[bytes]:
        hasher, size = sha256(), 0
        while size < piece.size:
            block = piece.content if piece.content is not None else self.call(read_block, piece.path, size)
            if not block:
                break
            hasher.update(block)
            size += len(block)
            yield block
        if size != piece.size or hasher.hexdigest() != piece.digest:
            msg = f"{Path(piece.path).name} is not what the node announced"
            raise GoneError(msg)

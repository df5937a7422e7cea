"""What befalls stored files: flips, cuts, swaps, other types, and changed content of which the checksum is new."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.fuzz.values import json_value


def bytes_of(draw: random.Random, path: Path) -> None:
    """Flip a bit, change, insert, remove or zero some bytes."""
    raw = bytearray(path.read_bytes())
    at, many = draw.randrange(len(raw) or 1), draw.choice((1, 1, 3, 64))
    kind = draw.randrange(5)
    if not raw:
        raw = bytearray(b"\0")
    elif kind == 0:
        raw[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        raw[at : at + many] = bytes(draw.randrange(256) for _ in range(many))
    elif kind == 2:
        raw[at:at] = bytes(draw.randrange(256) for _ in range(many))
    elif kind == 3:
        del raw[at : at + many]
    else:
        raw[at : at + many] = bytes(min(many, len(raw) - at))
    path.write_bytes(raw)


def digits_of(draw: random.Random, path: Path) -> None:
    """Change one digit, as it is easily done by hand; of a file without one, a byte."""
    raw = bytearray(path.read_bytes())
    places = [at for at, byte in enumerate(raw) if 48 <= byte <= 57]
    if places:
        at = draw.choice(places)
        raw[at] = draw.choice([byte for byte in range(48, 58) if byte != raw[at]])
        path.write_bytes(raw)
    else:
        bytes_of(draw, path)


def length_of(draw: random.Random, path: Path) -> None:
    """Cut a file, empty it, zero it, or add to it."""
    raw = path.read_bytes()
    path.write_bytes(
        draw.choice(
            (
                raw[: draw.randrange(len(raw) or 1)],
                b"",
                bytes(len(raw)),
                raw + b"\0",
                raw + raw,
                raw[draw.randrange(len(raw) or 1) :],
            )
        )
    )


def kind_of(draw: random.Random, path: Path) -> None:
    """Remove a file, or put something else in its place: a folder, a link to itself, to nothing or for ever, a FIFO."""
    path.unlink()
    kind = draw.randrange(6)
    if kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to(path.name)
    elif kind == 3:
        path.symlink_to("nothing")
    elif kind == 4:
        os.mkfifo(path)
    elif kind == 5:
        path.symlink_to("/dev/zero")


def places(value, at=()):
    """Yield the place of every value within a value of JSON."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*at, key))


def changed(draw: random.Random, content):
    """Return JSON with a value replaced, removed, renamed or made to look like another."""
    place = draw.choice([at for at in places(content) if at])
    within = content
    for key in place[:-1]:
        within = within[key]
    kind, key = draw.randrange(6), place[-1]
    if kind == 0:
        del within[key]
    elif kind == 1 and isinstance(within, dict):
        within[draw.choice(("x", "name", "__class__", key + " ", "名"))] = within.pop(key)
    elif kind == 2 and isinstance(within[key], int | float):
        within[key] = draw.choice(
            (within[key] + 1, -within[key], within[key] * 10, str(within[key]), within[key] * 10**30)
        )
    elif kind == 3 and isinstance(within, list):
        within.append(within[key])
    else:
        within[key] = json_value(draw)
    return content


def json_of(draw: random.Random, path: Path, renew: Callable[[dict], None] | None = None) -> None:
    """Change a JSON file's content; ``renew`` makes what it says of itself fit again."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        bytes_of(draw, path)
        return
    content = changed(draw, content)
    if renew and isinstance(content, dict):
        renew(content)
    path.write_text(json.dumps(content))


def arrays_of(draw: random.Random, path: Path) -> None:
    """Change an array's values, shape, type or name in an archive, or an array that is by itself."""
    if path.suffix == ".npy":
        with path.open("wb") as file:
            np.save(file, _array(draw, np.load(path)) if path.stat().st_size else np.zeros(3))
        return
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files}
    name = draw.choice(list(arrays))
    if draw.randrange(6) == 0:
        del arrays[name]
    elif draw.randrange(6) == 0:
        arrays[f"{name}x"] = arrays.pop(name)
    else:
        arrays[name] = _array(draw, arrays[name])
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _array(draw: random.Random, array):
    """Return an array as it should not be."""
    return draw.choice(
        (
            lambda: array[..., ::-1] if array.ndim else array,
            lambda: array[:-1] if array.ndim else array,
            lambda: array + 1 if array.dtype.kind in "iuf" else array,
            lambda: -array if array.dtype.kind in "if" else array,
            lambda: array.astype("f8") * np.nan if array.dtype.kind in "iuf" else array,
            lambda: array.astype("U9"),
            lambda: array.astype(object),
            lambda: array[None],
            lambda: array.reshape(-1),
            lambda: np.zeros(0, array.dtype),
            lambda: np.full_like(array, 99) if array.dtype.kind in "iuf" else array,
            lambda: np.array(None),
        )
    )()


def other_of(draw: random.Random, path: Path) -> None:
    """Put another of the folder's files of this kind in a file's place, or exchange the two."""
    root = next(
        parent
        for parent in path.parents
        if not (parent / path.name).exists() and len(list(parent.rglob(path.name))) > 1
    )
    others = sorted(candidate for candidate in root.rglob(path.name) if candidate != path)
    other = draw.choice(others)
    if draw.random() < 0.5:
        shutil.copyfile(other, path)
    else:
        aside = path.with_name("aside")
        path.rename(aside)
        other.rename(path)
        aside.rename(other)

"""Rows and labels from files of one's own: arrays, folders of images, tables."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.features import as_vectors, check_alike, check_count, read_features
from harness.datasets.folder import Form, files_of, read_folder
from harness.datasets.labels import as_classes, joined, read_labels
from harness.datasets.levels import parse_scale, to_levels
from harness.datasets.table import check_columns, read_table
from harness.errors import HarnessError
from harness.interfaces import DataKind, Labelled
from harness.machine.identity import identity
from harness.machine.paths import no_such_file
from harness.text import counted

_ROLES = ("images", "vectors", "table")
Source = Path | list[Path]


class Files:
    """Labelled rows from files; several of one role concatenate, in their order. One of three is needed.

    ``images``: arrays (rows, height, width[, channels]) of whole numbers, taken as levels 0 … 255, or of floats, taken
    as 0 … 1; or a folder with a subfolder of images for each class. ``vectors``: arrays (rows, …) of numbers.
    ``table``: CSV or Parquet, with the class in the column ``label``.

    ``labels``: arrays (rows,) of whole numbers or texts; their distinct values, ascending, are the classes.
    ``class_names``: how the classes of whole numbers are called, or the order of named ones. ``scale``: which pixel
    values are black and white, for all files: ``"0..1"``, ``"0..255"`` or ``[low, high]``. ``size``: height and width
    to which the images of a folder are resized. ``channels``: 1 or 3, to which they are converted. ``drop``: columns
    of a table that are no features. ``test_images``, ``test_vectors``, ``test_table`` and ``test_labels``: a given test
    set.
    """

    def __init__(
        self,
        *,
        images: Source | None = None,
        labels: Source | None = None,
        vectors: Source | None = None,
        table: Source | None = None,
        label: str | None = None,
        test_images: Source | None = None,
        test_labels: Source | None = None,
        test_vectors: Source | None = None,
        test_table: Source | None = None,
        class_names: list[str] | None = None,
        scale: Any = None,
        size: list[int] | None = None,
        channels: int | None = None,
        drop: list[str] | None = None,
    ) -> None:
        given = {
            "images": images, "labels": labels, "vectors": vectors, "table": table, "test_images": test_images,
            "test_labels": test_labels, "test_vectors": test_vectors, "test_table": test_table,
        }  # fmt: skip
        self._files = {role: _several(role, paths) for role, paths in given.items() if paths is not None}
        self._role = _role(self._files)
        self._label, self._drop = label, drop or []
        self._class_names, self._scale = class_names, parse_scale(scale)
        self._form = Form.of(size, channels)
        self._check_options({"scale": scale, "size": size, "channels": channels, "label": label, "drop": drop})

    def unavailable(self) -> str | None:
        """Return which file is missing, or cannot be one."""
        for role, paths in self._files.items():
            for path in paths:
                try:
                    if not path.is_file() and not (path.is_dir() and role.endswith("images")):
                        reason = "is not a regular file" if path.exists() else no_such_file(path)
                        return f"{role}: {path}: {reason}"
                except OSError as error:
                    return f"{role}: {path}: cannot be read: {error.strerror}"
        return self._needs()

    def source(self) -> str:
        """Return each file's role and digest; of a folder, those of its files, by their class and name."""
        lines = []
        for role, paths in self._files.items():
            for path in paths:
                if path.is_dir():
                    lines += [f"{role} {inner.parent.name}/{inner.name} {identity(inner)}" for inner in files_of(path)]
                else:
                    lines.append(f"{role} {identity(path)}")
        return "\n".join(lines)

    def load(self) -> Labelled:
        """Read all files.

        Raises:
            HarnessError: a file is damaged, of another format, or does not hold what its role says.
        """
        reason = self._needs()
        if reason:
            raise HarnessError(reason)
        kind: DataKind = "image" if self._role == "images" else "vector"
        if self._role == "table":
            features, labels, words = self._tables()
        else:
            features, labels, words = self._arrays()
        known, given = labels
        first = self._files.get("labels", self._files[self._role])[0]
        classes, names = as_classes(known, given, self._class_names, first)
        title = f"files, {words}" + (f", {len(given):,} of them a given test set" if len(given) else "")
        return Labelled(features, classes, names, kind, title, test_rows=len(given))

    def _arrays(self) -> tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]], str]:
        """Return the features, the labels of the rows and of a given test set, and in words what was read."""
        paths: list[Path] = []
        parts: list[NDArray[Any]] = []
        labels: list[NDArray[Any]] = []
        for prefix in ("", "test_"):
            sources = self._files.get(prefix + self._role, [])
            if sources and sources[0].is_dir():
                read = [read_folder(path, self._form) for path in sources]
                made = [images for images, _ in read]
                read_names = joined([names for _, names in read])
            else:
                made = [read_features(path, self._role) for path in sources]
                check_alike(sources, made, self._role)
                read_names = joined([read_labels(path) for path in self._files.get(f"{prefix}labels", [])])
                check_count(sources, made, self._files.get(f"{prefix}labels", []), read_names, self._role)
            paths, parts, labels = [*paths, *sources], [*parts, *made], [*labels, read_names]
        check_alike(paths, parts, self._role)
        label_parts = (labels[0], labels[1])
        if self._role == "vectors":
            features = as_vectors(paths, parts)
            return features, label_parts, f"{len(features):,} rows"
        levels, values = to_levels(paths, parts, self._scale)
        return levels, label_parts, f"{len(levels):,} images, {values}"

    def _tables(self) -> tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]], str]:
        """Return the same of tables."""
        paths = {role: self._files.get(role, []) for role in ("table", "test_table")}
        read = {role: [read_table(path, str(self._label), self._drop) for path in paths[role]] for role in paths}
        first = read["table"][0]
        for role, tables in read.items():
            for path, table in zip(paths[role], tables, strict=True):
                check_columns(path, table.columns, first.columns, paths["table"][0])
        features = np.concatenate([table.features for tables in read.values() for table in tables])
        labels = [joined([table.labels for table in tables]) for tables in read.values()]
        words = f"{len(features):,} rows of {counted(len(first.columns), 'column')}"
        return features, (labels[0], labels[1]), words

    def _needs(self) -> str | None:
        """Return which option the files ask for, or exclude: known once it is known which are folders."""
        for prefix in ("", "test_"):
            paths = self._files.get(prefix + self._role)
            labels = f"{prefix}labels"
            if self._role == "table" or paths is None:
                continue
            folders = [path.is_dir() for path in paths]
            if any(folders) and labels in self._files:
                return (
                    f"{labels}: the folder {paths[folders.index(True)]} has a subfolder for each class: remove {labels}"
                )
            if any(folders) and not all(folders):
                return f"{prefix}images: {paths[folders.index(False)]}: is a file, beside a folder. Name one kind"
            if not any(folders) and labels not in self._files:
                return f"{labels}: is missing, and {prefix}{self._role} need a label each"
            if not any(folders) and self._form != Form():
                return f"{'size' if self._form.size else 'channels'}: is for a folder of images; arrays have theirs"
        return None

    def _check_options(self, options: dict[str, Any]) -> None:
        """Refuse options of another kind of file.

        Raises:
            ValueError: one is there.
        """
        others = {f"{prefix}{role}" for role in _ROLES if role != self._role for prefix in ("", "test_")}
        for role in self._files:
            if role in others or (self._role == "table" and role.endswith("labels")):
                msg = f"{role}: {self._role} is there, too: one kind of files is read. Remove one"
                raise ValueError(msg)
        own = {"images": {"scale", "size", "channels"}, "vectors": set[str](), "table": {"label", "drop"}}[self._role]
        for key, value in options.items():
            if value is not None and key not in own:
                msg = f"{key}: is not for {self._role}. Remove it"
                raise ValueError(msg)
        if self._role == "table" and not self._label:
            msg = "label: is missing: which column of the table holds the class?"
            raise ValueError(msg)
        if f"test_{self._role}" not in self._files and "test_labels" in self._files:
            msg = f"test_{self._role}: is missing, and test_labels needs it"
            raise ValueError(msg)


def _several(role: str, paths: Source) -> list[Path]:
    several = [paths] if isinstance(paths, Path) else paths
    if not several:
        msg = f"{role}: [] names no file"
        raise ValueError(msg)
    return several


def _role(files: dict[str, list[Path]]) -> str:
    role = next((role for role in _ROLES if role in files), None)
    if role is None:
        msg = "images: is missing, and dataset 'files' needs it, or vectors, or table"
        raise ValueError(msg)
    return role

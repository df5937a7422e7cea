"""What a dataset is to everything but the trials that read it: what plans, runs and tables say of it."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from harness.interfaces import DataKind

Rows = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset by name and content, and how a suite splits it; stored in ``run.json`` as it is."""

    name: str
    digest: str
    """SHA-256 of features, labels and class names."""
    rows: Rows
    class_names: tuple[str, ...]
    sizes: dict[str, Rows] = field(default_factory=dict, hash=False)
    """Rows in train, val and test; empty before a suite has split it."""
    title: str = ""
    """What tables call it: ``"EMNIST ByMerge, 216,168 of 814,255 images"``."""
    checked: str = ""
    """What verified its content when it was read: ``"checksums"``, ``"counts"``, or nothing."""
    split: str = ""
    """The digest of its partition into train, val and test; empty before, and where an earlier version made the run."""
    shape: tuple[Rows, ...] = (0, 0)
    """Of a row: (height, width[, channels]) of an image; zeros where an earlier version made the run."""
    kind: DataKind = "image"
    test_rows: Rows = 0
    """Rows, the last ones, that are a given test set; 0: the suite's split draws the test rows."""
    scale: Literal["", "standard", "none"] = ""
    """How a suite has its vectors scaled; of images nothing: they are scaled by 255."""

    @property
    def noun(self) -> str:
        """What tables and reports call its rows: ``"images"``, or ``"rows"`` of vectors."""
        return "images" if self.kind == "image" else "rows"

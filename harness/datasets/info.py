"""What a dataset is to everything but the trials that read it: what plans, runs and tables say of it."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

Rows = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset by name and content, and how a suite splits it; stored in ``run.json`` as it is."""

    name: str
    digest: str
    """SHA-256 of images, labels and class names."""
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
    shape: tuple[Rows, Rows] = (0, 0)
    """Height and width of an image; zeros where an earlier version made the run."""

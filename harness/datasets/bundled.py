"""Data that scikit-learn carries, without a download: tables of a few numbers."""

from typing import Any, ClassVar

import numpy as np

from harness.interfaces import Labelled
from harness.machine.installed import version


class Bundled:
    """Data that scikit-learn carries; as they are loaded here, a table, its features as they were measured."""

    name: ClassVar[str]
    """Behind ``sklearn.datasets.load_``."""

    def unavailable(self) -> str | None:
        """Return None: scikit-learn carries it."""
        return None

    def source(self) -> str:
        """Return scikit-learn's version."""
        return f"scikit-learn {version('scikit-learn')}"

    def load(self) -> Labelled:
        """Return the features (rows, columns) float32 and the classes."""
        import sklearn.datasets

        bunch: Any = getattr(sklearn.datasets, f"load_{self.name}")()
        names = tuple(str(name) for name in bunch.target_names)
        return Labelled(bunch.data.astype(np.float32), bunch.target.astype(np.int64), names, "vector")


class Iris(Bundled):
    """150 flowers of three species, four lengths in cm (Fisher, 1936)."""

    name = "iris"


class Wine(Bundled):
    """178 wines of three cultivars, thirteen chemical measurements (Aeberhard et al., 1992)."""

    name = "wine"


class BreastCancer(Bundled):
    """569 tumours, malignant or benign, thirty measurements of cell nuclei (Street et al., 1993)."""

    name = "breast_cancer"

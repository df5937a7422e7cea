"""Results over several datasets: what each has, how experiments compare over all, and the tables."""

from harness.results.datasets.compared import Compared, compared
from harness.results.datasets.several import SeveralResults
from harness.results.datasets.tables import in_brief, of_dataset, tables

__all__ = ["Compared", "SeveralResults", "compared", "in_brief", "of_dataset", "tables"]

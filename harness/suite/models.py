"""A suite as validated objects: a model for each table of the TOML file."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from harness.datasets.splits import SplitTable
from harness.interfaces import ActivationName, Gradient, Placement
from harness.settings import Count, Finite, Name, NotNegative, Positive, Seed, Table, distinct
from harness.suite.component_tables import (
    CROSS_ENTROPY,
    BackendTable,
    ComponentTable,
    NamedLoss,
    NamedModel,
    OptimizerTable,
)
from harness.suite.relations import MetricName, RankedMetricName, ValidationMetricName
from harness.text import seconds
from harness.trial.augmentation import Augmentation
from harness.trial.robustness import Robustness
from harness.trial.schedules import Constant, Schedule
from harness.trial.stopping import EarlyStopping


def _duration(text: str) -> str:
    seconds(text)
    return text


Duration = Annotated[str, AfterValidator(_duration)]
"""``"90"`` or ``"90s"``, ``"30m"``, ``"2h"``, ``"1.5d"``."""
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=10_000), AfterValidator(distinct)]
"""Each seed is a trial of every experiment, in a separate folder."""
Text = Annotated[str, Field(min_length=1)]
ExperimentName = Annotated[str, Field(pattern=r"^\w[\w .,=+@()\[\]-]*$", max_length=100)]


class About(Table):
    """``[suite]``: what the suite is, the seeds of every experiment, and how long a trial may take.

    ``share_device``: how many trials may use a device other than the CPU at a time.

    ``extends`` names a suite file beside this one, or a shipped suite (``"full"``), which this one changes: tables
    merge key by key, one that has a ``name`` replaces the inherited one whole (as it does in an experiment), and
    ``[[expect]]`` adds to the inherited.
    """

    name: Annotated[str, Field(min_length=1)]
    extends: Annotated[str, Field(min_length=1)] | None = None
    description: str = ""
    seeds: Seeds = [42]
    timeout: Duration | None = None
    share_device: Annotated[int, Field(ge=1, le=64)] = 1


class DatasetTable(ComponentTable):
    """``[dataset]``: where the rows come from, how they are split, and how vectors are scaled.

    ``scale`` of vectors: ``"standard"`` (by the training rows' mean and standard deviation; the default) or ``"none"``.
    Any other value is an option of the dataset: which pixel values of ``files`` are black and white.
    """

    split: SplitTable = SplitTable()
    scale: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """The component's options."""
        own = {} if self.scale is None or self.scaling else {"scale": self.scale}
        return own | super().options

    @property
    def scaling(self) -> Literal["standard", "none"] | None:
        """How the suite asks for vectors to be scaled, None where it does not say."""
        return self.scale if self.scale in ("standard", "none") else None


class LabelledDataset(DatasetTable):
    """``[[datasets]]``: one of several datasets, each with the keys of ``[dataset]``.

    ``alias`` labels it in tables and folders; by default that is its ``name``.
    """

    alias: ExperimentName | None = None


_NEWER = ("model", "loss", "class_weights", "clip_norm", "augment")
"""Keys that trials of an earlier version lack; at their defaults they are no part of what identifies a trial."""


class Experiment(Table):
    """``[experiments.NAME]``, merged with ``[defaults]``: a network and its training recipe.

    Without ``model``, the network is a multilayer perceptron of ``hidden_layers``, ``activation``, ``batch_norm`` and
    ``dropout``; with one they have their defaults, and mean nothing.
    """

    group: str = ""
    description: str = ""
    backend: Name | BackendTable | Annotated[list[Name | BackendTable], Field(min_length=1, max_length=100)] = "numpy"
    device: Annotated[str, Field(pattern=r"^[a-z]+(:\d+)?$", max_length=50)] = "auto"
    placement: Placement = "auto"
    model: NamedModel | None = None
    hidden_layers: Annotated[list[Count], Field(max_length=1_000)]
    activation: ActivationName = "relu"
    batch_norm: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batch_size: Count = 512
    loss: NamedLoss = CROSS_ENTROPY
    class_weights: Literal["balanced"] | list[Positive] | None = None
    gradient: Gradient = "mean"
    clip_norm: Positive | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    l2: NotNegative = 0.0
    weight_decay: NotNegative = 0.0
    optimizer: OptimizerTable
    schedule: Schedule = Constant()
    epochs: Count = 50
    early_stopping: EarlyStopping | Literal[False] = False
    augment: Annotated[list[Augmentation], Field(max_length=100)] = []

    @model_validator(mode="before")
    @classmethod
    def _without_hidden_layers(cls, data: Any) -> Any:
        """Let a table that names a model leave the multilayer perceptron's one required key out."""
        return {"hidden_layers": []} | data if isinstance(data, dict) and data.get("model") is not None else data

    @property
    def backends(self) -> list[str]:
        """The backends to try, in order, by their names."""
        return [entry if isinstance(entry, str) else entry.name for entry in self.backend_entries]

    @property
    def backend_entries(self) -> Sequence[str | BackendTable]:
        """The same as the suite has them: by name, or a table with options."""
        return self.backend if isinstance(self.backend, list) else [self.backend]

    @property
    def backend_options(self) -> dict[str, dict[str, Any]]:
        """The options of each backend that is given any."""
        return {entry.name: entry.options for entry in self.backend_entries if not isinstance(entry, str)}

    @model_serializer(mode="wrap")
    def _without_newer_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unset = {key for key in _NEWER if getattr(self, key) == fields[key].default}
        return {key: value for key, value in values.items() if key not in unset}


class EnsembleTable(Table):
    """``[ensembles.NAME]``: trained networks that answer together, by the mean of their probabilities.

    ``members``: several experiments, whose networks of one seed make one ensemble, so that there is one for each seed;
    or one experiment, whose networks of all seeds make a single ensemble.
    """

    members: Annotated[list[Text], Field(min_length=1, max_length=100), AfterValidator(distinct)]
    group: str = "ensembles"
    description: str = ""


class BestOf(Table):
    """A finalist that validation chooses: the best of the experiments that ``best_of`` (a name or glob) matches."""

    best_of: Annotated[str, Field(min_length=1)]
    by: ValidationMetricName = "val_accuracy"


class LeaderboardTable(Table):
    """``[leaderboard]``: what the tables compare: improvements over ``baseline``, and pairs side by side.

    ``by``: the metric that the overview is in the order of. Corruption errors are relative to ``baseline``.
    ``high_severity``: for a perturbation, the severity from which accuracies are averaged apart. ``series``: for a
    label of ``[finalists]``, a glob of the experiments that it was chosen from; a note says where validation would
    choose another.
    """

    baseline: str | None = None
    by: RankedMetricName = "test_accuracy"
    compare: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    high_severity: dict[Name, Positive] = {}
    series: dict[str, Text] = {}


class Expect(Table):
    """``[[expect]]``: what ``harness verify`` verifies: a row of a published table, or relations between experiments.

    A figure has ``experiment``, ``metric``, ``value`` and ``source``. ``value`` may be a list, for a table's row; then
    ``metric``, ``severity`` and ``tolerance`` may be lists of the same length. With ``minus``, the value is the
    difference to that experiment's. The figure is comparable only on ``dataset`` (the suite file's, not that of
    ``--dataset``) with this number of ``images``. ``perturbation`` and ``severity`` apply to metrics of test rows.

    A ``relation`` is ``EXPERIMENT.METRIC > EXPERIMENT.METRIC + NUMBER``, or several, on any dataset.
    """

    relation: Text | Annotated[list[Text], Field(min_length=1)] | None = None
    experiment: Text | None = None
    minus: Text | None = None
    metric: MetricName | list[MetricName] | None = None
    perturbation: Text | None = None
    severity: NotNegative | list[NotNegative] | None = None
    value: Finite | Annotated[list[Finite], Field(min_length=1)] | None = None
    tolerance: NotNegative | list[NotNegative] | None = None
    source: Text | None = None
    dataset: Text | None = None
    images: Count | None = None


class ExpectationsTable(Table):
    """``[expectations]``: defaults of every ``[[expect]]`` with a value: ``images``, and ``tolerance`` by metric.

    ``inherit = false``: this suite does not inherit the expectations of the suite that it extends.
    """

    inherit: bool = True
    images: Count | None = None
    tolerance: dict[MetricName, NotNegative] = {}


class Frame(Table):
    """Every table of a suite except the experiments, which are merged with the defaults first."""

    suite: About
    dataset: DatasetTable = DatasetTable(name="digits")
    datasets: Annotated[list[LabelledDataset], Field(max_length=100)] = []
    finalists: dict[str, Annotated[str, Field(min_length=1)] | BestOf] = {}
    ensembles: dict[ExperimentName, EnsembleTable] = {}
    robustness: list[Robustness] = []
    leaderboard: LeaderboardTable = LeaderboardTable()
    expectations: ExpectationsTable = ExpectationsTable()
    expect: list[Expect] = []


class Suite(Frame):
    """A whole suite, with complete experiments."""

    experiments: dict[ExperimentName, Experiment]

    @property
    def contenders(self) -> list[str]:
        """The names of what is tested and compared: experiments, then ensembles."""
        return [*self.experiments, *self.ensembles]

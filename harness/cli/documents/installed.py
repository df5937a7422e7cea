"""The documents of ``runs``, ``suites``, ``doctor``, ``plugins`` and ``datasets``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from harness.api import columns
from harness.cli.documents.document import Document, Lines, Part, Text, lines_of
from harness.cli.documents.running import Named, Texts

if TYPE_CHECKING:
    from harness.plugins.loading import Registry


class RunsDocument(Document):
    """What `harness runs -f json` prints."""

    command: Literal["runs"] = "runs"
    folder: Text
    runs: Lines = lines_of(columns.RUNS)


class ShippedSuite(Part):
    """A suite that every installation has."""

    suite: Text
    """The name by which it runs."""
    experiments: int
    dataset: Text
    what: Text


class SuitesDocument(Document):
    """What `harness suites -f json` prints."""

    command: Literal["suites"] = "suites"
    suites: list[ShippedSuite]


class Library(Part):
    """A library that harness needs, or that one of its extras does."""

    name: Text
    installed: Text | None
    wanted: Text
    extra: Text
    """Empty of those that harness always needs."""


class BackendAnswer(Part):
    """Whether a backend works here."""

    name: Text
    available: bool
    reason: Text
    """Why it does not; empty otherwise."""
    environment: Named

    @classmethod
    def of(cls, name: str, here: str, environment: Mapping[str, str]) -> BackendAnswer:
        """Return what `harness.cli.backends.backend_states` says of a backend."""
        return cls(
            name=name, available=here == "yes", reason=here.removeprefix("no: ") if here != "yes" else "",
            environment=dict(environment),
        )  # fmt: skip


class QuarantinedPlugin(Part):
    """A plugin that was not loaded because of an error."""

    plugin: Text
    distribution: Text
    version: Text
    error: Text


def quarantined(plugins: Registry) -> list[QuarantinedPlugin]:
    """Return the plugins that were not loaded."""
    return [
        QuarantinedPlugin(
            plugin=entry.plugin, distribution=entry.distribution, version=entry.version, error=entry.error
        )
        for entry in plugins.quarantined
    ]


class DoctorDocument(Document):
    """What `harness doctor -f json` prints."""

    command: Literal["doctor"] = "doctor"
    harness: Text
    """The version."""
    machine: Named
    kernel: Text
    """Of NumPy's matrix products, and why."""
    cache: Text
    libraries: list[Library]
    backends: list[BackendAnswer]
    disabled: Texts
    quarantined: list[QuarantinedPlugin]
    left_over: Texts
    """Parts of other installations that are ignored."""


class InstalledComponent(Part):
    """What a plugin offers."""

    kind: Text
    name: Text
    distribution: Text
    version: Text
    """Of the distribution."""
    backend: BackendAnswer | None
    """Of backends: whether it works here."""


class InstalledObserver(Part):
    """A plugin that observes runs."""

    name: Text
    hooks: Texts
    distribution: Text
    version: Text


class PluginsDocument(Document):
    """What `harness plugins -f json` prints."""

    command: Literal["plugins"] = "plugins"
    components: list[InstalledComponent]
    observers: list[InstalledObserver]
    quarantined: list[QuarantinedPlugin]
    disabled: Texts


class InstalledDataset(Part):
    """A dataset that a plugin offers."""

    name: Text
    here: Text
    """`yes`, or why it cannot be used without options."""
    place: Text | None
    bytes: int | None
    checked: Text
    """What its files were verified against."""
    distribution: Text
    version: Text


class CachedEntry(Part):
    """A dataset in the cache."""

    name: Text
    title: Text
    bytes: int
    checked: Text
    digest: Text


class DatasetsDocument(Document):
    """What `harness datasets -f json` prints."""

    command: Literal["datasets"] = "datasets"
    datasets: list[InstalledDataset]
    cache: Text
    cached: list[CachedEntry]

"""Why a component may be missing: plugins that are quarantined, disabled, or installed where harness does not look."""

from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distributions

from harness.errors import nearest, printable
from harness.machine.installed import normalised

_NAME_LENGTH = 60


def reasons(quarantined: Sequence[str], disabled: Sequence[str], group: str, own: str) -> str:
    """Return the sentences about plugins that might have offered a missing component, each after a space.

    ``group``: of the entry points that are loaded; ``own``: the distribution that plugins require.
    """
    sentences = [("Quarantined", quarantined), ("Disabled", disabled)]
    listed = "".join(f" {what}: {', '.join(texts).rstrip('.')}." for what, texts in sentences if texts)
    elsewhere = list(_elsewhere(group, own))
    if not elsewhere:
        return listed
    fix = f"A plugin is found by [project.entry-points.{group}] in its pyproject.toml, once it is installed again."
    return f"{listed} {'; '.join(elsewhere)}. {fix}"


def _elsewhere(group: str, own: str) -> Iterable[str]:
    """Yield, for each distribution that requires ours and has no entry point in the group, what it has instead."""
    for distribution in distributions():
        try:
            groups = sorted({point.group for point in distribution.entry_points})
            if group in groups or not _requires(distribution, own):
                continue
            about = f"{distribution.metadata['Name']} {distribution.version}"
        except Exception:  # noqa: BLE001, S112 - metadata that is damaged may fail in any way
            continue
        like = [name for name in groups if group in name.lower()]
        place = f", but in {printable(', '.join(map(repr, like)), _NAME_LENGTH)}" if like else ""
        yield f"{printable(about, _NAME_LENGTH)} has no entry point in the group {group!r}{place}"


def _requires(distribution: Distribution, own: str) -> bool:
    texts = [text.split(";")[0] for text in distribution.requires or () if "extra ==" not in text]
    return any(normalised(text.strip()).startswith(own) for text in texts)


def unknown_names(named: Iterable[str], installed: Iterable[str], variable: str) -> list[str]:
    """Return a line for each name in an environment variable that is that of no installed plugin."""
    known = set(installed)
    unknown = sorted({name for name in named if name} - known - {"*"})
    return [f"{variable}: no plugin is called {printable(repr(name))}. {nearest(name, known)}" for name in unknown]

"""A suite's dataset, in the cache and divided."""

from dataclasses import replace

from harness.datasets.cache import CachedDataset
from harness.datasets.splits import SETS, Split
from harness.errors import HarnessError
from harness.execution.apart import read
from harness.execution.fitting import scale_of
from harness.execution.pools import Pool
from harness.machine.cache import cache_root
from harness.plugins.loading import Registry
from harness.plugins.options import ComponentSpec
from harness.suite import LoadedSuite
from harness.text import seconds
from harness.trial.jobs import split_of


def open_dataset(loaded: LoadedSuite, registry: Registry, pool: Pool, *, download: bool = True) -> CachedDataset:
    """Return the suite's dataset from the cache, where it is put first if need be; a third party's in the pool.

    ``download``: whether what is not on this machine is downloaded.

    Raises:
        HarnessError: it is not available, or it or its files are faulty.
    """
    table = loaded.suite.dataset
    try:
        spec = ComponentSpec(table.name, table.options, loaded.path.parent)
        component = registry.find("dataset", table.name)
        longest = loaded.suite.suite.timeout
        limit = seconds(longest) if longest else None
        return read(spec, cache_root(), loaded.dataset, component, pool, limit, download=download)
    except HarnessError as error:
        # Where it complains of one of its options, it begins with that.
        option = str(error).partition(":")[0]
        msg = f"{loaded.source('dataset', option)}: dataset {table.name!r}: {error}"
        raise HarnessError(msg) from error


def open_split(
    loaded: LoadedSuite, registry: Registry, pool: Pool, *, download: bool = True
) -> tuple[CachedDataset, Split]:
    """Return the suite's dataset as `open_dataset` does, described with its split and scale, and that split.

    Raises:
        HarnessError: as `open_dataset`; or it cannot be split or scaled as the suite says.
    """
    data = open_dataset(loaded, registry, pool, download=download)
    table = loaded.suite.dataset
    try:
        split = split_of(data, table.split)
    except HarnessError as error:
        msg = f"{loaded.source('dataset', 'split')}: dataset {table.name!r}: {error}"
        raise HarnessError(msg) from None
    sizes = {name: len(getattr(split, name)) for name in SETS}
    info = replace(data.info, sizes=sizes, split=split.digest(), scale=scale_of(loaded, data.info))
    return CachedDataset(info, data.directory.absolute()), split

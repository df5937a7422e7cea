"""A case that is ready: built, attached and warm, so that a run is work and nothing else."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from harness import environment
from harness.bench.cases import Case, synthetic
from harness.bench.measurements import Machine, Measurement
from harness.errors import HarnessError
from harness.interfaces import Context, Network
from harness.jobs import build_optimizer, load_backend
from harness.plugins import registry
from harness.seeding import epoch_order, initial_state
from harness.threads import limited

_SEED = 0


class Prepared:
    """A case with its network; leaving its ``with`` block releases the device's memory."""

    def __init__(self, case: Case, network: Network, circumstances: Mapping[str, str], cleanup: ExitStack) -> None:
        self.case = case
        self.samples = case.rows
        """Images of one run."""
        self.circumstances = dict(circumstances)
        """Where it runs: host, device, versions, threads, placement."""
        self._network = network
        self._cleanup = cleanup
        rows = np.arange(case.rows, dtype=np.int64)
        self._rows = epoch_order(_SEED, 0, rows) if case.work == "train" else rows
        self._epoch = 0

    def run(self) -> None:
        """Train one epoch or predict every image, and wait until the device has done it."""
        if self.case.work == "train":
            self._network.train_epoch(self._epoch, self._rows, self.case.learning_rate)
            self._epoch += 1
        else:
            self._network.predict(self._rows)
        self._network.synchronize()

    def measured(self, seconds: Sequence[float]) -> Measurement:
        """Return what runs of so many seconds say."""
        return Measurement(
            backend=self.case.backend,
            network=self.case.network,
            work=self.case.work,
            provenance=registry().find("backend", self.case.backend).provenance,
            rows=self.samples,
            threads=self.case.threads,
            machine=Machine.of(self.circumstances),
            environment=self.circumstances,
            seconds=tuple(seconds),
        )

    def close(self) -> None:
        """Release what it holds."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def prepare(case: Case, *, warm_ups: int = 1) -> Prepared:
    """Build a case's network, attach the images and run it ``warm_ups`` times: what compiles has compiled.

    Raises:
        HarnessError: it cannot run here.
    """
    answer = case.ask()
    if answer.backend is None:
        msg = f"{case.title}: {answer.reason}"
        raise HarnessError(msg)
    backend = load_backend(registry().find("backend", case.backend))
    device, spec, data = answer.devices[0], case.spec(), synthetic(case.rows)
    with ExitStack() as cleanup:
        cleanup.enter_context(limited(case.threads))
        context = Context(_SEED, device=device, threads=case.threads)
        network = backend.build(spec, initial_state(spec, _SEED), build_optimizer(case.optimizer()), context)
        cleanup.callback(network.close)
        network.attach(data.images, data.labels)
        own = {key: str(value) for key, value in backend.environment(device).items()}
        told = {"threads": str(case.threads), "placement": network.placement}
        prepared = Prepared(case, network, environment.host() | own | told, cleanup)
        for _ in range(warm_ups):
            prepared.run()
        prepared._cleanup = cleanup.pop_all()  # noqa: SLF001 - handed over now that nothing can fail any more
    return prepared

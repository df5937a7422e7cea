"""A case that is ready: built, attached and warm, so that a run is work and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from harness.bench.arithmetic import operations, step_products
from harness.bench.cases import SEED, SEVERITIES, Case, synthetic
from harness.bench.measurements import Machine, Measurement
from harness.bench.networks import LEARNING_RATE, OPTIMIZER
from harness.bench.pace import repeats, steps_together
from harness.bench.storage import stored
from harness.bench.work import evaluation, work_of
from harness.datasets.cache import CachedDataset
from harness.descent import for_blocks
from harness.errors import HarnessError
from harness.interfaces import Backend, Labelled, MultiplyingBackend, Peer, implements
from harness.machine.host import host
from harness.machine.pages import huge_pages
from harness.machine.threads import limited, numpy_blas
from harness.plugins.layer_kinds import missing_layers
from harness.plugins.loading import Registry
from harness.seeding import initial_state
from harness.trial.declared import read_facts, read_launch, read_placement
from harness.trial.inputs import read_only
from harness.trial.jobs import build_optimizer, load_backend

Built = Callable[[], None]
"""Called when the network is built: what comes then is not part of a start."""


class UnavailableError(HarnessError):
    """A case that cannot run here, and why; ``everywhere``: nor can any other of the same component and device."""

    def __init__(self, case: Case, reason: str, *, everywhere: bool = False) -> None:
        super().__init__(f"{case.title}: {reason}")
        self.reason = reason
        self.everywhere = everywhere


@dataclass
class Prepared:
    """A case, and the function that does its work once; leaving its ``with`` block releases the device's memory."""

    case: Case
    run: Callable[[], None]
    """Does the work, and waits until the device has done it."""
    circumstances: dict[str, str]
    """Where it runs: host, device, versions, threads, placement."""
    cleanup: ExitStack = field(repr=False)
    provenance: str = ""
    """The distribution and version of what is measured."""
    label: str = ""
    """What tables call it, where that is not its name."""
    precision: str = ""
    """Of its matrix products, where that is not the case's."""
    reference: bool = False
    """Whether backends are compared with it, in multiples of its speed."""
    kernels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of the matrix library: by name, the environment that chooses each."""
    verify: Callable[[], None] = lambda: None
    """Raises a `TrialError` if what the last run returned is not what the contract says."""
    repeats: int = 1
    """How often a run does the work; its seconds are divided by it."""

    @property
    def accelerated(self) -> bool:
        """Whether it runs on another device than the CPU."""
        return self.circumstances.get("device", "cpu") != "cpu"

    @property
    def samples(self) -> int:
        """Images of one run; of products, those of whole steps."""
        case = self.case
        return _steps(case) * case.spec.batch_size if case.work == "products" else case.rows

    def measured(self, seconds: Sequence[float]) -> Measurement:
        """Return the measurement that runs of these seconds make."""
        case = self.case
        counted = case.work in {"train", "products"}
        return Measurement(
            backend=case.backend,
            network=case.network_name,
            work=case.work,
            provenance=self.provenance,
            rows=self.samples,
            threads=case.threads,
            machine=Machine.of(self.circumstances),
            environment=self.circumstances,
            seconds=tuple(seconds),
            kind=case.kind,
            processes=case.processes,
            precision=self.precision or case.precision,
            variant=case.kernel,
            label=self.label,
            reference=self.reference,
            operations=operations(case.spec) if counted else None,
            also=case.network.also if case.network else (),
            batch_size=case.spec.batch_size if case.network else 512,
            parameters=case.spec.parameter_count() if case.network else None,
            conditions=(case.kind == "backend") + len(SEVERITIES) * len(case.perturbations) or 1,
        )

    def close(self) -> None:
        """Release what it holds."""
        self.cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def prepare(
    case: Case,
    plugins: Registry,
    *,
    warm_ups: int = 1,
    dataset: CachedDataset | None = None,
    built: Built | None = None,
) -> Prepared:
    """Build a case's network, attach the images and run it ``warm_ups`` times: what compiles has compiled.

    ``dataset``: where the images are, so that several processes share them; without, this process makes its own.

    Raises:
        HarnessError: it cannot run here: `UnavailableError`, or a plugin is faulty.
    """

    def images() -> Labelled:
        is_built()
        data = dataset.open() if dataset else synthetic(case.rows)
        images, labels = read_only(data.features[: case.rows]), read_only(data.labels[: case.rows])
        return replace(data, features=images, labels=labels)

    is_built = built or (lambda: None)
    with ExitStack() as cleanup:
        cleanup.enter_context(limited(case.threads))
        if case.kind == "dataset":
            is_built()
            prepared = _dataset(case, dataset or cleanup.enter_context(stored(case.rows)).dataset, cleanup)
        else:
            make = {"peer": _peer, "backend": _backend, "perturbation": _perturbation}[case.kind]
            prepared = make(case, plugins, images, cleanup)
            prepared.provenance = plugins.find(case.kind, case.backend).provenance
        cleanup.enter_context(limited(case.threads))  # once more: for the libraries that were loaded meanwhile
        for _ in range(warm_ups):
            prepared.run()
        if warm_ups:
            prepared.verify()
        if prepared.accelerated and case.processes == 1:  # several processes must do the same work
            prepared.repeats = repeats(prepared.run)
        prepared.cleanup = cleanup.pop_all()  # handed over now that nothing can fail any more
    return prepared


Images = Callable[[], Labelled]


def _backend(case: Case, plugins: Registry, images: Images, cleanup: ExitStack) -> Prepared:
    answer = case.ask(plugins)
    component = plugins.find("backend", case.backend)
    if answer.backend is None:
        try:
            everywhere = load_backend(component).unavailable(case.device) is not None
        except Exception:  # noqa: BLE001 - the answer has the reason
            everywhere = True
        raise UnavailableError(case, answer.reason, everywhere=everywhere)
    backend: Backend = load_backend(component)
    context, spec = case.context(answer.devices[0]), case.spec
    circumstances = _circumstances(case, backend.environment(context.device))
    if case.work == "products":
        if not implements(backend, MultiplyingBackend):
            raise UnavailableError(case, "it has no matrix_products to measure")
        steps = _steps(case)
        together = 1 if context.device == "cpu" else steps_together(steps)
        multiply = backend.matrix_products(step_products(spec) * together, context)
        images()
        kernels = {str(name): read_facts(variables) for name, variables in backend.matrix_kernels().items()}
        return Prepared(case, lambda: _repeat(multiply, steps // together), circumstances, cleanup, kernels=kernels)
    rule = for_blocks(build_optimizer(OPTIMIZER, plugins), spec.parameters())
    network = backend.build(spec, initial_state(spec, SEED), rule, context)
    cleanup.callback(network.close)
    data = images()
    network.attach(data.features, data.labels)
    circumstances |= {"placement": read_placement(network)} | read_launch(network)
    run, verify = work_of(case, network, data, plugins)
    return Prepared(case, run, circumstances, cleanup, verify=verify)


def _peer(case: Case, plugins: Registry, images: Images, cleanup: ExitStack) -> Prepared:
    peer: Peer = plugins.find("peer", case.backend).load()()
    reason = peer.unavailable(case.device)
    if reason is not None:
        raise UnavailableError(case, reason, everywhere=True)
    lacking = missing_layers(peer, peer.title, case.spec)
    if lacking is not None:
        raise UnavailableError(case, lacking)
    missing = peer.unsupported(case.spec)
    if missing:
        raise UnavailableError(case, f"{peer.title} has no {', '.join(missing)}")
    network = peer.build(case.spec, LEARNING_RATE, case.context(case.device))
    cleanup.callback(network.close)
    data = images()
    network.attach(data.features, data.labels)

    def train() -> None:
        network.train_epoch()
        network.synchronize()

    circumstances = _circumstances(case, peer.environment(case.device))
    return Prepared(
        case, train, circumstances, cleanup, label=peer.title, precision=peer.precision, reference=peer.reference
    )


def _perturbation(case: Case, plugins: Registry, images: Images, cleanup: ExitStack) -> Prepared:
    """Return the making of the perturbed images of an evaluation, which no network then sees."""
    run = evaluation(case, [], images(), plugins)
    return Prepared(case, run, _circumstances(case, {"device": "cpu", "blas": numpy_blas()}), cleanup)


def _dataset(case: Case, dataset: CachedDataset, cleanup: ExitStack) -> Prepared:
    """Return what a worker does to have a set that is in the cache: map it, and touch each of its pages.

    Its content is verified before, once, by the process that plans.
    """

    def load() -> None:
        dataset.open().features.reshape(-1)[::4096].max()

    return Prepared(case, load, _circumstances(case, {"device": "cpu", "blas": numpy_blas()}), cleanup)


def _circumstances(case: Case, own: Mapping[str, str]) -> dict[str, str]:
    return host() | huge_pages() | read_facts(own) | {"threads": str(case.threads), "processes": str(case.processes)}


def _steps(case: Case) -> int:
    return -(-case.rows // case.spec.batch_size)


def _repeat(function: Callable[[], None], times: int) -> None:
    for _ in range(times):
        function()

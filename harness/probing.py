"""Which backend can train an experiment here: asked in a worker, so that no framework is loaded into the driver."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.errors import HarnessError, one_line
from harness.interfaces import Backend, NetworkSpec, Precision, ReducedPrecision
from harness.jobs import build_optimizer, load_backend
from harness.plugins import Registry, registry
from harness.pools import Failure, Pool, Task
from harness.pools.tasks import Report
from harness.specs import OptimizerSpec


@dataclass(frozen=True)
class Question:
    """The backends to try, in order, a device as a suite names it, what they should build and train it with."""

    backends: tuple[str, ...]
    device: str
    network: NetworkSpec
    optimizer: OptimizerSpec
    precision: Precision = "float32"


@dataclass(frozen=True)
class Answer:
    """The first backend that can, and the devices that it may use; or None, and each one's reason."""

    backend: str | None
    devices: tuple[str, ...] = ()
    reason: str = ""


Ask = Callable[[Sequence[Question]], list[Answer]]


def probe(questions: Sequence[Question], _report: Report) -> list[Answer]:
    """Answer questions: a job."""
    return [_answer(question) for question in questions]


def asking(pool: Pool) -> Ask:
    """Return a function that answers questions by a job in a pool."""

    def ask(questions: Sequence[Question]) -> list[Answer]:
        # Many experiments ask the same; their text tells, as their options cannot be hashed.
        unique = list({repr(question): question for question in questions}.values())
        found = _run(pool, unique)
        if isinstance(found, Failure):
            # One of the backends ended the job: alone, each shows whether it was the one.
            found = []
            for question in unique:
                alone = _run(pool, [question])
                told = f"{', '.join(question.backends)}: {alone.reason}" if isinstance(alone, Failure) else ""
                found += [Answer(None, reason=told)] if isinstance(alone, Failure) else alone
        known = dict(zip(map(repr, unique), found, strict=True))
        return [known[repr(question)] for question in questions]

    return ask


def _run(pool: Pool, questions: list[Question]) -> list[Answer] | Failure:
    plugins = registry()
    isolated = any(_third_party(plugins, question) for question in questions)
    future = pool.submit(Task(probe, questions, "probing backends", isolated=isolated))
    while not future.done():
        pool.wait()
    pool.wait()
    result: list[Answer] | Failure = future.result()
    return result


def _third_party(plugins: Registry, question: Question) -> bool:
    """Return whether third-party code answers a question."""
    backends = (plugins.third_party("backend", name) for name in question.backends)
    return any(backends) or plugins.third_party("optimizer", question.optimizer.name)


def _precisions(backend: Backend) -> Sequence[Precision]:
    """Return what a backend has: whoever does not say has float32."""
    told: object = backend
    return told.precisions if isinstance(told, ReducedPrecision) else ("float32",)


def _answer(question: Question) -> Answer:
    reasons = []
    for name in question.backends:
        try:
            backend = load_backend(registry().find("backend", name))
            reason = backend.unavailable(question.device)
            if reason is None:
                keys = [
                    *backend.unsupported(question.network, build_optimizer(question.optimizer)),
                    *([] if question.precision in _precisions(backend) else [f"precision {question.precision!r}"]),
                ]
                if not keys:
                    return Answer(name, tuple(backend.devices(question.device)))
                reason = f"{name} cannot honour {', '.join(keys)}"
        except HarnessError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a faulty backend costs its own experiments
            reason = f"{name}: {one_line(error)}"
        reasons.append(reason)
    return Answer(None, reason="; ".join(reasons))

"""Which backend can train an experiment here: asked in a worker, so that no framework is loaded into the driver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.descent import for_blocks
from harness.errors import HarnessError, one_line, shown
from harness.execution.apart import GRACE, result_of
from harness.execution.pools import Failure, Pool, Task
from harness.execution.pools.pool import Spread
from harness.interfaces import Backend, BatchTrainingBackend, NetworkSpec, Precision, ReducedPrecision, implements
from harness.machine.files import checksum
from harness.plugins.foreign import LateError, foreign, patience
from harness.plugins.layer_kinds import missing_layers
from harness.plugins.loading import Registry
from harness.plugins.options import ComponentSpec
from harness.trial.attacks import gives_gradients
from harness.trial.declared import read_names, read_reason
from harness.trial.jobs import build_optimizer, load_backend
from harness.trial.losses import with_loss
from harness.trial.tasks import Report


@dataclass(frozen=True)
class Question:
    """The backends to try, in order, a device as a suite names it, what they should build and train it with."""

    backends: tuple[str, ...]
    device: str
    network: NetworkSpec
    optimizer: ComponentSpec
    precision: Precision = "float32"
    loss: ComponentSpec | None = None
    """None is the plain cross-entropy."""
    augmented: bool = False
    backend_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The options of the backends that are given any."""


@dataclass(frozen=True)
class Answer:
    """The first backend that can, and the devices that it may use; None where none can."""

    backend: str | None
    devices: tuple[str, ...] = ()
    reason: str = ""
    """Why those that were asked before it cannot, or why none can."""
    needs: str = ""
    """On a cluster, what a node must be able to do: a key of `Spread.devices`."""
    gradients: bool = False
    """Whether its networks differentiate their loss by the images, which attacks need."""


def probe(questions: Sequence[Question], registry: Registry, _report: Report) -> list[Answer]:
    """Answer questions: a job."""
    late: dict[str, str] = {}
    return [_answer(question, registry, late) for question in questions]


def ask(pool: Pool, registry: Registry, questions: Sequence[Question]) -> list[Answer]:
    """Answer questions by a job in a pool; on a cluster by one on each node."""
    # Many experiments ask the same. Questions are compared by their text, as their options cannot be hashed.
    texts = [repr(question) for question in questions]
    unique = dict(zip(texts, questions, strict=True))
    asked = list(unique.values())
    answers = _on_nodes(pool, registry, asked) if implements(pool, Spread) else _answers(pool, registry, asked)
    known = dict(zip(unique, answers, strict=True))
    return [known[text] for text in texts]


def _answers(pool: Pool, registry: Registry, questions: list[Question]) -> list[Answer]:
    answers = _run(pool, registry, questions)
    if isinstance(answers, Failure):
        # One of the backends ended the job: asked alone, each shows whether it was the one.
        fatal: dict[str, str] = {}
        answers = [_alone(pool, registry, question, fatal) for question in questions]
    return answers


def _on_nodes(pool: Spread, registry: Registry, questions: list[Question]) -> list[Answer]:
    """Return for each question the first of its backends that any node has, and take note of the nodes that have it."""
    by_node = pool.each(lambda node: _answers(node, registry, questions))
    chosen = [
        _first(question, [answers[index] for answers in by_node.values()]) for index, question in enumerate(questions)
    ]
    narrowed = {
        answer.needs: replace(question, backends=(answer.backend,))
        for question, answer in zip(questions, chosen, strict=True)
        if answer.backend
    }

    def able(node: Pool) -> dict[str, tuple[str, ...]]:
        answers = _answers(node, registry, list(narrowed.values())) if narrowed else []
        return {need: found.devices for need, found in zip(narrowed, answers, strict=True) if found.backend}

    abilities = {
        node: {
            answer.needs: found.devices
            for answer, found in zip(chosen, answers, strict=True)
            if answer.backend and found.backend == answer.backend
        }
        for node, answers in by_node.items()
    }
    pool.learn(abilities, able)
    return chosen


def _first(question: Question, answers: Sequence[Answer]) -> Answer:
    """Return the answer for a cluster: the first backend that a node has, and every device that it has anywhere."""
    for backend in question.backends:
        able = [answer for answer in answers if answer.backend == backend]
        if able:
            devices = tuple(dict.fromkeys(device for found in able for device in found.devices))
            needs = checksum(repr(replace(question, backends=(backend,))))[:16]
            why = " / ".join(dict.fromkeys(found.reason for found in able if found.reason))
            return Answer(backend, devices, why, needs, gradients=all(found.gradients for found in able))
    return Answer(None, reason=" / ".join(dict.fromkeys(answer.reason for answer in answers)) or "no node answered")


def _alone(pool: Pool, registry: Registry, question: Question, fatal: dict[str, str]) -> Answer:
    """Return the answer of the first of a question's backends that has one; ``fatal``: those that ended their job."""
    reasons: list[str] = []
    for name in question.backends:
        if name not in fatal:
            answers = _run(pool, registry, [replace(question, backends=(name,))])
            if not isinstance(answers, Failure):
                if answers[0].backend:
                    return replace(answers[0], reason="; ".join(reasons))
                reasons.append(answers[0].reason)
                continue
            fatal[name] = f"{name}: {answers.reason}"
        reasons.append(fatal[name])
    return Answer(None, reason="; ".join(reasons))


def _run(pool: Pool, registry: Registry, questions: list[Question]) -> list[Answer] | Failure:
    isolated = any(_third_party(registry, question) for question in questions)
    backends = {name for question in questions for name in question.backends}
    # Each backend may be late once; it is not asked again.
    limit = (len(backends) + 1) * patience() + GRACE
    result = result_of(pool, Task(probe, questions, "probing backends", timeout=limit, isolated=isolated))
    return result if isinstance(result, Failure) else _received(result, questions)


def _received(result: Any, questions: list[Question]) -> list[Answer] | Failure:
    """Return answers from a process that ran third-party code, or a failure where they are something else."""
    pairs = zip(result, questions, strict=True) if type(result) is list and len(result) == len(questions) else None
    if pairs and all(_is_answer(answer, question) for answer, question in pairs):
        return result  # type: ignore[no-any-return] # as was verified
    return Failure("failed", f"its process returned what a job does not: {shown(result)}")


def _is_answer(value: Any, question: Question) -> bool:
    return (
        type(value) is Answer
        and (value.backend is None or (type(value.backend) is str and value.backend in question.backends))
        and type(value.devices) is tuple
        and all(type(device) is str for device in value.devices)
        and type(value.reason) is str
        and type(value.gradients) is bool
    )


def _third_party(registry: Registry, question: Question) -> bool:
    """Return whether third-party code answers a question."""
    backends = (registry.third_party("backend", name) for name in question.backends)
    own_loss = question.loss is None or not registry.third_party("loss", question.loss.name)
    return any(backends) or registry.third_party("optimizer", question.optimizer.name) or not own_loss


def _precisions(backend: Backend) -> Sequence[Precision]:
    """Return the precisions that a backend names; float32 where it names none."""
    declared: object = backend
    return declared.precisions if implements(declared, ReducedPrecision) else ("float32",)


def _takes_batches(backend: object) -> bool:
    """Return whether a backend says that its networks train on batches that the core prepares."""
    return implements(backend, BatchTrainingBackend) and backend.takes_batches is True


def _answer(question: Question, registry: Registry, late: dict[str, str]) -> Answer:
    """Answer a question; ``late``: backends that took too long to answer another, and the reason that each gave."""
    reasons: list[str] = []
    for name in question.backends:
        if name not in late:
            try:
                with foreign():
                    answer = _asked(name, question, registry)
                if answer.backend:
                    return replace(answer, reason="; ".join(reasons))
                reason = answer.reason
            except Exception as error:  # noqa: BLE001 - a faulty backend costs its own experiments
                reason = str(error) if isinstance(error, HarnessError) else f"{name}: {one_line(error)}"
                if isinstance(error, LateError) or isinstance(error.__cause__, LateError):
                    late[name] = reason
        else:
            reason = late[name]
        reasons.append(reason)
    return Answer(None, reason="; ".join(reasons))


def _asked(name: str, question: Question, registry: Registry) -> Answer:
    """Return what one backend answers."""
    options, directory = question.backend_options.get(name), question.optimizer.directory
    backend = load_backend(registry.find("backend", name), options, directory)
    reason = read_reason(backend.unavailable(question.device))
    if reason is not None:
        return Answer(None, reason=reason)
    missing = missing_layers(backend, f"backend {name}", question.network)
    if missing is not None:
        return Answer(None, reason=missing)
    network = with_loss(question.network, question.loss, registry)
    optimizer = for_blocks(build_optimizer(question.optimizer, registry), network.parameters())
    keys = [
        *read_names(backend.unsupported(network, optimizer), "unsupported"),
        *([] if _takes_batches(backend) or not question.augmented else ["augment"]),
        *([] if question.precision in _precisions(backend) else [f"precision {question.precision!r}"]),
    ]
    if keys:
        return Answer(None, reason=f"{name} cannot honour {', '.join(keys)}")
    devices = read_names(backend.devices(question.device), "devices")
    return Answer(name, devices, gradients=gives_gradients(backend))

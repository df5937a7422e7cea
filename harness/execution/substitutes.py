"""Which experiments train on another backend than the first that the suite names for them, and why, in words."""

from collections.abc import Mapping

from harness.execution.probe import Answer, Question
from harness.text import some


def substitutes(questions: Mapping[str, Question], answers: Mapping[str, Answer]) -> tuple[str, ...]:
    """Return a line for each backend that is used instead of others: of which experiments, and why.

    ``M2, M3b train on numpy instead of torch: torch is not installed: pip install "nn-harness[torch]"``
    """
    having: dict[tuple[str, str, str], list[str]] = {}
    for name, question in questions.items():
        chosen = answers[name].backend
        before = question.backends[: question.backends.index(chosen)] if chosen else ()
        if chosen and before:
            having.setdefault((chosen, " and ".join(before), answers[name].reason), []).append(name)
    return tuple(
        f"{some(names)} {'trains' if len(names) == 1 else 'train'} on {chosen} instead of {before}: {why}"
        for (chosen, before, why), names in having.items()
    )

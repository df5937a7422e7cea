"""Which options of `harness bench` exclude each other: an option without effect is refused."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CALIBRATING = "it measures one training of each backend in one process, and stores the noise floor in the cache"
_IGNORED = {
    "--calibrate": (
        ("--read", "--save", "--compare", "--suite", "--peer", "--work", "--jobs", "--cores", "--format"),
        _CALIBRATING,
    ),
    "--read": (
        ("--networks", "--device", "--jobs", "--threads", "--cores", "--rows", "--rounds", "--timeout"),
        "the file has the measurements. Choose from it with --backend, --peer, --network, --work and --precision",
    ),
    "--cores": (
        ("--jobs", "--threads"),
        "it sets both the threads of one process and the number of processes of one thread",
    ),
}
"""What has no effect beside an option, and why."""
_OF_AN_OPTION = re.compile(r"unknown (backend|network|peer|precision|work) |\d+ (rows) ")


def check_options(given: Mapping[str, Any]) -> None:
    """Refuse options that exclude each other; ``given`` has each option's value by its name, falsy if left out.

    Raises:
        HarnessError: an option would have no effect beside another, or would give a wrong result.
    """
    for option, (others, why) in _IGNORED.items():
        unused = [name for name in others if given[name]]
        if given[option] and unused:
            msg = f"{option}: does not go with {' and '.join(unused)}: {why}"
            raise HarnessError(msg)
    for name in ("--network", "--precision"):
        if given["--calibrate"] and len(given[name] or ()) > 1:
            msg = f"--calibrate: does not go with more than one {name}: {_CALIBRATING}"
            raise HarnessError(msg)
    if given["--calibrate"] and given["--rounds"] == 1:
        msg = (
            "--rounds 1: --calibrate needs at least 2 runs a process, or the noise floor would be too low. Leave "
            "--rounds out (7), or give at least 2"
        )
        raise HarnessError(msg)
    for option, needed in (("--invocations", "--calibrate"), ("--require-verdict", "--fail-on-slower")):
        if given[option] and not given[needed]:
            msg = f"{option}: has no effect without {needed}"
            raise HarnessError(msg)
    if given["--fail-on-slower"] and not given["--compare"]:
        msg = "--fail-on-slower: needs a baseline. Name it with --compare FILE"
        raise HarnessError(msg)


@contextmanager
def options_named() -> Iterator[None]:
    """Put the option before an error about its value: `harness.bench` is also called by a plugin of pytest's."""
    try:
        yield
    except HarnessError as error:
        option = _OF_AN_OPTION.match(str(error))
        if option is None:
            raise
        msg = f"--{option[1] or option[2]}: {error}"
        raise HarnessError(msg) from None

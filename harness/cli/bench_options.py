"""Which options of `harness bench` go together: one that would be ignored is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALIBRATING = "it measures one training of each backend in one process, and keeps the noise floor in the cache"
_IGNORED = {
    "--calibrate": (
        ("--read", "--save", "--compare", "--suite", "--peer", "--work", "--jobs", "--cores", "--format"),
        _CALIBRATING,
    ),
    "--read": (
        ("--device", "--jobs", "--threads", "--cores", "--rows", "--rounds", "--timeout"),
        "the file has what was measured. Choose from it with --backend, --peer, --network, --work and --precision",
    ),
    "--cores": (
        ("--jobs", "--threads"),
        "it means so many threads of one process, and so many processes of one thread",
    ),
}
"""What has no effect beside an option, and why."""


def check_options(given: Mapping[str, Any]) -> None:
    """Refuse options that do not go together; ``given`` has each option's value by its name, nothing if left out.

    Raises:
        HarnessError: an option would have no effect beside another, or would give a wrong figure.
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
            "--rounds 1: with one run in each process, --calibrate would not see how runs of one process differ, and "
            "the noise floor would be too low. Leave it out (7), or name at least 2"
        )
        raise HarnessError(msg)
    if given["--fail-on-slower"] and not given["--compare"]:
        msg = "--fail-on-slower: slower than what? Name a baseline with --compare FILE"
        raise HarnessError(msg)

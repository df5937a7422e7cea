"""What the driver and the nodes say to each other: plain data."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.machine.cache import cache_root
from harness.machine.host import host
from harness.machine.identity import boot
from harness.plugins.components import KINDS
from harness.plugins.loading import Registry
from harness.trial.tasks import Report

LOG = "log.txt"
"""The log of a job, in its folder on the node."""


@dataclass(frozen=True)
class Settings:
    """How a driver wants its jobs to run on a node."""

    topic: str
    """The driver's name on the cluster: the topic of its events, and the prefix of its keys."""
    node: str
    """The node's name in rows."""
    key: str
    """The key that holds the session open: another one each time, as a node may come back before its end is known."""
    environment: Mapping[str, str | None]
    """Variables of the jobs' processes; None: without it."""
    processor: str
    """The driver's. A node of the same one takes the driver's kernel too, so that its results have the same bits."""
    kernel: Mapping[str, str | None]
    """The variable with the driver's kernel of matrix products."""


@dataclass(frozen=True)
class Order:
    """A task for a node. ``folder`` is where its files are; ``writes`` and ``updates`` are names in it."""

    number: int
    topic: str
    key: str
    folder: str
    content: bytes = field(repr=False)
    """The job and its argument, pickled. The agent does not read it, as that may import a plugin."""
    title: str
    timeout: float | None
    isolated: bool
    writes: tuple[str, ...] = ()
    """Files that are sent back once the job has ended well."""
    updates: tuple[str, ...] = ()
    """Files that are sent back whenever the job has written them."""


@dataclass(frozen=True)
class Piece:
    """A file on a node; ``content`` is there where it is small."""

    path: str
    size: int
    digest: str
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Returned:
    """What came of an order: the pickled result, the log, and by name what the job wrote; no result: it was ended."""

    result: Piece | None
    log: Piece | None = None
    files: Mapping[str, Piece] = field(default_factory=dict)
    said: tuple[bytes, ...] = field(default=(), repr=False)
    """What the job has reported, and no event has passed on: lists, pickled."""


def about_node(parts: tuple[str, ...], registry: Registry, _report: Report) -> dict[str, Any]:
    """Return what is to be known of a node, all text: a job.

    ``parts`` are plugins' components as rows name them, ``"optimizer lion"``; the identity of each that is there is
    among the facts, under its name.
    """
    visible = sorted(f"{name}={value}" for name, value in os.environ.items() if name.endswith("VISIBLE_DEVICES"))
    machine = f"{platform.node()} {boot() or ''}"
    facts = {"machine": machine, "domain": f"{machine} {visible}", "cache": str(cache_root())}
    facts |= {"processor": host()["processor"], "cores": host()["cores"]}
    for part in parts:
        kind, _, name = part.partition(" ")
        known = next((known for known in KINDS if known == kind), None)
        component = known and registry.named(known).get(name)
        if component:
            facts[part] = component.identity
    return facts

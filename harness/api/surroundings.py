"""The environment that processes of a call inherit: threads and kernels of matrix products."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.machine.kernels import VARIABLE, settle_kernel
from harness.machine.threads import VARIABLES


@contextmanager
def settled(threads: int, say: Callable[[str], None] = lambda _text: None) -> Iterator[None]:
    """Set the variables that numeric libraries read when they are loaded, for processes that start within the block.

    Afterwards they are as they were: the program that calls harness may start processes too. Where this process has
    loaded NumPy already, it goes on with its threads and its kernel. ``say`` is called before the kernels are measured,
    which is done once a machine.
    """
    before = {name: os.environ.get(name) for name in (*VARIABLES, VARIABLE)}
    for name in VARIABLES:
        os.environ[name] = str(threads)
    try:
        settle_kernel(say=say)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

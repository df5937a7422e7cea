"""Backends that end what they run in, or never end themselves, in a trial."""

import asyncio
import os
import time

import harness
from tests.broken_plugins import dishonest
from tests.broken_plugins.small_network import Correct


def ending(end):
    """Return a network that ends so in its first epoch."""

    class Ending(Correct):
        def train_epoch(self, epoch, order, learning_rate):
            end()
            return super().train_epoch(epoch, order, learning_rate)

    return Ending


def raised(error):
    """Return what raises an error."""

    def end():
        raise error

    return end


def exit_when_loaded():
    """Stand for a factory that ends the interpreter."""
    raise SystemExit(0)


NETWORKS = {
    "exits": ending(raised(SystemExit(0))),
    "interrupts": ending(raised(KeyboardInterrupt())),
    "closes": ending(raised(GeneratorExit())),
    "cancels": ending(raised(asyncio.CancelledError())),
    "dies": ending(lambda: os._exit(0)),
    "hangs": ending(lambda: time.sleep(3600)),
}


class Backend(dishonest.Backend):
    """Builds one of them."""

    def __init__(self, name):
        self.network = NETWORKS[name]


@harness.hookimpl
def register_backends(register):
    """Offer one backend for each, and one that cannot be made."""
    for name in NETWORKS:
        register(name, lambda name=name: Backend(name))
    register("exits_when_loaded", exit_when_loaded)

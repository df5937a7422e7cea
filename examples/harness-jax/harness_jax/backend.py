"""The backend: JAX's devices, and what is built on them."""

import os
from collections.abc import Mapping, Sequence

import jax

from harness.interfaces import Context, Network, NetworkSpec, Optimizer, State
from harness.stepwise import StepwiseBackend
from harness_jax.layers import LAYERS
from harness_jax.network import JaxNetwork

# XLA chooses its number of threads once, when it starts; by then the harness has set that of this process.
os.environ.setdefault("NPROC", os.environ.get("OMP_NUM_THREADS", "1"))


class JaxBackend(StepwiseBackend):
    """Builds networks on ``auto`` (JAX's own choice), ``cpu``, ``cuda``, ``cuda:1``, …; honours every key."""

    interface = 2
    layers = tuple(LAYERS)
    input_gradients = True

    def unavailable(self, device: str) -> str | None:
        """Return why JAX has no such device, or None."""
        try:
            self.devices(device)
        except (RuntimeError, ValueError, IndexError) as error:
            return f"jax has no device {device!r}: {' '.join(str(error).split())}"
        return None

    def devices(self, device: str) -> Sequence[str]:
        """Return the devices that ``device`` may mean."""
        platform, _, index = device.partition(":")
        available = jax.devices(None if platform == "auto" else platform)
        names = ["cpu" if place.platform == "cpu" else f"cuda:{place.id}" for place in available]
        return [names[int(index)]] if index else names

    def environment(self, device: str) -> Mapping[str, str]:
        """Return versions and the device's name."""
        return {"device": _device(self.devices(device)[0]).device_kind, "jax": jax.__version__}

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> Network:
        """Return a network that starts from ``initial``."""
        if context.precision == "float64":
            jax.config.update("jax_enable_x64", True)  # JAX allows float64 in a whole process or not at all
        return JaxNetwork(spec, initial, optimizer, context, _device(self.devices(context.device)[0]))


def _device(name: str) -> jax.Device:
    platform, _, index = name.partition(":")
    return next(place for place in jax.devices(platform) if place.id == int(index or 0))

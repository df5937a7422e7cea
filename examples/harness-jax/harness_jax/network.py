"""A network as two pure functions, compiled: one training step, one prediction."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from harness.descent import batch_loss, clip_factor
from harness.interfaces import Context, NetworkSpec, Optimizer, State, joined_state, split_state
from harness.stepwise import StepwiseNetwork
from harness_jax.layers import chain

Arrays = dict[str, Array]


def apply(spec: NetworkSpec, flat: Array, running: Arrays, x: Array, draws: Array | None) -> tuple[Array, Arrays]:
    """Return logits (rows, classes) of x (rows, *row_shape), and the running statistics; ``draws`` means training."""
    blocks = {block.key: flat[block.start : block.stop].reshape(block.shape) for block in spec.parameters()}
    x, moved = chain(spec.layers, blocks | running, x, draws)
    return x, running | moved


@partial(jax.jit, static_argnames="spec")
def predict(spec: NetworkSpec, flat: Array, running: Arrays, x: Array) -> Array:
    """Return logits (rows, classes), in evaluation mode."""
    return apply(spec, flat, running, x, None)[0]


@partial(jax.jit, static_argnames="spec")
def input_gradient(spec: NetworkSpec, flat: Array, running: Arrays, x: Array, y: Array) -> Array:
    """Return the gradient (rows, *row_shape) of each row's cross-entropy by the row, in evaluation mode."""

    def total(x: Array) -> Array:
        log_p = jax.nn.log_softmax(apply(spec, flat, running, x, None)[0])
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).sum()

    return jax.grad(total)(x)


@partial(jax.jit, static_argnames=("spec", "optimizer"))
def train(
    spec: NetworkSpec,
    optimizer: Optimizer,
    changing: tuple[Array, Arrays, Arrays],
    x: Array,
    y: Array,
    learning_rate: Array,
    key: tuple[int, int, int],
) -> tuple[tuple[Array, Arrays, Arrays], Array, Array]:
    """Return parameters, statistics and moments after a step; the mean loss and the number right before it.

    Compiled once for each size of batch; trials that differ in their seed alone share that.
    """
    flat, running, moments = changing
    seed, epoch, step = key

    def logits_of(flat: Array) -> tuple[Array, Arrays]:
        draws = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), epoch), step)
        return apply(spec, flat, running, x, draws)

    logits, back, moved = jax.vjp(logits_of, flat, has_aux=True)
    weights = None if spec.class_weights is None else jnp.array(spec.class_weights, dtype=flat.dtype)
    loss, slope = batch_loss(spec, jnp, logits, y, weights)
    (gradient,) = back(slope)
    if spec.clip_norm is not None:
        gradient = gradient * clip_factor(jnp, jnp.vdot(gradient, gradient), spec.clip_norm)
    penalties = [
        jnp.full(block.stop - block.start, spec.weight_decay + spec.l2 * block.is_weight, flat.dtype)
        for block in spec.parameters()
    ]
    gradient = gradient + jnp.concatenate(penalties) * flat
    flat, moments = optimizer.update(flat, gradient, moments, learning_rate)
    return (flat, moved, moments), loss, (logits.argmax(axis=1) == y).sum()


class JaxNetwork(StepwiseNetwork):
    """Replaces the base class's arrays by JAX's: the flat vector, the running statistics, the optimizer's state."""

    _changing: tuple[Array, Arrays, Arrays]

    def __init__(
        self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context, device: jax.Device
    ) -> None:
        self._put = partial(jax.device_put, device=device)
        super().__init__(spec, initial, optimizer, context)

    def step(self, x: NDArray[Any], y: NDArray[np.int64], learning_rate: float) -> tuple[Any, Any]:
        """Train on one batch; JAX still computes the loss and the number right when it returns."""
        labels, key = y.astype(np.int32), (self.context.seed, *self.position)
        self._changing, loss, right = train(self.spec, self.optimizer, self._changing, x, labels, learning_rate, key)
        return loss, right

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return logits (rows, classes) of x (rows, *row_shape)."""
        flat, running, _ = self._changing
        return np.asarray(predict(self.spec, flat, running, x))

    def input_gradient(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the gradient of each row's cross-entropy by the row, of the shape and dtype of ``images``."""
        flat, running, _ = self._changing
        x = images.reshape(len(images), *self.spec.row_shape)
        gradient = input_gradient(self.spec, flat, running, x, labels.astype(np.int32))
        return np.array(gradient, dtype=images.dtype).reshape(images.shape)

    def state(self) -> State:
        """Return a copy of parameters, statistics and optimizer state."""
        flat, running, moments = jax.device_get(self._changing)
        state = {block.key: flat[block.start : block.stop].reshape(block.shape) for block in self.spec.parameters()}
        return {key: np.array(value) for key, value in joined_state(state | running, moments).items()}

    def load(self, state: State) -> None:
        """Take over a state that `state` returned; without ``optimizer.*`` the optimizer starts anew."""
        dtype = self.context.precision
        flat = self._put(np.concatenate([state[block.key].ravel() for block in self.spec.parameters()]).astype(dtype))
        running = {key: state[key].astype(dtype) for key in self.spec.buffers()}
        _, moments = split_state(state)
        self._changing = flat, self._put(running), self._put(moments) if moments else self.optimizer.init(flat)

    def synchronize(self) -> None:
        """Wait for queued steps."""
        jax.block_until_ready(self._changing)

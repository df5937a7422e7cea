"""A training step as a list of launches, in the order of the main stream."""

from dataclasses import dataclass

import numpy as np

from harness.interfaces import Array
from harness.optimizers import AdamW
from harness_array.kernels.buffers import PARTS, EpochBuffers, StepBuffers
from harness_array.kernels.chain import Chain
from harness_array.kernels.plan import Stage
from harness_array.kernels.products import Product
from harness_array.kernels.tools import NOWHERE, Launch, Passed, Tools
from harness_array.updates import SGDUpdate


@dataclass(frozen=True)
class Source:
    """Where a batch's rows are: the whole set on the device, or one buffer that is filled before each step."""

    name: str
    rows: Array
    """(·, features) uint8 or float32."""
    resident: bool


class Head:
    """The last linear layer, whose bias the loss adds."""

    def __init__(self, tools: Tools, stage: Stage, *, needs_gradient: bool) -> None:
        self.product = Product(tools, stage, needs_gradient=needs_gradient)
        self.z, self.z_gradient = (tools.matrix(tools.rows, stage.width) for _ in range(2))
        self.bias, self.bias_gradient = tools.learned_pair(f"{stage.name}.bias")


class Step:
    """Builds a step's launches for a number of rows."""

    def __init__(self, tools: Tools, chain: Chain, head: Head, buffers: StepBuffers, epoch: EpochBuffers) -> None:
        self._tools, self._kernels, self._learned = tools, tools.kernels, tools.learned
        self._chain, self._head, self._buffers, self._epoch = chain, head, buffers, epoch
        smoothing = getattr(self._learned.spec.loss, "label_smoothing", 0.0)
        self._loss = np.float64(smoothing), np.int32(self._learned.spec.class_weights is not None)

    def launches(self, source: Source, rows: int) -> list[Launch]:
        """Return the launches of a step on ``rows`` rows: gather, forward, loss, backward, update, bookkeeping."""
        passed = self._chain.forward(self._buffers.x[:rows], rows)
        first, *update = self._update()  # needs every gradient
        return [
            self._gather(source, rows),
            *passed.launches,
            *self._head.product.forward(passed.y, self._head.z[:rows], rows),
            self._softmax(rows),
            *self._backward(passed, rows),
            self._tools.aside.awaited(first),
            *update,
            self._finish(rows),
        ]

    def _gather(self, source: Source, rows: int) -> Launch:
        spec, buffers, epoch = self._learned.spec, self._buffers, self._epoch
        images = source.rows.dtype == np.uint8
        return self._kernels.elementwise(
            "gather_bytes" if images else "gather_floats",
            rows * spec.features,
            *(source.rows, epoch.order, epoch.labels, buffers.x, buffers.labels, buffers.control),
            *map(np.int32, (rows, spec.batch_size, spec.features)),
            *([self._kernels.real(255)] if images else []),
            np.int32(source.resident),
        )

    def _backward(self, passed: Passed, rows: int) -> list[Launch]:
        """Return the launches of the way back, through the last layer and the chain before it."""
        launches, gradient = self._head.product.backward(passed.y, self._head.z_gradient[:rows], rows)
        if self._chain.learns:
            more, _ = passed.backward(gradient)
            launches += more
        # Nothing waits for the last bias's gradient but the update, which waits for the first weight's too.
        width = self._learned.spec.classes
        size = np.int32(rows), np.int32(width)
        return [
            *launches,
            self._kernels.by_columns("column_sums", width, self._head.z_gradient, self._head.bias_gradient, *size),
        ]

    def _softmax(self, rows: int) -> Launch:
        spec, buffers, head = self._learned.spec, self._buffers, self._head
        return self._kernels.by_rows(
            "softmax_cross_entropy",
            rows,
            *(head.z, head.bias, buffers.labels, buffers.class_weights, head.z_gradient),
            *(buffers.row_loss, buffers.right),
            *(np.int32(rows), np.int32(spec.classes), *self._loss, np.int32(spec.gradient == "mean")),
        )

    def _update(self) -> list[Launch]:
        learned, buffers, kernels, real = self._learned, self._buffers, self._kernels, self._kernels.real
        spec, update, count = learned.spec, learned.update, learned.parameters.size
        size, launches = np.int32(count), []
        if spec.clip_norm is not None:
            launches = [
                kernels.blocks("squares", PARTS, learned.gradients, buffers.partial, size),
                kernels.blocks(
                    "clip_factor", 1, buffers.partial, buffers.control, np.int32(PARTS), np.float64(spec.clip_norm)
                ),
            ]
        penalties = real(spec.weight_decay), real(spec.l2)
        vectors = learned.parameters, learned.gradients
        common = buffers.is_weight, buffers.control, size
        if isinstance(update, SGDUpdate):
            velocity = NOWHERE if update.velocity is None else update.velocity
            rule = real(update.rule.momentum), np.int32(update.rule.nesterov)
            return [*launches, kernels.elementwise("sgd", count, *vectors, velocity, *common, *rule, *penalties)]
        beta1, beta2 = update.rule.betas
        betas = map(real, (beta1, beta2, 1.0 - beta1, 1.0 - beta2))
        return [
            *launches,
            kernels.elementwise("adam", count, *vectors, update.m, update.v, *common, *betas, *penalties),
        ]

    def _finish(self, rows: int) -> Launch:
        learned, buffers = self._learned, self._buffers
        update, spec = learned.update, learned.spec
        adam = None if isinstance(update, SGDUpdate) else update.rule
        beta1, beta2 = adam.betas if adam else (0.0, 0.0)
        decay = adam.weight_decay if isinstance(adam, AdamW) else 0.0
        return self._kernels.blocks(
            "finish",
            1,
            *(buffers.row_loss, buffers.right, buffers.labels, buffers.class_weights, self._epoch.losses),
            *(buffers.control, np.int32(rows), np.int32(spec.classes), self._loss[1], np.int32(adam is not None)),
            *map(np.float64, (beta1, beta2, adam.eps if adam else 0.0, decay)),
        )

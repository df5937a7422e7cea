"""A training step as a list of launches, in the order of the main stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.interfaces import Array
from harness.optimizers import AdamW
from harness_array.kernels.aside import Aside
from harness_array.kernels.buffers import PARTS, EpochBuffers, Learned, StepBuffers
from harness_array.kernels.cublas import Cublas
from harness_array.kernels.module import Kernels
from harness_array.kernels.plan import Stage
from harness_array.updates import SGDUpdate

Launch = Callable[[], None]
_NOWHERE = np.uint64(0)
"""A null pointer, of an array that a kernel does not read."""


@dataclass(frozen=True)
class Source:
    """Where a batch's rows are: the whole set on the device, or one buffer that is filled before each step."""

    name: str
    rows: Array
    """(·, features) uint8 or float32."""
    resident: bool


class Step:
    """Builds a step's launches for a number of rows."""

    def __init__(
        self,
        kernels: Kernels,
        blas: Cublas,
        aside: Aside,
        learned: Learned,
        stages: Sequence[Stage],
        buffers: StepBuffers,
        epoch: EpochBuffers,
    ) -> None:
        self._kernels, self._blas, self._aside, self._learned = kernels, blas, aside, learned
        self._stages, self._buffers, self._epoch = stages, buffers, epoch
        smoothing = getattr(learned.spec.loss, "label_smoothing", 0.0)
        self._loss = np.float64(smoothing), np.int32(learned.spec.class_weights is not None)

    def launches(self, source: Source, rows: int) -> list[Launch]:
        """Return the launches of a step on ``rows`` rows: gather, forward, loss, backward, update, bookkeeping."""
        first, *update = self._update()  # needs every gradient
        return [
            self._gather(source, rows),
            *self._forward(rows),
            self._softmax(rows),
            *self._backward(rows),
            self._aside.awaited(first),
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

    def _weight(self, stage: Stage) -> tuple[Array, Array, Array, Array]:
        """Return weight, bias and their gradients."""
        names = f"{stage.position}.weight", f"{stage.position}.bias"
        values, gradients = self._learned.weights, self._learned.weight_gradients
        return values[names[0]], values[names[1]], gradients[names[0]], gradients[names[1]]

    def _inputs(self, index: int, rows: int) -> Array:
        return (self._buffers.stages[index - 1].y if index else self._buffers.x)[:rows]

    def _forward(self, rows: int) -> list[Launch]:
        launches = []
        for index, stage in enumerate(self._stages):
            weight, _, _, _ = self._weight(stage)
            launches.append(self._blas.product(self._inputs(index, rows), weight, self._buffers.stages[index].z[:rows]))
            if index + 1 < len(self._stages):
                launches.append(self._activation(index, stage, rows))
        return launches

    def _activation(self, index: int, stage: Stage, rows: int) -> Launch:
        kernels, own, control = self._kernels, self._buffers.stages[index], self._buffers.control
        _, bias, _, _ = self._weight(stage)
        keep = 1.0 - stage.rate
        numbers = (
            np.int32(stage.activation),
            np.uint32(stage.dropout_position),
            np.uint32(min(round(keep * 2**32), 2**32 - 1) if stage.rate else 0),
            kernels.real(1.0 / keep),
        )
        size = np.int32(rows), np.int32(stage.outputs)
        if stage.norm is None:
            arguments = own.z, bias, own.y, own.slope, control, *size, *numbers
            return kernels.elementwise("bias_activation", rows * stage.outputs, *arguments)
        gamma, beta, mean, variance = self._norm(stage)
        return kernels.by_columns(
            "bias_norm_activation",
            stage.outputs,
            *(own.z, bias, gamma, beta, mean, variance, own.inverse, own.normalised, own.y, own.slope, control, *size),
            *(kernels.real(stage.norm.momentum), kernels.real(stage.norm.eps), *numbers),
        )

    def _norm(self, stage: Stage) -> tuple[Array, Array, Array, Array]:
        """Return γ, β, running mean and running variance."""
        values, running, place = self._learned.weights, self._learned.running, stage.norm_position
        return (
            values[f"{place}.weight"],
            values[f"{place}.bias"],
            running[f"{place}.running_mean"],
            running[f"{place}.running_var"],
        )

    def _softmax(self, rows: int) -> Launch:
        spec, buffers, last = self._learned.spec, self._buffers, self._buffers.stages[-1]
        _, bias, _, _ = self._weight(self._stages[-1])
        return self._kernels.by_rows(
            "softmax_cross_entropy",
            rows,
            *(last.z, bias, buffers.labels, buffers.class_weights, last.z_gradient, buffers.row_loss, buffers.right),
            *(np.int32(rows), np.int32(spec.classes), *self._loss, np.int32(spec.gradient == "mean")),
        )

    def _backward(self, rows: int) -> list[Launch]:
        launches = []
        for index in reversed(range(len(self._stages))):
            stage, own = self._stages[index], self._buffers.stages[index]
            weight, _, weight_gradient, _ = self._weight(stage)
            gradient = own.z_gradient[:rows]
            if index + 1 < len(self._stages):
                launches.append(self._back(index, stage, rows))
            launches.append(self._aside.product(self._inputs(index, rows), gradient, weight_gradient))
            if index:
                below = self._buffers.stages[index - 1].y_gradient[:rows]
                launches.append(self._blas.product(gradient, weight, below, b_t=True))
        # Nothing waits for the last bias's gradient but the update, which waits for the first weight's too.
        stage, own = self._stages[-1], self._buffers.stages[-1]
        _, _, _, bias_gradient = self._weight(stage)
        size = np.int32(rows), np.int32(stage.outputs)
        return [
            *launches,
            self._kernels.by_columns("column_sums", stage.outputs, own.z_gradient, bias_gradient, *size),
        ]

    def _back(self, index: int, stage: Stage, rows: int) -> Launch:
        own = self._buffers.stages[index]
        _, _, _, bias_gradient = self._weight(stage)
        size = np.int32(rows), np.int32(stage.outputs)
        if stage.norm is None:
            arguments = own.y_gradient, own.slope, own.z_gradient, bias_gradient, *size
            return self._kernels.by_columns("activation_backward", stage.outputs, *arguments)
        gradients, place = self._learned.weight_gradients, stage.norm_position
        return self._kernels.by_columns(
            "norm_backward",
            stage.outputs,
            *(own.y_gradient, own.slope, own.normalised, self._learned.weights[f"{place}.weight"], own.inverse),
            *(own.z_gradient, gradients[f"{place}.weight"], gradients[f"{place}.bias"], bias_gradient, *size),
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
            velocity = _NOWHERE if update.velocity is None else update.velocity
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

"""The parts of a network one after another, forward and backward."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from harness.interfaces import Array
from harness_array.kernels.channels import tail_of
from harness_array.kernels.plan import Branch, Part, Pool, Stage
from harness_array.kernels.products import product_of
from harness_array.kernels.tools import Launch, Passed, Tools


class StagePass:
    """A product and what follows it."""

    def __init__(self, tools: Tools, stage: Stage, *, needs_gradient: bool) -> None:
        self._pixels, self._shape = stage.pixels, (tools.rows * stage.pixels, stage.width)
        self._product = product_of(tools, stage, needs_gradient=needs_gradient)
        self._z: Array = tools.matrix(*self._shape) if self._product else None
        self.tail = tail_of(tools, stage)

    def forward(self, x: Array, rows: int) -> Passed:
        """Return what it makes of x (rows, …)."""
        count = rows * self._pixels
        launches: list[Launch] = []
        z = x.reshape(count, self._shape[1]) if self._product is None else self._z[:count]
        if self._product:
            launches += self._product.forward(x, z, rows)
        if self.tail:
            launches += self.tail.forward(z)

        def backward(gradient: Array) -> tuple[list[Launch], Array]:
            gradient, queued = gradient.reshape(count, self._shape[1]), list[Launch]()
            if self.tail:
                queued += self.tail.backward(gradient)
                gradient = self.tail.z_gradient[:count]
            if self._product is None:
                return queued, gradient
            more, gradient = self._product.backward(x, gradient, rows)
            return queued + more, gradient

        return Passed(launches, self.tail.y[:count] if self.tail else z, backward)


class PoolPass:
    """The largest value or the mean of each window."""

    def __init__(self, tools: Tools, pool: Pool, *, needs_gradient: bool) -> None:
        self._kernels, self._largest = tools.kernels, pool.largest
        self._y = tools.matrix(tools.rows, prod(pool.shape))
        self._which = [tools.xp.empty(self._y.shape, dtype=np.int32)] if pool.largest else []
        self._x_gradient = tools.matrix(tools.rows, prod(pool.input_shape)) if needs_gradient else None
        lines, columns = (size // window for size, window in zip(pool.input_shape, pool.window, strict=False))
        window = pool.window[: 1 if pool.largest else 2]
        self._form = tuple(map(np.int32, (*pool.input_shape, lines, columns, *window)))

    def forward(self, x: Array, rows: int) -> Passed:
        """Return what it makes of x (rows, …)."""
        y, name = self._y[:rows], "max_pool" if self._largest else "average_pool"
        launch = self._kernels.elementwise(name, y.size, x, y, *self._which, np.int32(y.size), *self._form)

        def backward(gradient: Array) -> tuple[list[Launch], Array]:
            if self._x_gradient is None:
                return [], None
            out = self._x_gradient[:rows]
            arrays = gradient, *self._which, out, np.int32(out.size)
            return [self._kernels.elementwise(f"{name}_backward", out.size, *arrays, *self._form)], out

        return Passed([launch], y, backward)


class BranchPass:
    """A chain with a shortcut around it."""

    def __init__(self, tools: Tools, branch: Branch, *, needs_gradient: bool) -> None:
        self._kernels = tools.kernels
        self._chain = Chain(tools, branch.parts, needs_gradient=needs_gradient)
        self._shortcut = StagePass(tools, branch.shortcut, needs_gradient=needs_gradient) if branch.shortcut else None
        self._y = tools.matrix(tools.rows, prod(branch.shape))
        self._x_gradient = tools.matrix(tools.rows, prod(branch.input_shape)) if needs_gradient else None

    def forward(self, x: Array, rows: int) -> Passed:
        """Return what it makes of x (rows, …)."""
        chain = self._chain.forward(x, rows)
        shortcut = self._shortcut.forward(x, rows) if self._shortcut else Passed([], x, lambda gradient: ([], gradient))
        y = self._y[:rows]

        def backward(gradient: Array) -> tuple[list[Launch], Array]:
            (queued, first), (more, second) = chain.backward(gradient), shortcut.backward(gradient)
            if self._x_gradient is None:
                return queued + more, None
            out = self._x_gradient[:rows]
            return [*queued, *more, self._sum(first, second, out)], out

        return Passed([*chain.launches, *shortcut.launches, self._sum(chain.y, shortcut.y, y)], y, backward)

    def _sum(self, first: Array, second: Array, out: Array) -> Launch:
        return self._kernels.elementwise("residual_sum", out.size, first, second, out, np.int32(out.size))


class Chain:
    """Parts one after another; ``needs_gradient`` says whether anything before them learns."""

    def __init__(self, tools: Tools, parts: Sequence[Part], *, needs_gradient: bool = False) -> None:
        self.passes: list[StagePass | PoolPass | BranchPass] = []
        learns = needs_gradient
        self._ahead = 0
        """Parts at the start of which none learns, nor anything before them: no gradient comes to them."""
        for part in parts:
            self.passes.append(_pass(tools, part, needs_gradient=learns))
            learns = learns or part.learns
            self._ahead += not learns
        self.learns = learns
        """Whether anything before its end learns."""

    def forward(self, x: Array, rows: int) -> Passed:
        """Return what the parts make of x (rows, …)."""
        launches: list[Launch] = []
        backs: list[Callable[[Array], tuple[list[Launch], Array]]] = []
        for part in self.passes:
            more, x, back = part.forward(x, rows)
            launches += more
            backs.append(back)

        def backward(gradient: Array) -> tuple[list[Launch], Array]:
            queued: list[Launch] = []
            for back in reversed(backs[self._ahead :]):
                more, gradient = back(gradient)
                queued += more
            return queued, gradient

        return Passed(launches, x, backward)


def _pass(tools: Tools, part: Part, *, needs_gradient: bool) -> StagePass | PoolPass | BranchPass:
    if isinstance(part, Stage):
        return StagePass(tools, part, needs_gradient=needs_gradient)
    kind = PoolPass if isinstance(part, Pool) else BranchPass
    return kind(tools, part, needs_gradient=needs_gradient)  # type: ignore[arg-type] # each takes its own part

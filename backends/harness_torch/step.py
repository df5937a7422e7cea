"""A step of training: forward, loss, backward, penalties, update."""

import torch
from torch import Tensor, nn

from harness.interfaces import NetworkSpec, kinds_of
from harness_torch.loss import Backward, clip
from harness_torch.parameters import Parameters
from harness_torch.updates import Update


class Step:
    """Steps of one network, which wait for nothing on the host unless its loss or its rule does."""

    def __init__(
        self, spec: NetworkSpec, modules: nn.Module, learned: Parameters, loss: Backward, rule: Update
    ) -> None:
        self._spec = spec
        self._smallest = max(kind.smallest_batch for kind in kinds_of(spec.layers))
        self._modules = modules
        self._learned = learned
        self._loss = loss
        self.update = rule
        """With the optimizer's state."""

    @property
    def dtype(self) -> torch.dtype:
        """That of what is learned."""
        return self._learned.kept[0].dtype

    def __call__(self, x: Tensor, labels: Tensor, learning_rate: float | Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, a sum or a mean as `Backward.summed` says, and the logits, both from before the update.

        ``x`` (rows, features) and ``labels`` (rows,), int64.

        Raises:
            ValueError: a batch of one row reaches a batch norm: torch refuses a vector, and would take an image's
                pixels for a batch.
        """
        if len(x) < self._smallest:
            raise ValueError("batch norm: a training batch of one row has no variance; choose another batch_size")
        logits = self.logits(x)
        learned, spec = self._learned, self._spec
        learned.forget_gradients()
        loss = self._loss.backward(logits, labels)
        with torch.no_grad():
            gradients = learned.gradients()
            if spec.clip_norm is not None:
                clip(gradients, spec.clip_norm)
            if spec.l2:
                for index in learned.weights:
                    gradients[index].add_(learned.kept[index], alpha=spec.l2)
            self.update.step(learned.kept, gradients, learning_rate, spec.weight_decay)
            learned.renew_copies()
        return loss, logits.detach()

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (rows, classes) of x (rows, features), in the precision of what is learned.

        "bfloat16" is the products' alone.
        """
        if len(self._spec.row_shape) == 3:
            x = x.view(len(x), *self._spec.row_shape).permute(0, 3, 1, 2)  # channels last in memory
        return self._modules(x).to(self.dtype)  # type: ignore[no-any-return] # modules of tensors

"""A network in evaluation mode: what it predicts, and the gradient of its loss by the input."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from harness_torch.images import to_tensor

Images = NDArray[np.float32]


class Evaluation:
    """Evaluates a network some rows at a time, as many as memory allows: dropout off, running statistics."""

    def __init__(self, modules: nn.Module, logits: Callable[[Tensor], Tensor], classes: int, rows: int) -> None:
        """``logits`` returns (rows, classes) of x (rows, features); ``rows`` are evaluated at a time, at most."""
        self._modules = modules
        self._logits = logits
        self._classes = classes
        self._rows = rows

    def log_probabilities(self, count: int, load: Callable[[slice], Tensor]) -> Images:
        """Return log-probabilities (count, classes); ``load`` returns some of the rows as floats (rows, features)."""
        self._modules.eval()
        log_probabilities = np.empty((count, self._classes), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, count, self._rows):
                part = slice(start, min(start + self._rows, count))
                torch.from_numpy(log_probabilities[part]).copy_(log_softmax(self._logits(load(part)), dim=1))
        return log_probabilities

    def input_gradient(self, images: Images, labels: NDArray[np.int64], load: Callable[[Images], Tensor]) -> Images:
        """Return the gradient of each row's cross-entropy by the row, of the shape of images (rows, *shape).

        ``load`` returns such rows as floats (rows, features), in a buffer that it may use again.
        """
        self._modules.eval()
        gradients = np.empty_like(images)
        for start in range(0, len(images), self._rows):
            part = slice(start, start + self._rows)
            x = load(images[part]).clone().requires_grad_()
            loss = cross_entropy(self._logits(x), to_tensor(labels[part], x.device), reduction="sum")
            (gradient,) = torch.autograd.grad(loss, x)  # of x alone: none of a parameter is formed
            torch.from_numpy(gradients[part]).copy_(gradient.view(gradients[part].shape))
        return gradients

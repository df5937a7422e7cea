"""Projected gradient descent."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.interfaces import Victim
from harness_adversarial.linf import Images, Labels, LInfinityAttack

_REACH = 2.5
"""How many times ε the steps go together, unless their size is given: from any start within ε of an image they reach
any other, and some are left to turn (as Madry et al., 2018, who take 100 steps of 2.5 ε / 100)."""


class PGD(LInfinityAttack):
    """x₀ = x + u, u ~ U(-ε, ε) a pixel;  xₜ₊₁ = Π(xₜ + α sign(∇ₓ J(xₜ, y))) (Madry et al., 2018, section 2.1).

    Π projects onto the pixels within ε of x and in [0, 1]; J is the cross-entropy. Of an image that the network
    misclassifies as it is, the clean image is kept: robust accuracy is never above clean accuracy. Of another, the
    first of the ``restarts`` that ends misclassified; without one, that which ends with the largest J.
    """

    def __call__(
        self,
        images: Images,
        severity: float,
        rng: np.random.Generator,
        *,
        victim: Victim,
        labels: Labels,
        steps: Annotated[int, Field(ge=1)] = 10,
        step_size: Annotated[float, Field(gt=0)] | None = None,
        restarts: Annotated[int, Field(ge=1)] = 1,
    ) -> Images:
        """Return attacked copies of images (rows, height, width[, channels]) with the classes ``labels`` (rows,).

        ``step_size``: α, in units of the pixels' range as the severity ε; without, 2.5 ε / steps. A row's start
        depends on the generator, its place among the rows and the restart's number, not on what becomes of other rows.
        """
        attacked = images.copy()
        if severity == 0:
            return attacked
        epsilon = np.float32(severity)
        alpha = np.float32(_REACH * severity / steps if step_size is None else step_size)
        losses, right = _judged(victim, images, labels)
        losses[:] = -np.inf  # whatever a restart ends with counts more than the image as it is
        resisting = np.flatnonzero(right)
        for _ in range(restarts):
            starts = rng.random(images.shape, dtype=np.float32) * 2 - 1
            if not resisting.size:
                break
            clean, truth = images[resisting], labels[resisting]
            low, high = np.maximum(clean - epsilon, 0), np.minimum(clean + epsilon, 1)
            moved = np.clip(clean + epsilon * starts[resisting], low, high)
            for _ in range(steps):
                moved += alpha * np.sign(victim.input_gradient(moved, truth))
                np.clip(moved, low, high, out=moved)
            reached, right = _judged(victim, moved, truth)
            better = ~right | (reached > losses[resisting])
            attacked[resisting[better]] = moved[better]
            losses[resisting[better]] = reached[better]
            resisting = resisting[right]
        return attacked


def _judged(victim: Victim, images: Images, labels: Labels) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return each row's cross-entropy, and whether it is classified rightly, both (rows,)."""
    log_probability = victim.predict_images(images)
    losses: NDArray[np.float32] = -log_probability[np.arange(len(labels)), labels]
    return losses, log_probability.argmax(axis=1) == labels


pgd = PGD()

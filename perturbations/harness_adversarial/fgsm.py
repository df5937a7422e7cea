"""The fast gradient sign method."""

import numpy as np

from harness.interfaces import Victim
from harness_adversarial.linf import Images, Labels, LInfinityAttack


class FGSM(LInfinityAttack):
    """x <- clip(x + ε sign(∇ₓ J(x, y)), 0, 1), J the cross-entropy (Goodfellow et al., 2015, section 4)."""

    def __call__(
        self, images: Images, severity: float, _rng: np.random.Generator, *, victim: Victim, labels: Labels
    ) -> Images:
        """Return attacked copies of images (rows, height, width[, channels]) with the classes ``labels`` (rows,)."""
        step = np.float32(severity) * np.sign(victim.input_gradient(images, labels))
        attacked: Images = np.clip(images + step, 0.0, 1.0)
        return attacked


fgsm = FGSM()

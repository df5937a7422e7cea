"""How much of the exhaustive tests is made: all by default; CI makes a part, which takes minutes less."""

import os

SHARE = float(os.environ.get("HARNESS_TEST_SHARE", "1"))
"""Of seeded mutations the first ones; of the operations of a walk every n-th."""
STRIDE = max(1, round(1 / SHARE))

"""One thread, as trials have it, settled before a test loads NumPy or torch.

On small matrices, and beside other loads, several get in each other's way: tests of parity take three times as long.
"""

import os

from harness.machine.threads import VARIABLES

for name in VARIABLES:
    os.environ.setdefault(name, "1")

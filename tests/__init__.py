"""The environment of the tests, settled before any of them loads NumPy or torch.

One thread, as trials have it: on small matrices, and beside other loads, several get in each other's way, and tests of
parity take three times as long. No variable of pytest-xdist: the pytest that a test starts is no worker. And none of a
terminal's size, which pytest-xdist sets too: a test's terminal has its own.
"""

import os

from harness.machine.threads import VARIABLES

for name in VARIABLES:
    os.environ.setdefault(name, "1")
for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_") or name in {"COLUMNS", "LINES"}]:
    del os.environ[name]

"""Backends that end what they run in, or never end, cost their own trials; sound ones beside them keep their bytes."""

import pytest

from tests.broken_plugins.ending import NETWORKS
from tests.plugins_on_disk import distribution
from tests.test_dishonest_backends import SOUND, run

EXPECTED = {
    "exits": ("failed", "SystemExit"),
    "interrupts": ("failed", "KeyboardInterrupt"),
    "closes": ("failed", "GeneratorExit"),
    "cancels": ("failed", "CancelledError"),
    "dies": ("failed", "worker died"),
    "hangs": ("timed out", "took longer than 20 s"),
    "exits_when_loaded": ("unavailable", "SystemExit"),
}
"""Each trial's status, and what its reason says."""


@pytest.mark.slow
def test_each_costs_its_own_trial_and_sound_ones_keep_their_bytes(tmp_path):
    """Entries 40 and 41: an exit, an interrupt of a plugin's own, a death, a hang."""
    distribution(tmp_path, "harness-ending", "0.1", {}, {"ending": "ending"})
    clean = run(tmp_path, "clean", [])[1]
    done, zoo = run(tmp_path, "zoo", EXPECTED, "--timeout", "20s")
    assert done.returncode == 1, done.stderr
    for name, (status, reason) in EXPECTED.items():
        row = zoo[name]["row"]
        assert (row["status"], reason in row["reason"]) == (status, True), row
    for name in SOUND:
        assert zoo[name]["files"] == clean[name]["files"], name
        assert zoo[name]["row"]["status"] == "done"


def test_every_backend_has_its_ending():
    """None is forgotten."""
    assert NETWORKS.keys() < EXPECTED.keys()

"""Images of EMNIST's shape, drawn at random: the loader reads them, and they have the official numbers."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.datasets.emnist.dataset import ByMerge

SCRIPT = Path(__file__).parent.parent / "scripts" / "synthetic_emnist.py"


def test_the_loader_reads_what_the_script_writes(tmp_path, monkeypatch):
    """Images of all classes, a seventh of them of the test part."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path), "1401"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    labelled = ByMerge(directory=tmp_path, partial=True).load()
    assert labelled.features.shape == (1401, 28, 28)
    assert set(labelled.labels.tolist()) == set(range(47))
    assert 20 < float(np.mean(labelled.features)) < 80
    assert (tmp_path / "emnist-bymerge-test-labels-idx1-ubyte").stat().st_size == 8 + 201


def test_the_whole_set_has_the_official_parts():
    """697,932 images to train on and 116,323 for the test: a file with more is refused."""
    images = runpy.run_path(str(SCRIPT))["IMAGES"]
    assert (images - -(-images // 7), -(-images // 7)) == (697_932, 116_323)


def test_without_a_directory_it_says_how_it_is_called(monkeypatch):
    """One line, and nothing written."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT)])
    with pytest.raises(SystemExit, match=r"python scripts/synthetic_emnist\.py DIRECTORY"):
        runpy.run_path(str(SCRIPT), run_name="__main__")

"""What a dataset returns is checked before it is written: what reading would refuse never gets into the cache."""

import os
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from harness.datasets.cache import materialise, obtain
from harness.errors import HarnessError
from harness.execution.apart import DatasetState, dataset_state
from harness.interfaces import Holding
from harness.plugins.loading import registry
from tests.test_cache_damage import Drawn


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"class_names": (0, 1)}, "class_names[0] is 0, int; the contract says a text, as str(0) is"),
        ({"class_names": ("a", float("nan"))}, "class_names[1] is nan, float; the contract says a text"),
        ({"class_names": ("a", None)}, "class_names[1] is None, NoneType; the contract says a text"),
        ({"class_names": "ab"}, "class_names is 'ab'; the contract says a tuple of texts"),
        ({"class_names": ("a", "a")}, "class_names[1] is 'a' a second time; the contract says a name for each class"),
        ({"class_names": ("a", "")}, "class_names[1] is empty; the contract says a name for each class"),
        ({"class_names": ("a", "b\n")}, "a line of printable characters is needed"),
        ({"class_names": ("a", "\x1b[31m")}, "a line of printable characters is needed"),
        ({"class_names": ("a", "\ud800")}, "a line of printable characters is needed"),
        ({"class_names": ("a", "b" * 300)}, "class_names[1] has 300 characters; at most 200 are shown anywhere"),
        ({"title": 3}, "title is 3, int; the contract says a text"),
        ({"title": float("nan")}, "title is nan, float; the contract says a text"),
        ({"title": "two\nlines"}, "title is 'two\\nlines': a line of printable characters is needed"),
        ({"title": None}, "title is None, NoneType; the contract says a text"),
        ({"checked": True}, "checked is True, bool; the contract says a text"),
        ({"labels": [0, 1] * 10}, "labels are a list; the contract says int64 (20,)"),
        ({"features": "x"}, "images are a str; the contract says uint8 (rows, height, width)"),
        ({"features": np.zeros((20, 0, 3), dtype=np.uint8)}, "images are of shape (0, 3); the contract says"),
    ],
)
def test_what_reading_would_refuse_is_not_written(tmp_path, parts, message):
    """In one line; the cache stays empty, so the next command is not blocked."""
    with pytest.raises(HarnessError) as caught:
        materialise("drawn", {}, Drawn(**parts), tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    materialise("drawn", {}, Drawn(), tmp_path)


@pytest.mark.parametrize("names", [("a", np.str_("b")), ["a", "b"]])
def test_texts_of_another_type_become_plain_ones(tmp_path, names):
    """The digest is that of what is read back."""
    entry = materialise("drawn", {}, Drawn(class_names=names), tmp_path)
    assert entry == materialise("drawn", {}, Drawn(), tmp_path)
    assert entry.info.class_names == ("a", "b")


@pytest.mark.parametrize("returned", [None, ("images", "labels")])
def test_what_is_not_labelled_images_is_refused(tmp_path, returned):
    """With its type."""
    dataset = Drawn()
    dataset.load = lambda: returned
    with pytest.raises(HarnessError, match=f"returned {type(returned).__name__}; the contract says Labelled"):
        materialise("drawn", {}, dataset, tmp_path)


def test_a_source_that_is_not_a_text_is_refused(tmp_path):
    """With its value."""
    dataset = Drawn()
    dataset.source = lambda: b"1"
    with pytest.raises(HarnessError, match=r"source\(\) returned b'1'; the contract says a text"):
        materialise("drawn", {}, dataset, tmp_path)


def test_a_source_that_changes_while_it_is_read_is_read_again(tmp_path):
    """What was read may be of neither: it is found under none of the two."""
    dataset = Drawn()
    texts = iter(["before", "after", "after", "after"])
    dataset.source = lambda: next(texts)
    entry = materialise("drawn", {}, dataset, tmp_path)
    assert dataset.loads == 2
    assert entry == materialise("drawn", {}, dataset, tmp_path)
    assert dataset.loads == 2
    assert len(list((tmp_path / "sources").iterdir())) == 1


def test_a_source_that_always_changes_is_never_found_again(tmp_path):
    """It works, and costs time."""
    dataset = Drawn()
    dataset.source = lambda: f"{len(os.urandom(1))} {os.urandom(8).hex()}"
    entry = materialise("drawn", {}, dataset, tmp_path)
    assert entry.open().class_names == ("a", "b")
    assert not (tmp_path / "sources").exists()


@pytest.mark.parametrize(
    ("reason", "message"),
    [("two\nlines\x1b[31m", "two lines\\x1b[31m"), ("", "unavailable() says no reason"), (3, "3")],
)
def test_a_reason_is_one_line(tmp_path, reason, message):
    """Whatever a plugin returns."""
    dataset = Drawn()
    dataset.unavailable = lambda: reason
    with pytest.raises(HarnessError) as caught:
        obtain("drawn", {}, dataset, tmp_path)
    assert str(caught.value) == message


class Odd:
    """A dataset whose files have a size in words."""

    size = "many"

    def unavailable(self):
        """Say that it is here."""

    def holding(self):
        """Return its files."""
        return Holding("somewhere", self.size, "checksums")

    def fetch(self):
        """Download nothing."""


def test_files_of_a_dataset_that_are_not_as_the_contract_says_are_faulty(monkeypatch):
    """The list shows it, and the other datasets."""
    odd = replace(registry().find("dataset", "digits"), name="odd", target=Odd)
    plugins = replace(registry(), components=(*registry().components, odd))
    assert dataset_state("odd", plugins).here.startswith("faulty: TypeError: 'str' object cannot be interpreted as an")
    monkeypatch.setattr(Odd, "size", 7)
    assert dataset_state("odd", plugins) == DatasetState("yes", Holding(Path("somewhere"), 7, "checksums"))


def test_a_source_that_vanishes_while_it_is_read_is_no_fault_of_the_cache(tmp_path):
    """Another place for the cache would not help."""
    dataset = Drawn()
    dataset.source = Mock(side_effect=["here", FileNotFoundError(2, "No such file or directory", "features.npy")])
    with pytest.raises(HarnessError, match=r"No such file or directory: 'features\.npy'$") as caught:
        materialise("drawn", {}, dataset, tmp_path)
    assert "HARNESS_CACHE_DIR" not in str(caught.value)

"""What was tested, in images: one of each class under every perturbation and severity, and under attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.report.pictures import data_uri
from harness.report.reading import Material
from harness.rows import CLEAN, Condition, Measure, TrialRow
from harness.store import Run
from harness.store.samples import read_samples

_OTHER = "other"


@dataclass(frozen=True)
class Strip:
    """The images of the classes side by side, as a data URI, under a severity."""

    label: str
    alternative: str
    picture: str


@dataclass(frozen=True)
class Sample:
    """A perturbation's strips, from mild to strong."""

    name: str
    strips: list[Strip]


@dataclass(frozen=True)
class Family:
    """The perturbations of a family."""

    name: str
    samples: list[Sample]


@dataclass(frozen=True)
class Sheet:
    """The clean images, and every family."""

    clean: Strip
    families: list[Family]
    classes: int
    """How many classes are shown."""


def sheet(material: Material) -> Sheet | None:
    """Return the sheet of a run, None where none was made: of vectors, of a run of an earlier version."""
    found = read_samples(material.run)
    if not found or CLEAN not in found:
        return None
    names = dict.fromkeys(each.perturbation for each in found if each.perturbation)
    families: dict[str, list[Sample]] = {}
    for name in names:
        strips = [_strip(each, images) for each, images in _ordered(found, name)]
        if strips:
            families.setdefault(material.results.families.get(name, _OTHER), []).append(Sample(name, strips))
    clean = _strip(CLEAN, found[CLEAN])
    return Sheet(clean, [Family(name, samples) for name, samples in families.items()], len(found[CLEAN]))


def _ordered(samples: dict[Condition, NDArray[np.uint8]], name: str) -> list[tuple[Condition, NDArray[np.uint8]]]:
    own = [(each, images) for each, images in samples.items() if each.perturbation == name and each.severity > 0]
    return sorted(own, key=lambda pair: pair[0].severity)


def _strip(condition: Condition, images: NDArray[np.uint8]) -> Strip:
    where = "clean" if condition == CLEAN else f"under {condition.perturbation} at severity {condition.severity:g}"
    label = "clean" if condition == CLEAN else f"{condition.severity:g}"
    return Strip(label, f"an image of each of {len(images)} classes {where}", data_uri(beside(list(images))))


def beside(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return images (height, width[, channels]) side by side, as one."""
    return np.concatenate(images, axis=1)


@dataclass(frozen=True)
class Guess:
    """What a network takes an image for, and whether it is right; ``sure``: its confidence in words."""

    text: str
    right: bool
    sure: str


@dataclass(frozen=True)
class Line:
    """Images side by side, what a network takes each for, and its errors in words."""

    strip: Strip
    guesses: list[Guess]
    note: str


@dataclass(frozen=True)
class Attacked:
    """The same images clean and under each severity of the attacks on one network, with what it takes them for."""

    title: str
    lines: list[Line]


def attacked(material: Material) -> list[Attacked]:
    """Return the kept images of the attacks on each experiment that is looked at closely, of its first seed."""
    sheets = []
    for tested in material.closer:
        for row in tested.experiment.tested[:1]:
            arrays = _kept(material.run, row)
            measures = row.evaluation.measures if row.evaluation else []
            if "attacked_images" in arrays and material.run.dataset.kind == "image":
                sheets.append(_attacked(material, f"{tested.name} seed {row.seed}", arrays, measures))
    return sheets


def _kept(run: Run, row: TrialRow) -> Mapping[str, NDArray[Any]]:
    """Return a trial's examples, nothing where there are none or they are damaged: the report says so elsewhere."""
    place = row.experiment, row.seed
    try:
        return run.arrays(*place, "examples.npz") if place in run.planned and run.has(*place, "examples.npz") else {}
    except HarnessError:
        return {}


def _attacked(
    material: Material, title: str, arrays: Mapping[str, NDArray[Any]], measures: Sequence[Measure]
) -> Attacked:
    lines = []
    truth = arrays["attacked_predicted"][0]  # the clean images, which are those that it has right
    for at, images, predicted, confidence in zip(
        *(arrays[f"attacked_{name}"] for name in ("conditions", "images", "predicted", "confidence")), strict=True
    ):
        condition = measures[int(at)].condition
        name = "clean" if condition == CLEAN else f"{condition.perturbation} {condition.severity:g}"
        guesses = [
            Guess(material.labels[int(label)], bool(label == true), f"{share:.0%}")
            for label, true, share in zip(predicted, truth, confidence, strict=True)
        ]
        wrong = [
            f"{material.labels[int(true)]} taken for {guess.text} ({guess.sure})"
            for guess, true in zip(guesses, truth, strict=True)
            if not guess.right
        ]
        right = f"{len(guesses) - len(wrong)} of {len(guesses)} right"
        taken = ", ".join(f"{guess.text} ({guess.sure})" for guess in guesses)
        strip = Strip(name, f"{len(images)} images, {name}, taken for {taken}", data_uri(beside(list(images))))
        lines.append(Line(strip, guesses, f"{right}: {', '.join(wrong)}." if wrong else f"{right}."))
    return Attacked(title, lines)

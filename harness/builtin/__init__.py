"""The core's plugin: optimizers, losses, models, datasets and a peer, offered as a third party would offer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Dataset, Layer, Loss, Optimizer, Peer


@hookimpl
def register_optimizers(register: Callable[[str, Callable[..., Optimizer] | str], None]) -> None:
    """Offer the update rules of `harness.optimizers`."""
    register("sgd", "harness.optimizers:SGD")
    register("adam", "harness.optimizers:Adam")
    register("adamw", "harness.optimizers:AdamW")


@hookimpl
def register_losses(register: Callable[[str, Callable[..., Loss] | str], None]) -> None:
    """Offer the losses of `harness.builtin.losses`."""
    register("cross_entropy", "harness.builtin.losses:CrossEntropy")
    register("focal", "harness.builtin.losses:Focal")


@hookimpl
def register_models(register: Callable[[str, Callable[..., tuple[Layer, ...]] | str], None]) -> None:
    """Offer the models of `harness.builtin.models`."""
    register("mlp", "harness.builtin.models:mlp")
    register("cnn", "harness.builtin.models:cnn")
    register("resnet", "harness.builtin.models:resnet")


@hookimpl
def register_datasets(register: Callable[[str, Callable[..., Dataset] | str], None]) -> None:
    """Offer what scikit-learn carries, EMNIST's six sets, and the user's files."""
    register("digits", "harness.datasets.digits:Digits")
    register("iris", "harness.datasets.bundled:Iris")
    register("wine", "harness.datasets.bundled:Wine")
    register("breast-cancer", "harness.datasets.bundled:BreastCancer")
    register("files", "harness.datasets.files:Files")
    register("emnist-bymerge", "harness.datasets.emnist.dataset:ByMerge")
    register("emnist-byclass", "harness.datasets.emnist.dataset:ByClass")
    register("emnist-balanced", "harness.datasets.emnist.dataset:Balanced")
    register("emnist-letters", "harness.datasets.emnist.dataset:Letters")
    register("emnist-digits", "harness.datasets.emnist.dataset:EmnistDigits")
    register("emnist-mnist", "harness.datasets.emnist.dataset:EmnistMnist")


@hookimpl
def register_peers(register: Callable[[str, Callable[[], Peer] | str], None]) -> None:
    """Offer scikit-learn's MLPClassifier."""
    register("sklearn-mlp", "harness.bench.classifier:MLPClassifierPeer")

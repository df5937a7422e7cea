"""Runs of harness as TensorBoard's event files: an observer."""

from harness_tensorboard.observer import TensorBoardObserver

__all__ = ["TensorBoardObserver", "observer"]

observer = TensorBoardObserver()

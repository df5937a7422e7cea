"""Runs of harness in MLflow: an observer, and ``python -m harness_mlflow RUN`` for a run that is on disk."""

from harness_mlflow.observer import MlflowObserver

__all__ = ["MlflowObserver", "observer"]

observer = MlflowObserver()

"""Suites: from a TOML file to a validated object."""

from harness.suite.loading import LoadedSuite, load_suite
from harness.suite.models import Experiment, Suite

__all__ = ["Experiment", "LoadedSuite", "Suite", "load_suite"]

"""Suites: from a TOML file to a validated object."""

from harness.suite.loading import LoadedSuite, load_suite
from harness.suite.models import Experiment, Suite
from harness.suite.several import LoadedSuites, load_suites

__all__ = ["Experiment", "LoadedSuite", "LoadedSuites", "Suite", "load_suite", "load_suites"]

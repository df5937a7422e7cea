"""The benchmarks; `harness.benchmarks` has them for users who have no checkout."""

from harness.benchmarks.speed import test_speed

__all__ = ["test_speed"]

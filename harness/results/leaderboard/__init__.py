"""Ranked tables made from a run, and the paper's tables in shape."""

from harness.results.leaderboard.tables import tables

__all__ = ["tables"]

"""Ranked tables made from a run's results."""

from harness.results.leaderboard.differences import differences
from harness.results.leaderboard.tables import summaries, tables

__all__ = ["differences", "summaries", "tables"]

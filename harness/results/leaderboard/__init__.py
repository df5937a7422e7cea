"""Ranked tables made from a run, and the paper's tables in shape."""

from harness.results.leaderboard.formats import render_all
from harness.results.leaderboard.model import Table
from harness.results.leaderboard.tables import tables

__all__ = ["Table", "render_all", "tables"]

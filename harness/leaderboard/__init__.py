"""Ranked tables made from a run, and the paper's tables in shape."""

from harness.leaderboard.formats import render_all
from harness.leaderboard.model import RunSummary, Table
from harness.leaderboard.tables import tables

__all__ = ["RunSummary", "Table", "render_all", "tables"]

"""Finds, loads, quarantines and names plugins."""

"""Plugins: found, loaded, quarantined and named."""

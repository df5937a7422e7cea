"""SciPy's functions on a device."""

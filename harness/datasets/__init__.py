"""The built-in datasets and the on-disk cache."""

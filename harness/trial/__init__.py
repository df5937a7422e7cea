"""One trial: what it is given, how it is trained and measured, and what its results must be."""

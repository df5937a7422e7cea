"""What a suite expects of its runs, and what became of it."""

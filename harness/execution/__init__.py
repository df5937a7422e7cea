"""A command at work: what is planned, what is resumed, where jobs run."""

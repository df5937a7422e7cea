"""What Python programs and notebooks call, and what the command line is made of: `harness` offers it by name."""

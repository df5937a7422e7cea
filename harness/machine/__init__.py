"""This machine: its processor, threads, files, cache and kernels."""

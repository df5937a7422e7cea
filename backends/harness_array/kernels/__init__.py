"""A training step on a CUDA device as a few launches: kernels of our own, cuBLAS, and one captured graph."""

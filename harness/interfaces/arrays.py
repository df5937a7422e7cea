"""Arrays of any library."""

from typing import Any

Array = Any
"""An array of any namespace of the array API: NumPy, CuPy, PyTorch, JAX, …"""

"""The kernel of NumPy's matrix products: OpenBLAS has several a processor, and does not always choose the fastest."""

from harness.machine.kernels.choice import TUNING_OFF, VARIABLE, Kernel, best_kernel, candidates, chosen, settle_kernel

__all__ = ["TUNING_OFF", "VARIABLE", "Kernel", "best_kernel", "candidates", "chosen", "settle_kernel"]

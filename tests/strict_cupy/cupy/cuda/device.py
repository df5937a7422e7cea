"""Where array_api_compat looks for the class of devices."""

from cupy.cuda import Device

__all__ = ["Device"]

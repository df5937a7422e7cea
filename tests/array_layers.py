"""A layer of the from-scratch networks by itself, on NumPy: the oracle of the kernels."""

import numpy as np

from harness_array.devices import Host
from harness_array.site import Site, StepKey


def site_of(layer, shape, rows, *, dtype=np.float64, statistics=None, **parameters):
    """Return where a layer is alone in a network: with these parameters, gradients of zeros, and not the first."""
    dtype = np.dtype(dtype)
    values = {name: np.array(value, dtype=dtype) for name, value in parameters.items()}
    assert set(values) == set(layer.parameters(shape))
    return Site(
        device=Host(),
        dtype=dtype,
        step=StepKey(),
        position=(1,),
        input_shape=shape,
        training_rows=rows,
        rows=rows,
        parameters=values,
        gradients={name: np.zeros_like(value) for name, value in values.items()},
        buffers={name: np.array(value, dtype=dtype) for name, value in (statistics or {}).items()},
    )

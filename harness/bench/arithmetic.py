"""What a network costs at least: the matrix products of its steps."""

from harness.interfaces import NetworkSpec, Product


def step_products(spec: NetworkSpec) -> list[Product]:
    """Return the products of one training step: forward, gradients of weights, gradients of inputs but the first's.

    >>> from harness.interfaces import Activation, Linear
    >>> step_products(NetworkSpec((2, 3), 4, (Linear(6, 5), Activation("relu"), Linear(5, 4)), batch_size=8))
    [(8, 6, 5), (8, 5, 4), (6, 8, 5), (5, 8, 4), (8, 4, 5)]
    """
    forward = [
        product for layer, shape in spec.layers_with_shapes() for product in layer.products(spec.batch_size, shape)
    ]
    weights = [(k, m, n) for m, k, n in forward]
    inputs = [(m, n, k) for m, k, n in forward[1:]]
    return forward + weights + inputs


def operations(spec: NetworkSpec) -> float:
    """Return the floating-point operations that training one image takes, matrix products alone.

    6 a weight, but 4 a weight of the first layer, whose inputs need no gradient.
    """
    return sum(2.0 * m * k * n for m, k, n in step_products(spec)) / spec.batch_size

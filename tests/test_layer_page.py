"""The page on adding a layer kind: its code is a layer, which both backends then have."""

import numpy as np
import pytest

from harness.interfaces import Conv2d, Flatten, Linear, NetworkSpec
from harness.optimizers import SGD
from harness_array import kinds
from harness_array.backends import NumpyBackend
from tests import documents
from tests.image_networks import built, float64_state
from tests.networks import labelled_images

PAGE = "docs/how-to/add-a-layer-kind.md"


def test_the_pages_layer_trains_alike_on_both_backends(monkeypatch):
    """Losses of some epochs agree, and the factors move."""
    pytest.importorskip("torch")
    from harness_torch import modules
    from harness_torch.backend import TorchBackend

    names = {"__name__": "scale"}
    for source in documents.blocks(PAGE, "python"):
        exec(source, names)  # noqa: S102 - our own page
    scale, layer, module = (names[name] for name in ("Scale", "ScaleLayer", "ScaleModule"))
    monkeypatch.setitem(kinds.LAYERS, scale, layer)
    monkeypatch.setitem(modules.LAYERS, scale, lambda _layer, _site: module())
    layers = (Conv2d(1, 3, kernel=3), scale(3), Flatten(), scale(12), Linear(12, 4))
    spec = NetworkSpec((4, 4), 4, layers, batch_size=8)
    images, state = labelled_images(24, (4, 4), 4), float64_state(spec)
    networks = [
        built(backend, spec, images, state=state, optimizer=SGD(), device="cpu")
        for backend in (NumpyBackend(), TorchBackend())
    ]
    for epoch in range(3):
        ours, theirs = (network.train_epoch(epoch, np.arange(24), 0.1).losses for network in networks)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    for key, value in networks[0].state().items():
        np.testing.assert_allclose(networks[1].state()[key], value, rtol=1e-9, err_msg=key)
        assert not np.array_equal(value, state[key])
    with pytest.raises(ValueError, match=r"layer 1: Scale\(channels=3\): takes 3 channels, not 2"):
        NetworkSpec((4, 4), 4, (Conv2d(1, 2, kernel=3), scale(3)), batch_size=8).shapes()

"""FGSM and PGD in L∞: against Foolbox on the same torch network, and what they promise of any network."""

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.digits import Digits
from harness.errors import TrialError
from harness.interfaces import Context, NetworkSpec
from harness.optimizers import Adam
from harness.seeding import epoch_order, generator, initial_state
from harness.trial.attacks import TestedEnsemble, TestedNetwork
from harness_adversarial.fgsm import fgsm
from harness_adversarial.pgd import pgd
from harness_array.backends import NumpyBackend
from tests.image_networks import CNN
from tests.networks import mlp

DIGITS = Digits().load()
IMAGES, LABELS = DIGITS.features.astype(np.float32) / np.float32(255), DIGITS.labels
SPECS = {
    "mlp": mlp((64, 32, 10), batch_norm=True, dropout=0.2, shape=(8, 8), batch_size=100),
    "cnn": NetworkSpec((8, 8), 10, CNN, 100),
}


def trained(backend, spec, epochs=3, seed=0):
    """Return a network after some epochs on digits."""
    network = backend.build(spec, initial_state(spec, seed), Adam(), Context(seed, device="auto"))
    network.attach(DIGITS.features, LABELS)
    for epoch in range(epochs):
        network.train_epoch(epoch, epoch_order(seed, epoch, np.arange(1700)), 0.01)
    return network


@pytest.fixture(scope="module")
def network():
    """Return NumPy's network, trained."""
    return trained(NumpyBackend(), SPECS["mlp"])


@pytest.fixture(scope="module")
def oracle():
    """Return a function of the name of a network: torch's network, and Foolbox's model of it."""
    pytest.importorskip("torch")
    foolbox = pytest.importorskip("foolbox")
    from torch import nn

    from harness_torch.backend import TorchBackend

    class Logits(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.layers, self.logits = network._modules, network._step.logits

        def forward(self, x):
            return self.logits(x.flatten(1))

    def made(name):
        network = trained(TorchBackend(), SPECS[name])
        return network, foolbox.PyTorchModel(Logits(network).eval(), bounds=(0, 1))

    return made


def accuracy(network, images, labels=LABELS):
    return float((network.predict_images(images).argmax(axis=1) == labels[: len(images)]).mean())


def drawn():
    return generator(42, "pgd", 0)


@pytest.mark.parametrize("name", SPECS)
def test_fgsm_makes_foolboxs_images(oracle, name):
    """Within rounding, of all 1,797 digits; where the gradient is rounding alone, its sign may differ."""
    import foolbox
    import torch

    network, model = oracle(name)
    ours = fgsm(IMAGES, 0.1, drawn(), victim=TestedNetwork(network), labels=LABELS)
    theirs, _, _ = foolbox.attacks.LinfFastGradientAttack(random_start=False)(
        model, torch.tensor(IMAGES), torch.tensor(LABELS), epsilons=0.1
    )
    gradient = network.input_gradient(IMAGES, LABELS)
    sure = np.abs(gradient) > 1e-6 * np.abs(gradient).max(axis=(1, 2), keepdims=True)
    assert sure.mean() > 0.5
    np.testing.assert_allclose(ours[sure], theirs.numpy()[sure], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def test_pgd_leaves_the_robust_accuracy_that_foolboxs_leaves(oracle, name):
    """From the same starts: within 0.2 points over all digits, ε = 0.1, 10 steps of 0.025."""
    import eagerpy
    import foolbox
    import torch

    class SameStarts(foolbox.attacks.LinfPGD):
        def get_random_start(self, x0, epsilon):
            starts = drawn().random(IMAGES.shape, dtype=np.float32) * 2 - 1
            return x0 + eagerpy.astensor(torch.tensor(epsilon * starts))

    network, model = oracle(name)
    attack = SameStarts(abs_stepsize=0.025, steps=10, random_start=True)
    _, _, fooled = attack(model, torch.tensor(IMAGES), torch.tensor(LABELS), epsilons=0.1)
    ours = pgd(IMAGES, 0.1, drawn(), victim=TestedNetwork(network), labels=LABELS)
    robust = accuracy(network, ours)
    assert 0.02 < robust < accuracy(network, IMAGES) - 0.2
    assert robust == pytest.approx(1 - fooled.numpy().mean(), abs=0.002)


@pytest.mark.parametrize("attack", [fgsm, pgd], ids=["fgsm", "pgd"])
def test_images_stay_in_range_and_within_epsilon(network, attack):
    """Of every severity; a severity of 0 is the clean images, to the bit."""
    for epsilon in (0.0, 0.05, 0.3, 1.0):
        images = IMAGES[:300].copy()
        attacked = attack(images, epsilon, drawn(), victim=TestedNetwork(network), labels=LABELS[:300])
        assert attacked.dtype == np.float32
        assert attacked.min() >= 0
        assert attacked.max() <= 1
        assert np.abs(attacked - images).max() <= epsilon + 1e-6
        np.testing.assert_array_equal(images, IMAGES[:300])
        if epsilon == 0:
            np.testing.assert_array_equal(attacked, images)


def test_pgd_is_never_above_clean_accuracy_and_restarts_only_harm(network):
    """Image by image: what is wrong when clean stays wrong, and what a restart has found is kept."""
    victim = TestedNetwork(network)
    right = network.predict_images(IMAGES).argmax(axis=1) == LABELS
    robust = [right]
    for restarts in (1, 2, 4):
        attacked = pgd(IMAGES, 0.05, drawn(), victim=victim, labels=LABELS, steps=4, restarts=restarts)
        np.testing.assert_array_equal(attacked[~right], IMAGES[~right])
        robust.append(network.predict_images(attacked).argmax(axis=1) == LABELS)
        assert not (robust[-1] & ~robust[-2]).any()
    assert robust[0].mean() > robust[1].mean() > robust[-1].mean()


def test_pgd_harms_more_than_fgsm_and_more_with_epsilon(network):
    victim = TestedNetwork(network)
    robust = [accuracy(network, pgd(IMAGES, e, drawn(), victim=victim, labels=LABELS)) for e in (0.02, 0.05, 0.1)]
    assert robust == sorted(robust, reverse=True)
    assert robust[-1] <= accuracy(network, fgsm(IMAGES, 0.1, drawn(), victim=victim, labels=LABELS))


def test_a_row_does_not_depend_on_what_becomes_of_others(network):
    """The same bits among rows of other classes' labels, at the same place: a start belongs to its place."""
    victim, others = TestedNetwork(network), LABELS[:200].copy()
    others[1::2] = (others[1::2] + 3) % 10
    alone, among_others = (
        pgd(IMAGES[:200], 0.05, drawn(), victim=victim, labels=labels, restarts=2) for labels in (LABELS[:200], others)
    )
    np.testing.assert_allclose(alone[::2], among_others[::2], rtol=0, atol=1e-6)


def test_an_ensembles_gradient_is_that_of_its_mean_probability():
    """Against differences of -log of the mean in float64, and by torch's rule for one member."""
    spec = replace(SPECS["mlp"], layers=mlp((64, 16, 10), activation="tanh").layers)
    members = [trained(NumpyBackend(), spec, 1, seed) for seed in (0, 1, 2)]
    victim = TestedEnsemble([TestedNetwork(member) for member in members])
    rows, labels = IMAGES[:5], LABELS[:5]
    gradient = victim.input_gradient(rows, labels)
    step = np.float32(2**-8)
    direction = np.sign(gradient) * step
    losses = [
        -victim.predict_images(rows + sign * direction)[np.arange(5), labels].astype(np.float64) for sign in (1, -1)
    ]
    slope = (losses[0] - losses[1]) / (2 * float(step))
    np.testing.assert_allclose(slope, np.abs(gradient).sum(axis=(1, 2)), rtol=0.02)
    alone = TestedEnsemble([TestedNetwork(members[0])])
    np.testing.assert_allclose(
        alone.input_gradient(rows, labels), members[0].input_gradient(rows, labels), rtol=1e-5, atol=1e-9
    )


class Unsound:
    """A network whose gradient is another's with a change."""

    def __init__(self, network, change):
        self._network, self._change = network, change

    def predict_images(self, images):  # noqa: D102 - as the network
        return self._network.predict_images(images)

    def input_gradient(self, images, labels):  # noqa: D102 - the same
        return self._change(self._network.input_gradient(images, labels))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.astype(np.float64), r"input gradient is float64 \(20, 8, 8\); the contract says float32"),
        (lambda g: g[:5], r"is float32 \(5, 8, 8\); the contract says float32 \(20, 8, 8\)"),
        (lambda g: g.tolist(), "input gradient is list; the contract says float32"),
        (lambda g: g * np.where(np.arange(20) == 7, np.nan, 1)[:, None, None].astype(np.float32), "row 7 of 20 is not"),
    ],
)
def test_what_a_gradient_must_not_be_is_refused(network, change, message):
    victim = TestedNetwork(Unsound(network, change))
    with pytest.raises(TrialError, match=message):
        fgsm(IMAGES[:20], 0.1, drawn(), victim=victim, labels=LABELS[:20])


def test_a_network_without_the_method_is_named():
    class Plain:
        predict_images = None

    with pytest.raises(TrialError, match="says input_gradients = True, and its network has no input_gradient"):
        TestedNetwork(Plain()).input_gradient(IMAGES[:2], LABELS[:2])

"""What harness ships with is certified by the kit that certifies anybody's; such a class is all that a plugin needs."""

import numpy as np
import pytest

from harness.conformance import (
    BackendConformance,
    DatasetConformance,
    LossConformance,
    ModelConformance,
    OptimizerConformance,
    PerturbationConformance,
)


class TestNumpy(BackendConformance):
    name = "numpy"


class TestTorch(BackendConformance):
    name = "torch"
    device = "cpu"


@pytest.mark.gpu
class TestCupy(BackendConformance):
    """On a CUDA device; `tests.test_cupy_backend` has it on a double of CuPy."""

    name = "cupy"


@pytest.mark.gpu
class TestTorchOnAGpu(BackendConformance):
    name = "torch"
    device = "cuda:0"


class TestSGD(OptimizerConformance):
    name = "sgd"


class TestNesterov(OptimizerConformance):
    name = "sgd"
    options = {"momentum": 0.9, "nesterov": True}  # noqa: RUF012 - as a plugin's author writes it


class TestAdam(OptimizerConformance):
    name = "nn-harness:adam"
    options = {"betas": [0.8, 0.9], "eps": 1e-6}  # noqa: RUF012 - as a plugin's author writes it

    @staticmethod
    def reference(parameters, gradients, learning_rate):
        """Kingma & Ba, 2015, algorithm 1, in its own letters."""
        m, v = np.zeros_like(parameters), np.zeros_like(parameters)
        for t, g in enumerate(gradients, start=1):
            m = 0.8 * m + 0.2 * g
            v = 0.9 * v + 0.1 * g**2
            parameters = parameters - learning_rate * m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-6)
        return parameters


class TestAdamW(OptimizerConformance):
    name = "adamw"


class TestMLP(ModelConformance):
    name = "mlp"
    options = {"hidden_layers": [9, 5], "batch_norm": True, "dropout": 0.1}  # noqa: RUF012 - as above


class TestCNN(ModelConformance):
    name = "cnn"


class TestCNNWithAllOptions(ModelConformance):
    name = "nn-harness:cnn"
    options = {  # noqa: RUF012 - as above
        "channels": [3, 4, 5], "kernel": 2, "pooling": "none", "dense": [], "activation": "tanh", "batch_norm": True
    }  # fmt: skip


class TestResNet(ModelConformance):
    name = "resnet"
    options = {"channels": [4, 6], "blocks": 2}  # noqa: RUF012 - as above


class TestCrossEntropy(LossConformance):
    name = "cross_entropy"


class TestSmoothedCrossEntropy(LossConformance):
    name = "cross_entropy"
    options = {"label_smoothing": 0.1}  # noqa: RUF012 - as a plugin's author writes it


class TestFocal(LossConformance):
    name = "focal"

    @staticmethod
    def reference(logits, labels):
        """Lin et al., 2017, equation 5, one row after another."""
        losses = []
        for z, y in zip(logits, labels, strict=True):
            p = np.exp(z[y]) / np.exp(z).sum()
            losses.append(-((1 - p) ** 2) * np.log(p))
        return losses


class TestSoftFocal(LossConformance):
    name = "focal"
    options = {"gamma": 0.5}  # noqa: RUF012 - as a plugin's author writes it


class TestFGSM(PerturbationConformance):
    name = "fgsm"


class TestPGD(PerturbationConformance):
    name = "pgd"


class TestGaussianNoise(PerturbationConformance):
    name = "gaussian_noise"


class TestDigits(DatasetConformance):
    name = "digits"


class TestIris(DatasetConformance):
    name = "iris"


class TestWine(DatasetConformance):
    name = "wine"


class TestBreastCancer(DatasetConformance):
    name = "breast-cancer"


class TestFiles(DatasetConformance):
    name = "files"

    @pytest.fixture(autouse=True)
    def files(self, tmp_path_factory, monkeypatch):
        """Images of one's own, in the folder that paths are resolved against."""
        folder = tmp_path_factory.mktemp("files")
        rng = np.random.default_rng(0)
        np.save(folder / "images.npy", rng.integers(0, 256, (60, 5, 7), dtype=np.uint8))
        np.save(folder / "labels.npy", np.arange(60) % 3)
        monkeypatch.chdir(folder)

    options = {"images": "images.npy", "labels": "labels.npy"}  # noqa: RUF012 - as a plugin's author writes it


class TestEmnist(DatasetConformance):
    """Of a set of its form with 300 images."""

    name = "emnist-bymerge"
    options = {"directory": "data", "drop_per_class": 10}  # noqa: RUF012 - as a plugin's author writes it

    @pytest.fixture(autouse=True)
    def files(self, tiny, tmp_path, monkeypatch):
        """The official files, in the folder that paths are resolved against."""
        tiny.write(tmp_path / "data")
        monkeypatch.chdir(tmp_path)


class TestAbsentFiles(DatasetConformance):
    """Skipped, but for what it says of its absence."""

    name = "files"
    options = {"images": "absent.npy", "labels": "absent.npy"}  # noqa: RUF012 - as a plugin's author writes it

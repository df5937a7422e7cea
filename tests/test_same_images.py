"""Every network sees the same perturbed bits: on any backend, by any pool, of any batch size, in any order."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from harness.interfaces import Context
from harness.optimizers import Adam
from harness.plugins.loading import registry
from harness.trial.evaluation import evaluate
from harness.trial.perturbed import NamedPerturb
from harness.trial.robustness import Robustness
from harness_adversarial.fgsm import fgsm
from harness_adversarial.pgd import pgd
from tests.image_networks import CNN
from tests.plugins_on_disk import distribution
from tests.test_attacks import DIGITS, SPECS, trained

WITNESS = """
import hashlib, json, os
import harness
from harness_array.backends import NumpyBackend

def witnessing(base):
    class Witness(base):
        def build(self, *arguments):
            network = super().build(*arguments)
            predict, seen = network.predict_images, []
            def predict_images(images):
                seen.append(hashlib.sha256(images.tobytes()).hexdigest())
                return predict(images)
            close = network.close
            def end():
                if seen:
                    name = f"{os.getpid()}-{id(network)}.json"
                    with open(os.path.join(os.environ["SEEN"], name), "x") as file:
                        json.dump(seen, file)
                close()
            network.predict_images, network.close = predict_images, end
            return network
    return Witness

@harness.hookimpl
def register_backends(register):
    register("witness_numpy", witnessing(NumpyBackend))
    def with_torch():
        from harness_torch.backend import TorchBackend
        return witnessing(TorchBackend)()
    register("witness_torch", with_torch)
"""
SUITE = """
[suite]
name = "witnessed"
[defaults]
hidden_layers = [16]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1
EXPERIMENTS
[[robustness]]
perturbation = "corruptions/*"
levels = [1, 3]
"""
EXPERIMENTS = [
    '[experiments.A]\nbackend = "witness_numpy"\n',
    '[experiments.B]\nbackend = "witness_torch"\nbatch_size = 64\n',
    '[experiments.C]\nbackend = "witness_numpy"\nbatch_size = 500\nactivation = "tanh"\n',
]


def seen_in(folder, name, experiments, jobs):
    """Run the experiments; return what the network of each was shown on the test rows, as digests."""
    (folder / f"{name}.toml").write_text(SUITE.replace("EXPERIMENTS", "".join(experiments)))
    seen = folder / f"{name}-seen"
    seen.mkdir()
    command = [sys.executable, "-m", "harness", "run", f"{name}.toml", "--jobs", jobs, "--quiet", "--out", name]
    paths = {"PYTHONPATH": str(folder / "site"), "HARNESS_CACHE_DIR": str(folder / "cache"), "SEEN": str(seen)}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | paths, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(path.read_text()) for path in seen.iterdir()]


@pytest.mark.slow
def test_corrupted_images_are_the_same_bits_whatever_runs_on_them(tmp_path):
    """NumPy and torch, in this process, one and two others, batches of 64 to 500, in another order and alone."""
    pytest.importorskip("torch")
    distribution(tmp_path / "site", "harness-witness", "0.1", {"witness": WITNESS}, {"witness": "witness"})
    seen_by_jobs = [seen_in(tmp_path, f"jobs{jobs}", EXPERIMENTS, str(jobs)) for jobs in (0, 1, 2)]
    seen_by_jobs.append(seen_in(tmp_path, "reversed", EXPERIMENTS[::-1], "0"))
    seen_by_jobs.append(seen_in(tmp_path, "alone", EXPERIMENTS[1:2], "0"))
    assert [len(each) for each in seen_by_jobs] == [3, 3, 3, 3, 1]
    first = seen_by_jobs[0][0]
    assert len(first) == 1 + 2 * 21
    assert len(set(first)) > 2 * 20
    assert all(seen == first for each in seen_by_jobs for seen in each)


class Witness:
    """A network that keeps digests of all images that it is asked about."""

    def __init__(self, network):
        self._network, self.seen = network, []

    def predict_images(self, images):
        """Return the network's predictions."""
        self.seen.append(sha256(images.tobytes()).hexdigest())
        return self._network.predict_images(images)

    def input_gradient(self, images, labels):
        """Return the network's gradient."""
        self.seen.append(sha256(images.tobytes()).hexdigest())
        return self._network.input_gradient(images, labels)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def test_attacked_images_of_a_network_do_not_depend_on_its_batches(backend, name):
    """At every step of the attack; the same state in networks of batches of 7 to 512, alone and beside another."""
    if backend == "torch":
        pytest.importorskip("torch")
    backend_class = registry().find("backend", backend).load()
    spec = SPECS[name] if name == "mlp" else replace(SPECS[name], layers=CNN)
    state = trained(backend_class(), spec, 1).state()
    attacks = [
        NamedPerturb(Robustness(perturbation="fgsm", severities=[0.05]), fgsm),
        NamedPerturb(Robustness(perturbation="pgd", severities=[0.05]), pgd, {"steps": 3, "restarts": 2}),
    ]
    rows = np.arange(1500, 1797)

    def seen(batch_size, *others):
        network = backend_class().build(replace(spec, batch_size=batch_size), state, Adam(), Context(0, device="cpu"))
        witness = Witness(network)
        evaluate([witness, *others], DIGITS.features, DIGITS.labels, rows, 10, attacks)
        return witness.seen

    first = seen(100)
    assert len(first) > 10
    assert all(seen(size) == first for size in (7, 512))
    assert seen(100, Witness(trained(backend_class(), spec, 1, seed=1))) == first

"""What `[[robustness]]` cannot mean: one line with place and value, exit code 2, and nothing is written."""

import numpy as np
import pytest

from harness_array.backends import NumpyBackend

SUITE = """
[suite]
name = "mistaken"
{dataset}
[defaults]
hidden_layers = [8]
epochs = 1
optimizer = {{ name = "sgd", learning_rate = 0.1 }}
[experiments.A]
[[robustness]]
{table}
"""
IRIS = '[dataset]\nname = "iris"'
FILES = '[dataset]\nname = "files"\nimages = "images.npy"\nlabels = "labels.npy"'
MISTAKES = {
    "an unknown level": (
        "",
        'perturbation = "fog"\nlevels = [6]',
        "robustness[0].levels[0]: 6 is not a level of 'fog'. It has 1 … 5",
    ),
    "a negative severity": (
        "",
        'perturbation = "gamma"\nseverities = [-1.0]',
        "robustness[0].severities[0]: -1.0 is out of range. It must be at least 0",
    ),
    "no number": (
        "",
        'perturbation = "gamma"\nseverities = [nan]',
        "robustness[0].severities[0]: nan is not a finite number",
    ),
    "a gamma of 2 to the 11th": (
        "",
        'perturbation = "gamma"\nseverities = [11.0]',
        "robustness[0].severities[0]: 11 is not a severity of 'gamma': it is in octaves of gamma, 10 at most",
    ),
    "a JPEG quality of 0": (
        "",
        'perturbation = "jpeg"\nseverities = [100.0]',
        "severities[0]: 100 is not a severity of 'jpeg': JPEG's quality is 100 - severity, a whole number from 1 to 99",
    ),
    "vectors": (
        IRIS,
        'perturbation = "rotation"',
        "robustness[0].perturbation: 'rotation' takes images, and dataset 'iris' has vectors of 4 values",
    ),
    "a suite on vectors": (
        IRIS,
        'perturbation = "corruptions/*"',
        "robustness[0].perturbation: 'shot_noise' takes images, and dataset 'iris' has vectors of 4 values",
    ),
    "an attack on vectors": (
        IRIS,
        'perturbation = "pgd"',
        "robustness[0].perturbation: 'pgd' takes images, and dataset 'iris' has vectors of 4 values",
    ),
}
for name in ("gaussian_blur", "defocus_blur", "motion_blur", "elastic", "pixelate", "jpeg", "fog"):
    MISTAKES[f"small images for {name}"] = (
        FILES,
        f'perturbation = "{name}"',
        f"'{name}' takes images from 8 × 8 pixels on, and dataset 'files' has images of 7 × 9.",
    )


def refused(typed, folder, dataset, table):
    """Run a suite; return the one line that refuses it."""
    np.save(folder / "images.npy", np.full((60, 7, 9), 200, np.uint8))
    np.save(folder / "labels.npy", np.arange(60) % 3)
    (folder / "mistaken.toml").write_text(SUITE.format(dataset=dataset, table=table))
    printed = typed("run", "mistaken.toml", "--jobs", "0", code=2)
    assert printed.out == ""
    assert not (folder / "runs").exists()
    (line,) = printed.err.splitlines()
    return line


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(typed, tmp_path, case):
    dataset, table, message = MISTAKES[case]
    line = refused(typed, tmp_path, dataset, table)
    assert line.startswith("error: mistaken.toml: robustness[0].")
    assert message in line


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_an_attack_without_gradients_is_one_line(typed, tmp_path, monkeypatch, name):
    monkeypatch.setattr(NumpyBackend, "input_gradients", False)
    assert refused(typed, tmp_path, "", f'perturbation = "{name}"').endswith(
        f"mistaken.toml: robustness[0].perturbation: '{name}' needs gradients by the images (input_gradient), and no "
        "backend of the experiments gives them: numpy. Remove the table, or name another backend"
    )


@pytest.mark.parametrize("channels", [2, 4])
def test_every_corruption_takes_2_and_4_channels(channels):
    """Harness's own take any number: of 2 or 4, JPEG codes each as a grey image. A plugin's may say which it takes."""
    from tests.corruptions import NAMES, draws, perturb_of

    images = np.random.default_rng(0).random((3, 9, 10, channels), dtype=np.float32)
    for name in NAMES:
        perturb = perturb_of(name)
        assert getattr(perturb, "channels", None) is None
        changed = perturb(images, perturb.levels[-1], draws())
        assert (changed.shape, changed.dtype) == (images.shape, np.float32)
        assert np.isfinite(changed).all()
        assert (changed != images).any()

"""Runs of two small datasets, made in this process, for tests of what moves them."""

from harness.api.asking import Request
from harness.api.carrying import Terms
from harness.api.several import carry_out_each
from harness.plugins.loading import registry
from harness.plugins.observers import Observers

BOTH = """
[suite]
name = "both"
seeds = [1, 2]

[[datasets]]
name = "iris"

[[datasets]]
name = "wine"

[defaults]
hidden_layers = [4]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1

[experiments.A]

[experiments.B]
hidden_layers = []
"""


def run_both(directory, **options):
    """Run the suite of several datasets, and return its directory."""
    path = directory.parent / f"{directory.name}.toml"
    path.write_text(BOTH)
    request, plugins = Request(path, jobs=0, out=directory, **options), registry()
    carry_out_each(
        request, request.load_all(plugins), plugins, Terms(), Observers(plugins.manager), command=["harness"]
    )
    path.unlink()
    return directory

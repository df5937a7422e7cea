"""What the README says is true: its suite loads, its error is the real one, its plugin works."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite import load_suite
from tests import documents
from tests.plugins_on_disk import distribution

README = (Path(__file__).parent.parent / "README.md").read_text()


block = partial(documents.block, "README.md")


def test_the_explained_suite_loads_and_its_mistake_is_answered_as_shown(tmp_path):
    """The sample, and the sample error."""
    text = block("toml", "[experiments.large]")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    suite = load_suite(path, registry()).suite
    assert list(suite.experiments) == ["small", "sgd", "large"]
    path.write_text(text.replace('{ name = "adam",', '{ name = "adam", epsilon = 1e-7,'))
    with pytest.raises(HarnessError) as caught:
        load_suite(path, registry())
    assert f"error: {caught.value}".replace(str(tmp_path) + "/", "") in block("text", "epsilon")


@pytest.mark.slow
def test_the_plugin_of_thirty_lines_trains_and_is_named_in_its_rows(tmp_path):
    """Installed as a distribution, it is listed and ranked beside numpy, whose softmax regression it equals."""
    site = distribution(
        tmp_path / "site", "harness-softmax", "0.1.0",
        {"softmax_regression": block("python", "softmax_regression.py")}, {"softmax": "softmax_regression"},
    )  # fmt: skip
    (tmp_path / "mine.toml").write_text("""
[suite]
name = "softmax"
[defaults]
hidden_layers = []
batch_size = 64
epochs = 20
optimizer = { name = "adam", learning_rate = 0.01 }
[experiments.theirs]
backend = "softmax"
[experiments.ours]
[experiments.deep]
backend = "softmax"
hidden_layers = [8]
""")
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(site)!r}); from harness.cli import main; main()",
    ]
    listed = subprocess.run([*command, "plugins"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.search(r"softmax +0.1.0 +yes +harness-softmax 0.1.0", listed)
    run = [*command, "run", "mine.toml", "--jobs", "0"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "deep seed 42 unavailable: softmax cannot honour hidden_layers" in done.stderr
    from harness.store import Run

    rows = {row.experiment: row for row in Run.open(tmp_path / "runs" / "mine").rows()}
    assert rows["theirs"].components["backend softmax"].startswith("harness-softmax 0.1.0")
    assert rows["theirs"].metrics.val_accuracy > 0.9
    assert rows["theirs"].metrics.val_loss == pytest.approx(rows["ours"].metrics.val_loss, rel=1e-3)
    assert rows["theirs"].parameters == rows["ours"].parameters == 650

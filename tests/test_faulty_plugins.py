"""A plugin that raises when it is asked about itself: the commands that show what is here still show the others."""

import pytest

from harness.plugins.loading import registry
from tests.plugins_on_disk import distribution
from tests.tiny import TINY

SOURCE = """
import harness
from harness.stepwise import StepwiseBackend

@harness.hookimpl
def register_backends(register):
    register("a_silent", Silent)
    register("a_nowhere", Nowhere)

@harness.hookimpl
def register_datasets(register):
    register("a_locked", Locked)
    register("a_missing", "no_such_module:Dataset")
    register("a_torn", Torn)

class Silent(StepwiseBackend):
    interface = 2
    network = None
    def unavailable(self, device):
        raise OSError("no driver")

class Nowhere(StepwiseBackend):
    interface = 2
    network = None
    def environment(self, device):
        raise RuntimeError("no version")

class Locked:
    def unavailable(self):
        raise PermissionError("the share is locked")

class Torn:
    def unavailable(self):
        return None
    def source(self):
        return "1"
    def load(self):
        raise KeyError("images")
    def holding(self):
        return None
    def fetch(self):
        raise ConnectionError("no route")
"""


@pytest.fixture(autouse=True)
def faulty(tmp_path, monkeypatch):
    """Install a distribution of faulty components."""
    with monkeypatch.context() as patched:
        patched.setenv("HARNESS_DISABLE_PLUGINS", "harness_torch")  # a second each time that its library is loaded
        patched.syspath_prepend(tmp_path / "site")
        distribution(
            tmp_path / "site", "harness-faulty", "0.1", {"harness_faulty": SOURCE}, {"faulty": "harness_faulty"}
        )
        registry.cache_clear()
        yield
    registry.cache_clear()


def lines(output):
    """Return the first table of what a command printed: its lines by their first word; one space between words."""
    first = output.out.split("\n\n")[0]
    return {line.split()[0]: " ".join(line.split()) for line in first.splitlines()}


@pytest.mark.slow
def test_plugins_shows_the_others(typed):
    """Each with its reason, in a line below."""
    output = typed("plugins")
    rows = lines(output)
    assert rows["a_silent"] == "a_silent no harness-faulty 0.1"
    assert rows["a_nowhere"] == "a_nowhere no harness-faulty 0.1"
    assert " yes nn-harness " in rows["numpy"]
    assert "\n\na_nowhere: no: RuntimeError: no version\na_silent: no: OSError: no driver\n" in output.out


@pytest.mark.slow
def test_doctor_shows_the_others(typed):
    """Each with its reason, and no environment."""
    output = typed("doctor").out
    assert "backend a_nowhere: no: RuntimeError: no version\nbackend a_silent: no: OSError: no driver\n" in output
    assert "backend numpy: yes\n  " in output


@pytest.mark.slow
def test_datasets_shows_the_others(typed):
    """Each with its reason; only what lacks options needs options."""
    rows = lines(typed("datasets"))
    assert rows["a_locked"] == "a_locked faulty: PermissionError: the share is locked harness-faulty 0.1"
    assert rows["a_missing"].startswith("a_missing faulty: dataset 'a_missing' (harness-faulty 0.1): no_such_module:")
    assert rows["files"].startswith("files needs options: images: is missing")
    assert rows["digits"].startswith("digits yes ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (
            ["plan", "tiny.toml", "--dataset", "a_locked"],
            "--dataset a_locked: dataset 'a_locked': PermissionError: the ",
        ),
        (
            ["plan", "tiny.toml", "--dataset", "a_torn"],
            "--dataset a_torn: dataset 'a_torn': is not here. 'harness datasets fetch a_torn' downloads it",
        ),
        (["run", "tiny.toml", "--dataset", "a_torn"], "--dataset a_torn: dataset 'a_torn': KeyError: 'images'"),
        (["datasets", "describe", "a_locked"], "dataset 'a_locked': PermissionError: the share is locked"),
        (["datasets", "describe", "a_torn", "--download"], "dataset 'a_torn': KeyError: 'images'"),
        (["datasets", "fetch", "a_torn"], "dataset 'a_torn': ConnectionError: no route"),
    ],
    ids=["plan, locked", "plan, torn", "run, torn", "describe, locked", "describe, torn", "fetch, torn"],
)
def test_what_needs_it_is_refused_in_a_line(typed, tmp_path, arguments, output):
    """The option or command, the dataset, and what it raised."""
    (tmp_path / "tiny.toml").write_text(TINY)
    printed = typed(*arguments, code=2)
    assert printed.err.startswith(f"error: {output}")
    assert printed.err.count("\n") == 1

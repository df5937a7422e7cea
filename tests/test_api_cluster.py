"""Runs on a cluster, and with plugins that are quarantined, as programs and notebooks ask for them."""

import pytest

import harness
from harness.api import running
from harness.errors import LostError
from tests.chaos.contents import content, differences
from tests.plugins_on_disk import distribution
from tests.tiny import TINY


@pytest.fixture
def suite(tmp_path):
    """Return the path of a tiny suite."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.mark.slow
def test_trials_run_on_a_cluster(suite, tmp_path):
    """Two local workers give the bytes of this process."""
    pytest.importorskip("distributed")
    spread = harness.run(suite, cluster="local:2", out=tmp_path / "spread")
    here = harness.run(suite, jobs=0, out=tmp_path / "here")
    assert spread.complete
    assert differences(content(here.directory), content(spread.directory)) == []


def test_without_the_extra_the_command_that_installs_it_is_named(suite, tmp_path, monkeypatch):
    """Nothing is written; `plan` says the same."""
    from harness.execution.pools.cluster import connection

    monkeypatch.setattr(connection, "find_spec", lambda _name: None)
    for call in (harness.run, harness.plan):
        with pytest.raises(harness.HarnessError) as error:
            call(suite, cluster="local:2", out=tmp_path / "run")
        assert str(error.value) == "--cluster needs the extra dask: pip install 'nn-harness[dask]' installs it"
    assert not (tmp_path / "run").exists()


def test_processes_beside_a_cluster_are_refused(suite):
    """As on the command line."""
    with pytest.raises(harness.HarnessError, match="--jobs 2 beside --cluster: a worker runs as many trials at once"):
        harness.run(suite, jobs=2, cluster="local:2")


def test_a_cluster_that_is_lost_is_an_error(suite, tmp_path, monkeypatch):
    """It says where the finished trials are."""

    def lost(*_arguments, **_options):
        raise LostError("the scheduler has gone")

    monkeypatch.setattr(running, "carry_out", lost)
    with pytest.raises(harness.HarnessError) as error:
        harness.run(suite, cluster="local:2", out=tmp_path / "run")
    assert str(error.value) == (
        f"interrupted: the scheduler has gone. Finished trials are in {tmp_path / 'run'}; the same call resumes"
    )


def test_quarantined_plugins_are_named_in_a_warning(suite, site, tmp_path):
    """In the words of the command line; the run goes on."""
    distribution(site, "harness-moody", "0.1", {"moody": "import no_such_module"}, {"moody": "moody"})
    message = "plugin moody .harness-moody 0.1. is quarantined: ModuleNotFoundError: No module named 'no_such_module'"
    with pytest.warns(UserWarning, match=message):
        run = harness.run(suite, only="A", jobs=0, out=tmp_path / "run")
    assert run.complete

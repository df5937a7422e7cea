"""Two thousand trials in one run; `tests.scale.measure` has the times."""

import pytest

from tests.scale.measure import run, trained_seconds, write_many


@pytest.mark.slow
def test_two_thousand_trials_are_planned_run_and_resumed_in_little_memory(tmp_path):
    """All done, none twice, no process above 300 MB."""
    write_many(tmp_path, 2000)
    found = [run(tmp_path, *arguments.split()) for arguments in ("plan many.toml", "run many.toml -q", "run many.toml")]
    told = [one.told for one in found]
    assert "2,000 trials, 0 done" in told[0]
    assert len(trained_seconds(tmp_path / "runs" / "many")) == 2000
    assert "2,000 trials, 2,000 already done" in told[2]
    assert max(one.megabytes for one in found) < 300

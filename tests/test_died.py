"""Trials whose process died: each runs once more, with no other on its machine."""

from harness.execution.pools import Failure, InProcess
from harness.plugins.loading import registry
from tests.tiny import TINY, run_suite


class Dying(InProcess):
    """A pool of two in which trials die: each at its first attempt, the last one always."""

    slots = 2

    def __init__(self, plugins):
        super().__init__(plugins)
        self.attempts, self.at_once = [], []

    def wait(self):
        """Take note of how many trials are under way."""
        self.at_once.append(sum(task.title.startswith("train") for task, *_ in self._submitted))
        return super().wait()

    def _run(self, task, report):
        if not task.title.startswith("train"):
            return super()._run(task, report)
        self.attempts.append(task.argument.experiment)
        if self.attempts.count(task.argument.experiment) == 1 or task.argument.experiment == "C":
            return Failure("died", "worker died (signal 9)")
        return super()._run(task, report)


def test_trials_that_died_run_once_more_each_alone(tmp_path):
    """When all others have ended; what dies alone has failed."""
    pool = Dying(registry())
    outcome, run = run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"), pool=pool)
    assert {row.experiment: (row.status, row.reason) for row in outcome.rows} == {
        "A": ("done", ""),
        "B": ("done", ""),
        "C": ("failed", "worker died (signal 9)"),
    }
    assert sorted(pool.attempts[:3]) == sorted(pool.attempts[3:]) == ["A", "B", "C"]
    assert list(filter(None, pool.at_once)) == [2, 1, 1, 1, 1]
    for name in "ABC":
        assert "worker died (signal 9): the trial will run once more, alone" in run.log(name, 1).read_text()

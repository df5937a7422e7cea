"""A tiny suite on digits, for tests of what surrounds the training."""

from dataclasses import replace

from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.execution.run import execute
from harness.plugins.loading import registry
from harness.store import Run, locked, take_up
from harness.suite import load_suite

TINY = """
[suite]
name = "tiny"
seeds = [1]

[defaults]
hidden_layers = [16]
batch_size = 128
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 3

[experiments.A]
group = "first"

[experiments.B]
optimizer = { name = "sgd", learning_rate = 0.1, momentum = 0.9 }

[experiments.C]
activation = "silu"
batch_norm = true
dropout = 0.2

[finalists]
one = "A"
two = { best_of = "[BC]" }

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.3]

[leaderboard]
baseline = "A"
compare = [["A", "B"]]
"""


def run_suite(
    folder, text=TINY, *, plugins=None, only=(), pool=None, conditions=None, timings=None, dry=False, **options
):
    """Run a suite's text in ``folder / "run"``; return the outcome and the run; ``dry``: nothing runs."""
    path = folder / "tiny.toml"
    path.write_text(text)
    plugins = plugins or registry()
    loaded = load_suite(path, plugins, **options)
    pool = pool or InProcess(plugins)
    plan = make_plan(loaded, plugins, pool, only=only)
    planned = [(trial.row.experiment, trial.row.seed) for trial in plan.trials]
    run = Run(folder / "run", loaded.suite, plan.dataset, planned, plan.components)
    with locked(run.directory):
        run = take_up(run)
        if dry:
            return None, run
        run.write_header({})
        return execute(run, plan, plugins, pool, conditions, timings), run


def without_times(row):
    """Return a row without what a clock or a process said."""
    history = [replace(epoch, seconds=0, samples_per_second=0, validation_seconds=0) for epoch in row.history]
    evaluation = row.evaluation and replace(row.evaluation, seconds=0)
    figures = row.metrics and replace(row.metrics, seconds=0, samples_per_second=0)
    return replace(row, history=history, metrics=figures, evaluation=evaluation, anonymous_bytes=None, contended="")

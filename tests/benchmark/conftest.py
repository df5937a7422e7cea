"""``pytest tests/benchmark``: the benchmarks of `harness.benchmarks`, with a configuration of their own."""

pytest_plugins = ["harness.benchmarks.plugin"]

"""Samples a second of every backend and network: measured and recorded, never judged by an absolute time."""

from typing import Any

import pytest

from harness.bench import Case, prepare
from harness.plugins.loading import registry


def test_speed(benchmark: Any, case: Case, request: pytest.FixtureRequest) -> None:
    """Warm runs, each waited for; the extra information has what is not a time."""
    from harness_nvidia import named, state

    benchmark.group = f"{case.network} {case.work}"
    with prepare(case, registry()) as prepared:
        benchmark.pedantic(
            prepared.run,
            rounds=request.config.option.bench_rounds,
            iterations=prepared.repeats,
            warmup_rounds=int(prepared.accelerated),  # its clocks rise under load
        )
        if benchmark.stats:  # none with --benchmark-disable
            benchmark.extra_info.update(prepared.measured(benchmark.stats.stats.data).described())
            benchmark.extra_info["repeats"] = prepared.repeats
            if prepared.accelerated:
                benchmark.extra_info["gpu"] = state(named(case.device))  # its clock and what throttles it, still warm

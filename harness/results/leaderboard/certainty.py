"""What a ranking's confidence sets rest on, which differences are too small to detect, and what would settle more."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.metrics.analysis import Advice, Analysis
from harness.metrics.statistic import Kind, Statistic
from harness.results.leaderboard.notes import diverged
from harness.results.leaderboard.rankings import Ranking
from harness.results.results import Results
from harness.results.tables.values import shown
from harness.text import command, some


def signs(results: Results, ranking: Ranking) -> list[str]:
    """Return what the ranks and spreads of a ranking mean: short sentences."""
    analysis = ranking.analysis(results)
    found = []
    if len(analysis.names) > 1 and analysis.target == "recipes":
        found.append(f"[low–high]: 95 % confidence set of the rank, over {_basis(results, analysis)}.")
    spread = any(value.std is not None for value in _values(results, ranking))
    return [*found, "±: SD over seeds." if spread else ""]


def settling(results: Results, ranking: Ranking) -> list[str]:
    """Return what a ranking leaves out, and what would settle it: short sentences, the most useful first."""
    analysis = ranking.analysis(results)
    found = [_left_out(analysis), diverged(results)]
    if len(analysis.names) > 1 and analysis.target == "recipes":
        found += [_detectable(analysis, ranking), _advised(results, analysis.advice(), analysis)]
    elif len(_values(results, ranking)) > 1:
        found.append("One seed: nothing is known of other seeds, so ranks have no confidence set. Add --seeds 1,2,3.")
    return found


def _basis(results: Results, analysis: Analysis) -> str:
    sampled = analysis.basis == "seeds and images"
    return f"seeds and test {results.dataset.noun}" if sampled else "seeds alone, without predictions"


def _values(results: Results, ranking: Ranking) -> list[Statistic]:
    return [value for one in results.experiments if (value := ranking.test(one))]


def _detectable(analysis: Analysis, ranking: Ranking) -> str:
    """Return the smallest difference that the run detects, and what it would with any number of seeds."""
    smallest, at_best = analysis.detectable, analysis.detectable_at_best
    if smallest is None:
        return ""
    more = "" if at_best is None else f", with any number of seeds {shown(at_best, ranking.metric.kind)}"
    return f"Smallest detectable difference: {_amount(smallest, ranking)} (80 % power){more}."


def _amount(value: float, ranking: Ranking) -> str:
    unit = "nats" if ranking.metric.kind is Kind.loss else "points"
    return f"{shown(value, ranking.metric.kind)} {unit}"


def _advised(results: Results, advice: Advice | None, analysis: Analysis) -> str:
    """Return what would separate two experiments, with the command."""
    if advice is None:
        return ""
    if advice.more is None:
        return "100 seeds would separate no further pair."
    seeds = f"{advice.more} more {'seed' if advice.more == 1 else 'seeds'} would separate"
    return f"{seeds} {advice.better} from {advice.worse}: {_command(results, advice.more, analysis)}"


def _command(results: Results, more: int, analysis: Analysis) -> str:
    """Return the last command with further seeds, or the option alone where it is not known: a run keeps its trials."""
    seeds = {*analysis.seeds, *(row.seed for row in results.rows)}
    new = [seed for seed in range(1, max(seeds) + more + 2) if seed not in seeds]
    option = ["--seeds", ",".join(map(str, new[:more]))]
    words = _last_command(results)
    if "--seeds" in words:
        at = words.index("--seeds")
        words = words[:at] + words[at + 2 :]
    return command(*words, *option)


def _last_command(results: Results) -> list[str]:
    try:
        words = results.run.notes().get("command") if results.run else None
    except HarnessError:
        words = None
    return [str(word) for word in words] if isinstance(words, list) and words[1:2] == ["run"] else []


def _left_out(analysis: Analysis) -> str:
    """Return which experiments are compared with no other, and why."""
    reasons: dict[str, list[str]] = {}
    for name, why in analysis.left_out.items():
        reasons.setdefault(why, []).append(name)
    groups = [f"{some(names)} ({why})" for why, names in reasons.items()]
    return f"Not compared: {'; '.join(groups)}." if groups else ""

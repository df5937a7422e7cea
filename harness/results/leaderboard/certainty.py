"""What a ranking's confidence sets rest on, which differences are too small to detect, and what would settle more."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.metrics.analysis import Advice, Analysis
from harness.metrics.comparisons import Mark
from harness.metrics.statistic import Kind, Statistic
from harness.results.leaderboard.notes import diverged
from harness.results.leaderboard.rankings import Ranking
from harness.results.results import Results
from harness.results.tables.model import Place, Ranked, Table
from harness.results.tables.notes import SPREAD
from harness.results.tables.values import shown
from harness.text import command, some


def signs(results: Results, ranking: Ranking, part: Table) -> list[str]:
    """Return what the ranks and spreads mean that a part of a table shows: short sentences."""
    cells = [cell.place if isinstance(cell, Ranked) else cell for cell in part.cells]
    places = [cell for cell in cells if isinstance(cell, Place)]
    sentences = []
    if any(place.low is not None for place in places):
        over = _basis(results, ranking.analysis(results))
        sentences.append(f"[low–high]: 95 % confidence set of the rank, over {over}.")
    marks = {place.mark for place in places}
    if Mark.insignificant in marks:
        sentences.append("Rank ≈: another network does not differ significantly (5 %, Holm).")
    if Mark.undecided in marks:
        sentences.append("Rank ?: undecided, because one seed has no known variance.")
    return [*sentences, SPREAD if part.spread else ""]


def settling(results: Results, ranking: Ranking) -> list[str]:
    """Return what a ranking leaves out, and what would settle it: short sentences, the most useful first."""
    analysis = ranking.analysis(results)
    sentences = [_left_out(analysis), diverged(results)]
    if len(analysis.names) > 1 and analysis.target == "recipes":
        sentences += [_detectable(results, analysis, ranking), _advised(results, analysis.advice(), analysis)]
    elif len(_values(results, ranking)) > 1:
        sentences.append(
            "One seed: nothing is known of other seeds, so ranks have no confidence set. Add --seeds 1,2,3."
        )
    return sentences


def _basis(results: Results, analysis: Analysis) -> str:
    sampled = analysis.basis == "seeds and images"
    return f"seeds and test {results.dataset.noun}" if sampled else "seeds alone, without predictions"


def _values(results: Results, ranking: Ranking) -> list[Statistic]:
    return [value for experiment in results.experiments if (value := ranking.test(experiment))]


def _detectable(results: Results, analysis: Analysis, ranking: Ranking) -> str:
    """Return the smallest difference that the run detects, and how far more seeds lower that.

    Means over seeds may differ by less than an image, which two networks cannot: that is said beside it.
    """
    smallest, at_best = analysis.detectable, analysis.detectable_at_best
    if smallest is None:
        return ""
    kind = ranking.metric.kind
    unit = "nats" if kind is Kind.loss else "points"
    difference = f"{_rounded(smallest, kind)} {unit}"
    if analysis.proportion and smallest * analysis.images < 1:
        difference += f", less than 1 of {analysis.images:,} test {results.dataset.noun}"
    limit = ""
    if at_best is not None:
        end = ", not below" if float(shown(at_best, kind)) else " or less"
        limit = f"; more seeds can lower it to {_rounded(at_best, kind)}{end}"
    return f"Smallest detectable difference: {difference} (80 % power){limit}."


def _rounded(value: float, kind: Kind) -> str:
    """Return a difference above 0 as tables show it, but for one that they would show as 0: 1 in its last digit."""
    text = shown(value, kind)
    return text if float(text) else f"{text[:-1]}1"


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

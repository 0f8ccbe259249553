"""The labels topic as a whole: how many labels are orphans, and whether there are any labels at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.check import Outcome, check, checks_of, effect_of, not_tested, statistic_of
from driftline.checks.contract.common_fields import topic_fields
from driftline.checks.contract.ladder import judge, lingering
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.baseline_comparison import BaselineComparison
from driftline.config.durations import Duration
from driftline.events.label_stream import LabelStreamEvent
from driftline.events.source import LABEL_STREAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.model import ModelSettings
    from driftline.events.evidence import Event
    from driftline.events.source import Kind, Offsets

ORPHANS: Final = "labels.orphans"
SILENT: Final = "labels.silent"
HOUR_MS: Final = 3_600_000
_NOT_TESTED: Final = not_tested("labels.stall_after")


class StreamSpan(NamedTuple):
    """A span of the label stream."""

    start_ms: int
    end_ms: int
    n_predictions: int
    n_joined: int
    n_orphans: int
    earlier: Sequence[tuple[int, int, bool]]
    """Orphans and all labels of the spans before, and whether they came out as many; the oldest first."""
    offsets: Mapping[Kind, Offsets]
    flags: Iterable[str]


class SpanCase(NamedTuple):
    """A span of the label stream, compared with the spans before it."""

    span: StreamSpan
    comparison: BaselineComparison
    settings: ModelSettings


def examine_stream(stretch: StreamSpan, budget: ErrorBudget) -> Verdict[LabelStreamEvent]:
    """Report how many labels of a span are orphans, and test whether they are more than usual.

    The budget is that of the settings that all models have by default.
    """
    n = stretch.n_joined + stretch.n_orphans
    comparison = BaselineComparison.of(stretch.n_orphans, n, stretch.earlier, "greater")
    common = topic_fields(LABEL_STREAM, (stretch.start_ms, stretch.end_ms), stretch.offsets, stretch.flags, budget)
    common["n"], common["n_reference"] = n, comparison.n_reference
    case, levels = SpanCase(stretch, comparison, budget.settings), budget.with_info(budget.orphans_level())
    examined = [check.examine(case) for check in checks_of("label stream")]
    findings = [each for outcomes in examined for each in judge(outcomes, levels, common)]
    event = LabelStreamEvent(
        **common,
        status="calibrating" if comparison.baseline is None else "many" if findings else "usual",
        n_predictions=stretch.n_predictions,
        n_joined=stretch.n_joined,
        n_orphans=stretch.n_orphans,
        orphan_share=stretch.n_orphans / n if n else 0.0,
        test=comparison.test,
    )
    return Verdict(
        events=(event,),
        findings=tuple(findings),
        sequence="label stream",
        tested=n > 0,
        lingering=frozenset(key for outcomes in examined for key in lingering(outcomes, levels[0], budget)),
    )


@check("orphans", "label stream")
def orphans(case: SpanCase) -> list[Outcome]:
    """Test whether more labels than usual have no prediction; of no model, so nothing else spends the share."""
    baseline, result = case.comparison
    if baseline is None or result is None:
        return []
    gate = case.settings.checks.min_share_change
    message = (
        f"labels whose prediction never came: {percent(result.share_reference)} -> {percent(result.share)} of all (a "
        f"rise matters from {percent(gate)})"
    )
    details = f"{number(case.span.n_orphans)} of {number(result.n)} labels"
    rise = result.share - result.share_reference
    return [case.comparison.outcome(ORPHANS, "orphan_share_rise", rise, gate, message, details)]


def silence(since_ms: int, budget: ErrorBudget, flags: Iterable[str]) -> Verdict[Event]:
    """Return the finding that there has been no label for as long as is configured, while there were predictions.

    ``since_ms`` is the watermark of the labels; the budget is that of the settings that all models have by default.

    Notes
    -----
    No registered check: nothing is tested, and nothing closes that could be examined. It says nothing that depends on
    the moment at which the silence was noticed, so that it repeats byte for byte.
    """
    limit_ms = int(budget.settings.labels.stall_after)
    common = topic_fields(LABEL_STREAM, (since_ms, since_ms + limit_ms), {}, flags, budget)
    hours = limit_ms / HOUR_MS
    outcome = Outcome(
        check=SILENT,
        family="labels",
        statistic=statistic_of("silent_hours", hours, threshold=hours),
        effect=effect_of("silent_hours", hours, gate=hours),
        n=0,
        n_reference=0,
        message=f"no label of any model for {Duration(limit_ms)}, while predictions went on",
        baseline="earlier cohorts",
        level=_NOT_TESTED,
        severity="warning",
    )
    return Verdict(findings=tuple(judge([outcome], (), common)), sequence="silence", tested=True)

"""Do more predictions fail than in earlier windows: an exact test of the share, and the configured limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.policy import severity_of
from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, not_tested, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.baseline_comparison import BaselineComparison

if TYPE_CHECKING:
    from driftline.checks.operations.case import OperationsCase
    from driftline.sketches.operations import Operations

FAILED: Final = "operations.failed"
MAX_FAILED: Final = "operations.max_failed"
_TOLD_REASONS: Final = 3


def failures(case: OperationsCase) -> BaselineComparison:
    """Return the share of failed predictions beside that of earlier windows."""
    earlier = [(each.n_failed, each.n_events, False) for each in case.earlier]
    return BaselineComparison.of(case.operations.n_failed, case.n_events, earlier, "greater")


@check("failed", "operations")
def failed(case: OperationsCase) -> list[Outcome]:
    """Test whether a greater share of predictions fails than in earlier windows; these never include failing ones."""
    baseline, result = comparison = failures(case)
    if baseline is None or result is None:
        return []
    gate, rise = case.settings.operations.min_failed_rise, result.share - result.share_reference
    return [
        Outcome(
            check=FAILED,
            family="operations",
            statistic=statistic_of("exact_share", result.share, result.p_value),
            effect=effect_of("failed_share_rise", rise, gate, result.share, result.share_reference),
            n=case.n_events,
            n_reference=comparison.n_reference,
            message=(
                f"failed predictions: {percent(result.share_reference)} -> {percent(result.share)} of all (a rise "
                f"matters from {percent(gate)})"
            ),
            evidence=lambda: Evidence(details=reasons_in_words(case.operations)),
            baseline="earlier windows",
        )
    ]


def too_many_failed(case: OperationsCase) -> list[Outcome]:
    """Return the outcome that more predictions fail than is configured, or nearly as many; nothing is tested."""
    limit, n_failed = case.settings.operations.max_failed, case.operations.n_failed
    share = n_failed / case.n_events if case.n_events else 0.0
    if limit is None or not n_failed or share < case.settings.alerts.close_below * limit:
        return []
    return [
        Outcome(
            check=MAX_FAILED,
            family="operations",
            statistic=statistic_of("failed_share", share, threshold=limit),
            effect=effect_of("failed_share", share, limit, current=share),
            n=case.n_events,
            n_reference=0,
            message=(
                f"{number(n_failed)} of {number(case.n_events)} predictions failed ({percent(share)}), more than "
                f"{percent(limit)}: {reasons_in_words(case.operations)}"
            ),
            baseline="configured",
            level=not_tested("operations.max_failed"),
            severity=severity_of(share, limit),
            lingers=share <= limit,
        )
    ]


def reasons_in_words(operations: Operations) -> str:
    """Return the most frequent reasons, as in ``1,204 timeout, 33 OOM and 2 others``."""
    ranked = sorted(operations.reasons.items(), key=lambda item: (-item[1], item[0]))
    told = ranked[:_TOLD_REASONS]
    others = operations.n_failed - sum(n for _, n in told)
    words = ", ".join(f"{number(n)} {reason}" for reason, n in told)
    return f"{words} and {number(others)} others" if others else words

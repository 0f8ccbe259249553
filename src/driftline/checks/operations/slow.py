"""Does the model take longer than in earlier windows, or than is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.operations.limits import Limit, beyond_limit
from driftline.checks.operations.tail import tail_beside

if TYPE_CHECKING:
    from driftline.checks.operations.case import OperationsCase
    from driftline.checks.operations.tail import Tail

SLOW: Final = "operations.slow"
LIMITS: Final = {"max_p95_ms": 0.95, "max_p99_ms": 0.99}
"""Settings of limits, and the quantiles that they limit."""


def slowness(case: OperationsCase) -> Tail | None:
    """Return latency beside that of earlier windows; None where either has too few predictions with a latency."""
    earlier = [(each.latency, each.slow) for each in case.earlier]
    return tail_beside(case.latency, earlier, case.settings.operations.min_events)


@check("slow", "operations")
def slow(case: OperationsCase) -> list[Outcome]:
    """Test whether more predictions are slow than in earlier windows; the effect is the rise of the 95th percentile."""
    found = slowness(case)
    if found is None or found.comparison.result is None:
        return []
    gate, result, comparison = case.settings.operations.min_latency_rise, found.comparison.result, found.comparison
    effect = effect_of(
        "latency_p95_rise", found.p95 - found.p95_reference, gate, found.p95, found.p95_reference, corrected=found.rise
    )
    details = f"{percent(result.share)} of {number(result.n)} predictions were slower than 95 % of those before"
    return [
        Outcome(
            check=SLOW,
            family="operations",
            statistic=statistic_of("exact_share", result.share, result.p_value),
            effect=effect,
            n=result.n,
            n_reference=comparison.n_reference,
            message=(
                f"95th percentile of latency: {number(found.p95_reference)} ms -> {number(found.p95)} ms (a rise "
                f"matters from {percent(gate)})"
            ),
            evidence=lambda: Evidence(details=details),
            baseline="earlier windows",
        )
    ]


def too_slow(case: OperationsCase) -> list[Outcome]:
    """Return the outcomes that latency is above a configured limit, or lingers below it; nothing is tested."""
    settings = case.settings.operations
    limits = zip((settings.max_p95_ms, settings.max_p99_ms), LIMITS.items(), strict=True)
    return [
        outcome
        for value, (setting, quantile) in limits
        if value is not None
        for outcome in beyond_limit(
            case,
            case.latency,
            Limit(
                f"operations.{setting}",
                f"latency_p{100 * quantile:.0f}_ms",
                quantile,
                value,
                ("took longer than", " ms"),
            ),
        )
    ]

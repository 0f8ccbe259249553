"""Does the model take longer than in earlier windows: how many predictions are slower than 95 % of those before.

A share is tested, as it is with failures: no test of means, whose variance a few very slow predictions decide. How much
the share varies from window to window when nothing has changed is taken from the earlier windows themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.alerts.policy import severity_of
from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, not_tested, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.baseline_comparison import NEW_BASELINE, BaselineComparison
from driftline.sketches.log_grid import N_BINS, middle_of, quantile_bin
from driftline.sketches.operations import quantiles

if TYPE_CHECKING:
    from driftline.checks.operations.case import OperationsCase

SLOW: Final = "operations.slow"
LIMITS: Final = {"max_p95_ms": 0.95, "max_p99_ms": 0.99}
"""Settings of limits, and the quantiles that they limit."""
_TAIL: Final = 0.95


class Slowness(NamedTuple):
    """Latency beside that of earlier windows."""

    comparison: BaselineComparison
    """Of the predictions slower than the earlier windows' 95th percentile."""
    p95: float
    p95_reference: float


def slowness(case: OperationsCase) -> Slowness | None:
    """Return latency beside that of earlier windows; None where either has too few predictions with a latency.

    Slow windows are left out of the earlier ones, unless the latest ``NEW_BASELINE`` all were slow.
    """
    latest = case.earlier[-NEW_BASELINE:]
    lasting = len(latest) == NEW_BASELINE and all(each.slow for each in latest)
    chosen = latest if lasting else [each for each in case.earlier if not each.slow]
    vectors = [each.latency.vector() for each in chosen]
    current = case.latency.vector()
    n = int(current.sum())
    before = np.zeros(N_BINS, dtype=np.int64)
    for each in vectors:
        before += each
    if n < case.settings.operations.min_events or not before.any():
        return None
    cell = quantile_bin(before, _TAIL)
    earlier = [(int(each[cell + 1 :].sum()), int(each.sum()), False) for each in vectors]
    comparison = BaselineComparison.of(int(current[cell + 1 :].sum()), n, earlier, "greater")
    return Slowness(comparison, quantiles(current, _TAIL)[0], middle_of(cell))


@check("slow", "operations")
def slow(case: OperationsCase) -> list[Outcome]:
    """Test whether more predictions are slow than in earlier windows; the effect is the rise of the 95th percentile."""
    found = slowness(case)
    if found is None or found.comparison.result is None:
        return []
    gate, result, comparison = case.settings.operations.min_latency_rise, found.comparison.result, found.comparison
    rise = found.p95 / found.p95_reference - 1 if found.p95_reference else 0.0
    effect = effect_of(
        "latency_p95_rise", found.p95 - found.p95_reference, gate, found.p95, found.p95_reference, corrected=rise
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
    """Return the outcomes that latency is above the configured limits; nothing is tested."""
    current = case.latency.vector()
    n = int(current.sum())
    if n < case.settings.operations.min_events:
        return []
    outcomes = []
    for setting, share in LIMITS.items():
        limit = getattr(case.settings.operations, setting)
        value = quantiles(current, share)[0]
        if limit is None or value <= limit:
            continue
        name = f"latency_p{100 * share:.0f}_ms"
        outcomes.append(
            Outcome(
                check=f"operations.{setting}",
                family="operations",
                statistic=statistic_of(name, value, threshold=limit),
                effect=effect_of(name, value, limit, current=value),
                n=n,
                n_reference=0,
                message=(
                    f"{percent(1 - share)} of {number(n)} predictions took longer than {number(value)} ms; the limit "
                    f"is {number(limit)} ms"
                ),
                baseline="configured",
                level=not_tested(f"operations.{setting}"),
                severity=severity_of(value, limit),
            )
        )
    return outcomes

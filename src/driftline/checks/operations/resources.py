"""Do predictions use more of a resource than in earlier windows, or than is configured: memory, CPU time, whatever."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.operations.limits import Limit, beyond_limit
from driftline.checks.operations.tail import tail_beside
from driftline.events.operation_fields import LATENCY
from driftline.sketches.operations import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.operations.case import OperationsCase

PREFIX: Final = "operations.resource."
"""Before the measure's name, in the name of the check."""
LIMITS: Final = {"max_p95": 0.95, "max_p99": 0.99}
"""Settings of limits by measure, and the quantiles that they limit."""
_NOTHING: Final = Measure()


@check("resources", "operations")
def resources(case: OperationsCase) -> Iterator[Outcome]:
    """Test of each measure whether more predictions are above 95 % of the earlier ones; all share one test."""
    names = sorted(case.operations.measures.keys() - {LATENCY})
    for name in names:
        earlier = [(each.measures.get(name, _NOTHING), name in each.raised) for each in case.earlier]
        found = tail_beside(case.operations.measures[name], earlier, case.settings.operations.min_events)
        if found is None or found.comparison.result is None:
            continue
        gate, result = case.settings.operations.min_measure_rise, found.comparison.result
        evidence = Evidence(
            details=f"{percent(result.share)} of {number(result.n)} predictions were above 95 % of those before"
        )
        yield Outcome(
            check=f"{PREFIX}{name}",
            family="operations",
            statistic=statistic_of("exact_share", result.share, result.p_value),
            effect=effect_of(
                f"{name}_p95_rise",
                found.p95 - found.p95_reference,
                gate,
                found.p95,
                found.p95_reference,
                corrected=found.rise,
            ),
            n=result.n,
            n_reference=found.comparison.n_reference,
            message=(
                f"95th percentile of {name}: {number(found.p95_reference)} -> {number(found.p95)} (a rise matters from "
                f"{percent(gate)})"
            ),
            evidence=partial(_same, evidence),
            baseline="earlier windows",
            part=1 / len(names),
        )


def _same(evidence: Evidence) -> Evidence:
    return evidence


def too_much(case: OperationsCase) -> list[Outcome]:
    """Return the outcomes that a measure is above a configured limit, or lingers below it; nothing is tested."""
    settings = case.settings.operations
    return [
        outcome
        for limits, (setting, quantile) in zip((settings.max_p95, settings.max_p99), LIMITS.items(), strict=True)
        for name, value in sorted(limits.items())
        for outcome in beyond_limit(
            case,
            case.operations.measures.get(name, _NOTHING),
            Limit(
                f"operations.{setting}.{name}",
                f"{name}_p{100 * quantile:.0f}",
                quantile,
                value,
                (f"had a {name} above", ""),
            ),
        )
    ]

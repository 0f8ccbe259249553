"""A quantile of a quantity above a limit that the user gives; nothing is tested, and the budget bounds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.alerts.policy import severity_of
from driftline.checks.contract.check import Outcome, effect_of, not_tested, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.sketches.operations import quantiles

if TYPE_CHECKING:
    from driftline.checks.operations.case import OperationsCase
    from driftline.sketches.operations import Measure


class Limit(NamedTuple):
    """A configured limit."""

    check: str
    """Name of the check; its setting is this too."""
    effect: str
    quantile: float
    value: float
    words: tuple[str, str]
    """What predictions above it did, and the unit with a space before it, as in ``took longer than`` and `` ms``."""


def beyond_limit(case: OperationsCase, measure: Measure, limit: Limit) -> list[Outcome]:
    """Return the outcome that a quantile is above its limit, or lingers below it; none of too few predictions."""
    counts = measure.vector()
    n = int(counts.sum())
    if n < case.settings.operations.min_events:
        return []
    value = quantiles(counts, limit.quantile)[0]
    if value < case.settings.alerts.close_below * limit.value:
        return []
    did, unit = limit.words
    return [
        Outcome(
            check=limit.check,
            family="operations",
            statistic=statistic_of(limit.effect, value, threshold=limit.value),
            effect=effect_of(limit.effect, value, limit.value, current=value),
            n=n,
            n_reference=0,
            message=(
                f"{percent(1 - limit.quantile)} of {number(n)} predictions {did} {number(value)}{unit}; the limit is "
                f"{number(limit.value)}{unit}"
            ),
            baseline="configured",
            level=not_tested(limit.check),
            severity=severity_of(value, limit.value),
            lingers=value <= limit.value,
        )
    ]

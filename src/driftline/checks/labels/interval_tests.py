"""One-sided tests of metrics that are neither shares nor means, by their intervals: ROC AUC, F1, RMSE and others.

A metric has become worse at a significance level if the interval of its difference from the baseline's, taken at that
level, lies beyond 0. The p-value is that of the widest interval that does. All intervals depend on z² / n alone
(:func:`driftline.performance.measurement.measure`), so they need no other formula for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from scipy import special

from driftline.performance import measure
from driftline.performance.intervals import Z, of_difference
from driftline.performance.losses import is_loss

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import PerformanceCase

_NEAR: Final = (0.25, 4.0)
"""Quantiles between which the first is looked for."""
_CLEAR: Final = 1.5
"""Standard errors below which a change is far from any significance level, and its p-value is that of them."""
_FARTHEST: Final = 32.0
"""Quantile beyond which nothing is told apart: a p-value of 10⁻²²⁴."""
_STEPS: Final = 10
"""Bisections: a quantile is known to a thousandth of its range."""


class IntervalTest(NamedTuple):
    """What the test of a metric found.

    Attributes
    ----------
    current, reference : float
    quantile : float, at least 0
        Standard normal quantile of the widest one-sided interval that lies beyond 0; 0 where none does.
    p_value : float in [0, 1]
        At most 0.5 where the metric has changed in the direction that is tested, else 1.
    standard_error : float
        About that of the difference.
    """

    current: float
    reference: float
    quantile: float
    p_value: float
    standard_error: float


def interval_test(
    case: PerformanceCase, metric: str, dispersion: float, freedom: float | None, *, better: bool
) -> IntervalTest | None:
    """Return whether a metric of a window is worse than the baseline's, or better; None where it has no interval.

    Parameters
    ----------
    case : PerformanceCase
    metric : str
    dispersion : float, at least 1
        How many times errors vary as much as independent ones.
    freedom : float or None
        Degrees of freedom, where the dispersion was estimated: Student's distribution then stands for the normal one.
    better : bool
        The direction.

    Notes
    -----
    *Source*: the interval of a difference is that of variance estimates recovery, Zou and Donner (2008),
    doi:10.1002/sim.3095.

    *Cost*: some 20 evaluations of all metrics of the window and of the baseline.
    """
    sign = 1.0 if is_loss(metric) != better else -1.0
    sides = (case.revision.vector, case.baseline.vector)

    def difference(quantile: float) -> tuple[float, float, float] | None:
        """Return both values, and by how much the metric has changed at least, at a quantile."""
        part = (Z / quantile) ** 2 / dispersion
        now, before = (measure(case.profile.task, side, case.settings.performance, part) for side in sides)
        value, other = now.metrics.get(metric), before.metrics.get(metric)
        if value is None or other is None or metric not in now.intervals or metric not in before.intervals:
            return None
        low, high = of_difference(value, now.intervals[metric], other, before.intervals[metric])
        return value, other, low if sign > 0 else -high

    at_z = difference(Z)
    if at_z is None:
        return None
    current, reference, least = at_z
    change = sign * (current - reference)
    error = (change - least) / Z
    if change <= 0:
        return IntervalTest(current, reference, 0.0, 1.0, error)

    def holds(quantile: float) -> bool:
        found = difference(quantile)
        return found is not None and found[2] > 0

    guess = change / error if error > 0 else _FARTHEST
    if guess < _CLEAR:
        return IntervalTest(current, reference, guess, _tail(guess, freedom), error)
    low, high = min(guess * _NEAR[0], _FARTHEST), min(guess * _NEAR[1], _FARTHEST)
    if not holds(low):
        low, high = 0.0, low
    elif holds(high):
        low, high = high, _FARTHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return IntervalTest(current, reference, low, _tail(low, freedom), error)


def _tail(quantile: float, freedom: float | None) -> float:
    return float(special.ndtr(-quantile) if freedom is None else special.stdtr(freedom, -quantile))

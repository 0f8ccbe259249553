"""Confidence intervals of metrics at 95 %, for labels as an independent sample of unlimited traffic.

There is no correction for the finite number of a window's predictions, most of which may have their label, so intervals
are too wide rather than too narrow when coverage is high. Errors that come in bursts make them too narrow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Interval = tuple[float, float]
"""Lower and upper end."""
Intervals = dict[str, Interval]
"""By the metric's name; metrics that have none are not in it."""

Z: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
_NEAREST: Final = 1e-12
"""Values are kept this far from the ends of their range, where the transformed scale is infinite."""


class WeightedEstimate(NamedTuple):
    """One term of a sum of independent estimates: value and interval, both times a factor above 0."""

    factor: float
    value: float
    interval: Interval


def wilson(share: float, n: float) -> Interval:
    """Return Wilson's score interval of a share of n labels, or of n effective weighted labels; (0, 1) for n = 0.

    Notes
    -----
    *Source*: Wilson (1927), doi:10.1080/01621459.1927.10502953.

    *Oracle*: SciPy 1.17.1, ``binomtest(...).proportion_ci(method="wilson")``.

    Examples
    --------
    >>> [round(each, 4) for each in wilson(0.9, 100)]
    [0.8256, 0.9448]
    """
    if n <= 0:
        return 0.0, 1.0
    scale = 1 + Z * Z / n
    centre = (share + Z * Z / (2 * n)) / scale
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / scale
    return (0.0 if share <= 0 else max(0.0, centre - half)), (1.0 if share >= 1 else min(1.0, centre + half))


def combined(terms: Iterable[WeightedEstimate]) -> Interval:
    """Return the interval of a weighted sum of independent estimates from their intervals.

    Notes
    -----
    *Source*: the method of variance estimates recovery, Zou and Donner (2008), doi:10.1002/sim.3095.

    Examples
    --------
    >>> terms = WeightedEstimate(0.5, 0.8, (0.7, 0.9)), WeightedEstimate(0.5, 0.6, (0.5, 0.7))
    >>> [round(each, 3) for each in combined(terms)]
    [0.629, 0.771]
    """
    listed = list(terms)
    value = math.fsum(term.factor * term.value for term in listed)
    below = math.fsum((term.factor * (term.value - term.interval[0])) ** 2 for term in listed)
    above = math.fsum((term.factor * (term.interval[1] - term.value)) ** 2 for term in listed)
    return value - math.sqrt(below), value + math.sqrt(above)


def of_difference(one: float, of_one: Interval, other: float, of_other: Interval) -> Interval:
    """Return the interval of ``one - other``, two independent estimates.

    Notes
    -----
    *Source*: as :func:`combined`.

    Examples
    --------
    >>> [round(each, 3) for each in of_difference(0.8, (0.7, 0.9), 0.6, (0.5, 0.7))]
    [0.059, 0.341]
    """
    difference = one - other
    below = math.hypot(one - of_one[0], of_other[1] - other)
    above = math.hypot(of_one[1] - one, other - of_other[0])
    return difference - below, difference + above


def normal(value: float, variance: float, *, least: float = -math.inf) -> Interval:
    """Return the normal interval, clipped at a least value."""
    half = Z * math.sqrt(max(variance, 0.0))
    return max(least, value - half), value + half


def on_logit_scale(value: float, variance: float) -> Interval:
    """Return the interval of a value in (0, 1) whose log-odds are approximately normal; it stays between 0 and 1."""
    near = min(max(value, _NEAREST), 1 - _NEAREST)
    odds, half = math.log(near / (1 - near)), Z * math.sqrt(variance) / (near * (1 - near))
    return _expit(odds - half), _expit(odds + half)


def on_fisher_scale(value: float, variance: float) -> Interval:
    """Return the interval of a value in (-1, 1) whose inverse hyperbolic tangent is approximately normal."""
    near = min(max(value, _NEAREST - 1), 1 - _NEAREST)
    centre, half = math.atanh(near), Z * math.sqrt(variance) / (1 - near * near)
    return math.tanh(centre - half), math.tanh(centre + half)


def differences(
    metrics: Mapping[str, float | None],
    intervals: Mapping[str, Interval],
    others: Mapping[str, float | None],
    of_others: Mapping[str, Interval],
) -> dict[str, tuple[float, float, float]]:
    """Return differences of metrics from independent others with intervals: (difference, low, high) by name.

    Only metrics with an interval on both sides are included.
    """
    by_name = {}
    for name, interval in intervals.items():
        value, other = metrics.get(name), others.get(name)
        if value is not None and other is not None and name in of_others:
            by_name[name] = (value - other, *of_difference(value, interval, other, of_others[name]))
    return by_name


def _expit(odds: float) -> float:
    if odds >= 0:
        return 1 / (1 + math.exp(-odds))
    return math.exp(odds) / (1 + math.exp(odds)) if odds > -700 else 0.0  # noqa: PLR2004  # the exponential is 0 then

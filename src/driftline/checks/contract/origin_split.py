"""Which origins a change comes from: its exact division among them, and whether it stands in few of them.

Of n events of the window, a fraction p has the mark that has become more frequent, and q had it before. With the weight
w and rate p of each origin, and its weight u and rate q before, its part of the change is::

    k = w (p_origin - q) - u (q_origin - q)

The parts add up to p - q exactly, as both Σ w and Σ u are 1. They hold both the origin's own change and that it sends
more or fewer events than before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_SHARE: Final = 0.9
"""Part of the change that the named origins have together."""
MOST_NAMED: Final = 3
"""Origins that are named of one dimension; a change in more of them is no longer that of few."""
_CLEAR: Final = 5.0
"""Standard errors by which their part exceeds what an even change would give them: one of three million splits does by
chance, and at most a few hundred are looked at."""
_NOISE: Final = 3.0
"""Standard errors below which an origin's part is nothing."""
_FEW: Final = 30
"""Events without which there is nothing to compare with."""
_KNOWN: Final = 100
"""Events of before from which an origin's own rate counts."""
_NEW: Final = 0.01
"""Fraction of the events before below which an origin is new."""


class Marked(NamedTuple):
    """Events of one origin, and those of them that have the mark."""

    value: str
    n: int
    marked: int
    n_before: int = 0
    marked_before: int = 0
    """The same before the change, where that is known by origin."""


class Part(NamedTuple):
    """An origin that has the change."""

    value: str
    share_of_events: float
    share_of_change: float
    rate_before: float
    rate: float
    """Fractions of its events with the mark."""


def clear_parts(
    origins: Sequence[Marked], rate_before: float, n_before: int, dispersion: float = 1.0
) -> tuple[Part, ...]:
    """Return the few origins that have a change which the others do not have; none where it is not so clear.

    Parameters
    ----------
    origins : sequence of Marked
        All events of the window, each in one of them.
    rate_before : float in [0, 1]
        Of all events before.
    n_before : int, at least 1
        Their number.
    dispersion : float, at least 1
        Variance of counts in unchanged data over that of independent events.

    Examples
    --------
    >>> thirds = [Marked("a", 1000, 0), Marked("b", 1000, 2), Marked("c", 1000, 300)]
    >>> [(part.value, round(part.share_of_change, 2)) for part in clear_parts(thirds, 0.001, 10_000)]
    [('c', 1.0)]
    >>> clear_parts([Marked("a", 1000, 300), Marked("b", 1000, 290), Marked("c", 1000, 310)], 0.001, 10_000)
    ()
    """
    n = sum(each.n for each in origins)
    if n == 0:
        return ()
    change = sum(each.marked for each in origins) / n - rate_before
    parts = [_part(each, n, rate_before, n_before, dispersion) for each in origins]
    largest = max(part for part, _ in parts)
    if change <= 0 or largest <= 0:
        return ()
    having = [part > _NOISE * error and part >= largest / 2 for part, error in parts]
    if not 1 <= sum(having) <= MOST_NAMED:
        return ()
    share = sum(part for (part, _), has in zip(parts, having, strict=True) if has) / change
    beside = sum(
        max(0.0, abs(part) - _NOISE * error) for (part, error), has in zip(parts, having, strict=True) if not has
    )
    if share < LEAST_SHARE or beside > (1 - LEAST_SHARE) * change:
        return ()
    if not _is_clear(origins, parts, having, change, (rate_before, n_before), dispersion):
        return ()
    return tuple(
        Part(each.value, each.n / n, part / change, _rate_before(each, rate_before), each.marked / each.n)
        for each, (part, _), has in zip(origins, parts, having, strict=True)
        if has
    )


def _rate_before(origin: Marked, rate_before: float) -> float:
    return origin.marked_before / origin.n_before if origin.n_before >= _KNOWN else rate_before


def _part(origin: Marked, n: int, q: float, n_before: int, dispersion: float) -> tuple[float, float]:
    """Return an origin's part of the change, and its standard error."""
    w, known = origin.n / n, origin.n_before > 0
    u, own = (origin.n_before / n_before, origin.marked_before / origin.n_before) if known else (0.0, q)
    p = origin.marked / origin.n if origin.n else 0.0
    part = w * (p - q) - u * (own - q)
    here = w * _variance(origin.marked, origin.n) + w * (1 - w) * (p - q) ** 2
    before = u * _variance(origin.marked_before, origin.n_before) + u * (1 - u) * (own - q) ** 2 if known else 0.0
    of_q = (w - u) ** 2 * _variance(round(q * n_before), n_before)
    return part, math.sqrt(dispersion * (here / n + (before + of_q) / n_before))


def _variance(marked: int, n: int) -> float:
    """Return the variance of one event's mark; never 0, as no rate is known to be 0 or 1 exactly."""
    rate = (marked + 1) / (n + 2)
    return rate * (1 - rate)


def _is_clear(
    origins: Sequence[Marked],
    parts: Sequence[tuple[float, float]],
    having: Sequence[bool],
    change: float,
    before: tuple[float, int],
    dispersion: float,
) -> bool:
    """Whether the same change of all events would hardly ever be divided like this.

    ``before`` are the rate and the number of all events before.
    """
    chosen = [each for each, has in zip(origins, having, strict=True) if has]
    others = [each for each, has in zip(origins, having, strict=True) if not has]
    part = sum(part for (part, _), has in zip(parts, having, strict=True) if has)
    error = math.sqrt(sum(error**2 for (_, error), has in zip(parts, having, strict=True) if has))
    if sum(each.n for each in others) < _FEW:
        n_before = sum(each.n_before for each in origins)
        new = all(each.n_before <= _NEW * n_before for each in chosen)
        return new and n_before >= _KNOWN and part > _CLEAR * error
    weight = sum(each.n for each in chosen) / sum(each.n for each in origins)
    if part - weight * change > _CLEAR * error:  # whether their rate rose, or they send more
        return True
    (rise, variance), (other_rise, other_variance) = (_rise(each, change, *before) for each in (chosen, others))
    return rise - other_rise > _CLEAR * math.sqrt(dispersion * (variance + other_variance))


def _rise(origins: Sequence[Marked], change: float, rate: float, n_all: int) -> tuple[float, float]:
    """Return by how much the rate of some origins rose, and the variance of that where all rates rise alike."""
    n, n_before = sum(each.n for each in origins), sum(each.n_before for each in origins)
    if n_before >= _KNOWN:
        rate, n_all = sum(each.marked_before for each in origins) / n_before, n_before
    expected = min(max(rate + change, 1 / (n + 2)), 1 - 1 / (n + 2))
    variance = expected * (1 - expected) / n + _variance(round(rate * n_all), n_all) / n_all
    return sum(each.marked for each in origins) / n - rate, variance

"""A part of the values in another unit: one producer of several, or a change in the middle of a window.

With F the reference's distribution function, F' that of the reference in the other unit, and G the window's, a fraction
a of the values in the other unit gives G = (1 - a) F + a F'. For each known conversion a is estimated by least squares
over the edges of the grid, and the mixture is held against the shape as a whole change is.

Two parts can be laid over each other to resemble much. So only conversions are looked at that no growth explains and
that are common in pipelines (decimals, seconds and hours, degrees); the mean of the part must be known well enough to
tell, and agree, and so must the standard deviation where it is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.checks.quality.conversions import CONVERSIONS, GROWTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from driftline.checks.quality.conversions import Conversion

MIN_PART: Final = 0.1
"""Fraction of the values that must be in the other unit; of 0.9 and more the change is one of all values."""

MOST_UNSURE: Final = 0.3
"""Greatest relative error with which the mean of the part may be known."""
_SLACK: Final = 0.05
"""Of a mean, that is left to whatever else changed."""
_TIMES: Final = frozenset({"seconds", "minutes", "hours"})


class Side(NamedTuple):
    """The values of a column on one side."""

    n: int
    below: NDArray[np.float64]
    """Fraction of the values below each edge."""
    mean: float
    deviation: float | None
    """None where it is not known."""


class Mixture(NamedTuple):
    """A part of the values in another unit."""

    conversion: Conversion
    part: float
    residual: float
    """Largest difference of the distribution functions."""


def mixtures(
    here: Side, there: Side, converted: Callable[[Conversion], NDArray[np.float64]], most: float
) -> Iterator[Mixture]:
    """Yield the mixtures that the window agrees with.

    ``converted`` returns the reference's distribution function in the other unit at the edges, and ``most`` is the
    largest difference that may be left.
    """
    for each in CONVERSIONS:
        if not _is_common(each, there.mean, there.deviation or 0.0):
            continue
        apart, moved = here.below - there.below, converted(each) - there.below
        if not np.isfinite(moved).all() or not moved.any():  # edges too near each other to tell, or nothing moves
            continue
        part = float(apart @ moved) / float(moved @ moved)
        if not MIN_PART <= part <= 1 - MIN_PART:
            continue
        residual = float(np.abs(apart - part * moved).max())
        if residual <= most and _moments_agree(here, there, each, part):
            yield Mixture(each, part, residual)


def _moments_agree(here: Side, there: Side, change: Conversion, part: float) -> bool:
    """Whether mean and standard deviation are those of a mixture, and could have been told from others."""
    deviation = there.deviation or 0.0
    other, spread = change.factor * there.mean + change.offset, abs(change.factor) * deviation
    seen = (here.mean - (1 - part) * there.mean) / part
    error = 4 * math.hypot(spread, deviation * math.sqrt((1 - part) / part)) / math.sqrt(part * min(here.n, there.n))
    away = abs(other - there.mean)
    if error > MOST_UNSURE * min(away, abs(other)) or abs(seen - other) > error + _SLACK * away:
        return False
    if here.deviation is None:
        return True
    variance = (1 - part) * (deviation**2 + there.mean**2) + part * (spread**2 + other**2)
    variance -= ((1 - part) * there.mean + part * other) ** 2
    return abs(math.log(here.deviation / math.sqrt(variance))) <= math.log1p(MOST_UNSURE)


def _is_common(conversion: Conversion, mean: float, deviation: float) -> bool:
    """Whether a conversion is one that pipelines mix up, and moves the values past what growth does."""
    if conversion.offset:
        return abs(conversion.factor * mean + conversion.offset - mean) > GROWTH * deviation
    return {conversion.old, conversion.new} <= _TIMES or "units" in {conversion.old, conversion.new}

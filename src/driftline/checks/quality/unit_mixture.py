"""A part of the values in another unit: one producer of several, or a change in the middle of a window.

With F the reference's distribution function, F' that of the reference in the other unit, and G the window's, a fraction
a of the values in the other unit gives G = (1 - a) F + a F'. For each known conversion a is estimated by least squares
over the edges of the grid, and the mixture is held against the shape as a whole change is.

Two parts can be laid over each other to resemble much, so only conversions are looked at that no growth explains, and
the mean must agree.
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
    deviation = there.deviation or 0.0
    for each in CONVERSIONS:
        if not _is_far(each, there.mean, deviation):
            continue
        apart, moved = here.below - there.below, converted(each) - there.below
        scale = float(moved @ moved)
        part = float(apart @ moved) / scale if scale else 0.0
        if not MIN_PART <= part <= 1 - MIN_PART:
            continue
        residual = float(np.abs(apart - part * moved).max())
        other = each.factor * there.mean + each.offset
        expected = (1 - part) * there.mean + part * other
        spread = max(deviation, abs(each.factor) * deviation, abs(other - there.mean))
        error = 0.05 + 4 / math.sqrt(part * min(here.n, there.n))
        if residual <= most and abs(here.mean - expected) <= error * part * spread:
            yield Mixture(each, part, residual)


def _is_far(conversion: Conversion, mean: float, deviation: float) -> bool:
    """Whether a conversion is no growth: by its factor, or as it moves the mean past all that there was."""
    if not 1 / GROWTH <= abs(conversion.factor) <= GROWTH:
        return True
    moved = abs(conversion.factor * mean + conversion.offset - mean)
    return conversion.offset != 0 and moved > GROWTH * deviation

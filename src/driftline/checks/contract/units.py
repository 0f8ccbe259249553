"""From standardised values back to the unit of the column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import Z_SCALE
from driftline.sketches.tails import NO_EXTREME

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch


class Moments(NamedTuple):
    """A numeric column's moments and extremes in its own unit; None where there is no value or it is not finite."""

    mean: float | None
    standard_deviation: float | None
    minimum: float | None
    maximum: float | None


NO_MOMENTS = Moments(None, None, None, None)


def spread_of(column: NumericColumn) -> float:
    """Return what the column's values were divided by."""
    return column.spread if column.spread > 0 else 1.0


def in_units(column: NumericColumn, z: float) -> float:
    """Return a standardised value (in spreads from the reference's mean) in the column's unit.

    It is rounded to the next power of ten above 2⁻²⁴ spreads, which is what fixed point can tell apart: without that a
    smallest age of 18 would read 18.00000003.
    """
    return _rounded(column, column.mean + spread_of(column) * z)


def moments_of(profile: Profile, sketch: PaneSketch, index: int) -> Moments:
    """Return the moments of a column of a sketch on the profile's grid; all None for categories.

    Values further than 256 spreads from the reference's mean count as 256, so mean and extremes stop there.
    """
    block = sketch.block(profile.layout, index)
    column = profile.columns[index]
    place = profile.layout.places[index]
    if block is None or not isinstance(column, NumericColumn):
        return NO_MOMENTS
    lowest, highest = (int(cell) for cell in sketch.extremes[place.moments])
    return Moments(
        _finite(in_units(column, block.mean)),
        _finite(_rounded(column, math.sqrt(block.variance) * spread_of(column))),
        None if lowest == NO_EXTREME else _finite(in_units(column, -lowest / Z_SCALE)),
        None if highest == NO_EXTREME else _finite(in_units(column, highest / Z_SCALE)),
    )


def _rounded(column: NumericColumn, value: float) -> float:
    resolution = spread_of(column) / Z_SCALE
    if not math.isfinite(value) or not 0 < resolution < math.inf:
        return value
    return round(value, -math.ceil(math.log10(resolution)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

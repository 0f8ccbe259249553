"""Has a number's unit changed: do the window's values look like the reference's times or plus a constant?

Not a test: it explains a finding of the distribution, and costs the budget nothing. Hypotheses are a factor, an offset,
and the conversions that need both (degrees). Each is held against the shape: undone, the change must leave the window's
distribution function near the reference's at every edge of the grid, and explain most of the distance there was.

Between a third and three times the reference, growth explains a factor as well as another unit does, and most factors
are near some unit's. So there a unit is named only if the factor is known to :data:`PRECISE`; and wherever a unit is
named, the factor is that of the unit, with which the whole distribution must agree. A part of the values in another
unit is looked for where no change of all of them fits (:mod:`driftline.checks.quality.unit_mixture`).

The factor and the offset are estimated from means, standard deviations and the medians of the ratios and differences of
quantiles, whichever fits the shape best.

*What can be told*: the grid is fine within the reference's range and widens beyond, so a large factor leaves little
shape to see. Up to 256 spreads from the reference's mean, mean and standard deviation are exact, and both must agree
with the factor. Further away (seconds to milliseconds, most factors of 100 and more) only the mean is known, from the
tail bins' sums, exact up to 2⁴⁰ spreads: then only a known conversion is named. The same goes for factors below 1/300,
whose spread is less than what the sums resolve.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from driftline.checks.contract.units import spread_of
from driftline.checks.contract.wording import percent
from driftline.checks.quality.conversions import CONVERSIONS, GROWTH, Conversion, conversion_of
from driftline.checks.quality.unit_mixture import Side, mixtures
from driftline.events.finding import UnitChange
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import join
from driftline.sketches.grid import representatives
from driftline.sketches.tails import tail_sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch

MIN_VALUES: Final = 50
"""Values that the window needs at least."""
MIN_EXPLAINED: Final = 0.75
"""Part of the Kolmogorov-Smirnov distance that the change must explain."""
_SLACK: Final = 0.02
"""Distance between distribution functions that is left to the grid and to whatever else changed."""
_KOLMOGOROV: Final = 1.63
"""99 % of Kolmogorov's distribution: sampling alone leaves that over √n."""
_LEVELS: Final = np.arange(1, 20) / 20
_LEAST_VARIANCE: Final = 1e-5
"""In squared spreads; smaller ones are less than the sums resolve."""
_LEAST_FACTOR: Final = 0.05
"""A factor must differ from 1 by as much, and an offset from 0 in spreads."""
PRECISE: Final = 0.015
"""Relative error of a factor up to which a unit is named where growth explains the factor as well."""
_FAR: Final = 1e300
"""Short of where sums overflow."""
_NUDGES: Final = np.linspace(-0.12, 0.12, 49)


def unit_change(profile: Profile, index: int, sketch: PaneSketch) -> UnitChange | None:
    """Return by which factor and offset a column's values differ from the reference's, or None where nothing fits.

    ``index`` is the column's position in the profile, on whose grid the window's sketch is.
    """
    column = profile.columns[index]
    if not isinstance(column, NumericColumn) or column.edges.size < 2:  # noqa: PLR2004  # one interval at least
        return None
    here, there = _side(profile, column, index, sketch), _side(profile, column, index, profile.reference)
    if here is None or there is None or here.n < MIN_VALUES or not there.deviation:
        return None
    apart = float(np.abs(here.below - there.below).max())
    noise = math.sqrt(1 / here.n + 1 / there.n)
    most = _SLACK + _KOLMOGOROV * noise
    fits: list[tuple[float, UnitChange]] = []
    limit = min(most, (1 - MIN_EXPLAINED) * apart)
    for estimate in _candidates(column, here, there, most):
        if _residual(column, here, there, estimate) > limit or not _matters(estimate, there.deviation):
            continue
        basis = _basis(column, here, there, estimate, most)
        conversion = _conversion(estimate, here, there, noise)
        if conversion is not None and _residual(column, here, there, conversion) > limit:
            conversion = None
        if basis is None or (basis == "mean" and conversion is None):
            continue
        change = conversion or estimate
        residual = _residual(column, here, there, change)
        fit = UnitChange(
            factor=change.factor,
            offset=change.offset,
            conversion=None if conversion is None else str(conversion),
            residual=residual,
            explained=1 - residual / apart,
            determined_by=basis,
        )
        fits.append((residual - (noise if conversion else 0.0), fit))
    return min(fits, key=lambda each: each[0])[1] if fits else _of_a_part(column, here, there, apart, limit)


def _of_a_part(column: NumericColumn, here: Side, there: Side, apart: float, limit: float) -> UnitChange | None:
    """Return the change of unit of a part of the values; None where none fits."""
    found = mixtures(here, there, lambda change: _converted(column, there, change), limit)
    best = min(found, key=lambda each: each.residual, default=None)
    if best is None:
        return None
    return UnitChange(
        factor=best.conversion.factor,
        offset=best.conversion.offset,
        conversion=str(best.conversion),
        residual=best.residual,
        explained=1 - best.residual / apart,
        determined_by="shape",
        part=best.part,
    )


def unit_words(change: UnitChange) -> str:
    """Return what a change looks like, in words.

    Examples
    --------
    >>> unit_words(UnitChange(3.2808, 0.0, "metres -> feet", 0.01, 0.99, "shape"))
    "values look like the reference's times 3.281 (metres -> feet?)"
    >>> unit_words(UnitChange(100.0, 0.0, "units -> hundredths", 0.01, 0.99, "shape", part=0.34))
    "34.0 % of the values look like the reference's times 100 (units -> hundredths?)"
    """
    parts = [f"times {change.factor:.4g}"] if change.factor != 1 else []
    if change.offset:
        parts.append(f"{'plus' if change.offset > 0 else 'minus'} {abs(change.offset):.4g}")
    name = f" ({change.conversion}?)" if change.conversion else ""
    whose = "values look" if change.part >= 1 else f"{percent(change.part)} of the values look"
    return f"{whose} like the reference's {' '.join(parts)}{name}"


def _side(profile: Profile, column: NumericColumn, index: int, sketch: PaneSketch) -> Side | None:
    place = profile.layout.places[index]
    bins = sketch.counts[place.bins]
    block = sketch.block(profile.layout, index)
    if block is None:
        return None
    below = np.cumsum(bins[:-1]) / block.count
    n_clipped = join(sketch.sums[:, place.moments])[2]
    if not n_clipped:
        deviation = math.sqrt(block.variance) * spread_of(column) if block.variance >= _LEAST_VARIANCE else None
        return Side(block.count, below, column.mean + block.mean * spread_of(column), deviation)
    beyond = tail_sums(column, place, sketch.counts, sketch.tail_sums)
    with np.errstate(over="ignore"):
        sums = np.where(np.isnan(beyond), representatives(column.edges) * bins, beyond)
        mean = float(sums.sum()) / block.count
    return Side(block.count, below, mean, None) if math.isfinite(mean) else None


def _candidates(column: NumericColumn, here: Side, there: Side, most: float) -> Iterator[Conversion]:
    """Yield the conversions that are no mere factor or offset, and the factor and the offset that fit best."""
    yield from (each for each in CONVERSIONS if each.factor < 0 or (each.factor != 1 and each.offset))
    inner = _LEVELS[(here.below[0] < _LEVELS) & (here.below[-1] > _LEVELS)]
    ours, theirs = np.interp(inner, here.below, column.edges), np.interp(inner, there.below, column.edges)
    factors = [here.mean / there.mean] if there.mean else []
    if here.deviation is not None and there.deviation:
        factors.append(here.deviation / there.deviation)
    usable = theirs != 0
    if usable.any():
        with np.errstate(over="ignore"):
            factors.append(float(np.median(ours[usable] / theirs[usable])))
    offsets = [here.mean - there.mean, *([float(np.median(ours - theirs))] if inner.size else [])]
    times = [
        (abs(nudge), Conversion("", "", factor * (1 + nudge)))
        for factor in factors
        if math.isfinite(factor) and factor
        for nudge in _NUDGES.tolist()
    ]
    plus = [(0.0, Conversion("", "", 1.0, offset)) for offset in offsets if math.isfinite(offset)]
    for group in (times, plus):
        fits = [(_residual(column, here, there, change), nudge, change) for nudge, change in group]
        if fits:  # of those that the shape cannot tell apart the one that moved least from its estimate
            yield min(fits, key=lambda each: (max(each[0], most / 4), each[1]))[2]


def _residual(column: NumericColumn, here: Side, there: Side, change: Conversion) -> float:
    """Return the largest difference of the distribution functions at the edges once the change is undone."""
    undone = _undone(column, change)
    slack = np.abs(undone) * 1e-9
    low, high = (np.interp(x, column.edges, there.below) for x in (undone - slack, undone + slack))
    if change.factor < 0:
        low, high = 1 - high, 1 - low
    # Where the mapped edge is an atom of the reference, rounding decides on which side it falls: either is right.
    off = np.maximum(np.maximum(low - here.below, here.below - high), 0.0)
    return float(off.max())


def _undone(column: NumericColumn, change: Conversion) -> NDArray[np.float64]:
    """Return the edges in the unit before a change."""
    with np.errstate(over="ignore", invalid="ignore"):
        undone = (column.edges - change.offset) / change.factor
    result: NDArray[np.float64] = np.clip(np.nan_to_num(undone), -_FAR, _FAR)
    return result


def _converted(column: NumericColumn, there: Side, change: Conversion) -> NDArray[np.float64]:
    """Return the reference's distribution function after a change, at the edges."""
    below = np.interp(_undone(column, change), column.edges, there.below)
    return below if change.factor > 0 else 1 - below


def _basis(
    column: NumericColumn, here: Side, there: Side, change: Conversion, most: float
) -> Literal["shape", "moments", "mean"] | None:
    """Return what the change rests on; None where mean or standard deviation contradict it."""
    deviation = there.deviation or 0.0
    expected = abs(change.factor) * deviation
    error = 0.05 + 4 / math.sqrt(min(here.n, there.n))
    scale = expected if here.deviation is None else max(expected, here.deviation)
    if abs(here.mean - (change.factor * there.mean + change.offset)) > error * max(scale, expected):
        return None
    if here.deviation is not None:
        if abs(math.log(here.deviation / expected)) > 2 * error:
            return None
        others = (change._replace(factor=change.factor * by, offset=change.offset * by) for by in (0.85, 1.15))
        told = all(_residual(column, here, there, other) > most for other in others)
        return "shape" if told else "moments"
    return "mean"


def _conversion(change: Conversion, here: Side, there: Side, noise: float) -> Conversion | None:
    if change.old:  # one of the table
        return change
    relative = (there.deviation or 0.0) / abs(there.mean) if there.mean else 1.0
    tolerance = min(0.1, max(0.01, 3 * relative * noise))
    if 1 / GROWTH < abs(change.factor) < GROWTH and change.factor != 1 and tolerance > PRECISE:
        return None
    spread = here.deviation if here.deviation is not None else abs(change.factor) * (there.deviation or 0.0)
    return conversion_of(change.factor, change.offset, tolerance, 3 * spread * noise)


def _matters(change: Conversion, deviation: float) -> bool:
    return abs(change.factor - 1) >= _LEAST_FACTOR or abs(change.offset) >= _LEAST_FACTOR * deviation

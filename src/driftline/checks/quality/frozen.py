"""A column that froze: every event of the window has one and the same value, where the reference's varied."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.checks.contract.units import in_units
from driftline.checks.contract.wording import percent
from driftline.checks.quality.outcome import share_pair
from driftline.checks.references.share_dispersion import widened
from driftline.significance.tails import log_choose
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import Z_LIMIT, Z_SCALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.quality.outcome import Quality
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column
    from driftline.sketches.pane_sketch import PaneSketch
    from driftline.sketches.parts import UnseenNames

STATISTIC: Final = "exact_constancy"


def frozen_value(
    column: Column,
    current: NDArray[np.int64],
    extremes: NDArray[np.int64] | None,
    unseen: UnseenNames | None = None,
    index: int = 0,
) -> str | None:
    """Return the one value that a window's column has, as text; None where it has several, or none.

    ``current`` are the column's counts, shape (column.n_bins,). ``extremes`` of a numeric column are -min z and max z
    in units of 2⁻²⁴, shape (2,); values beyond ±256 spreads cannot be told apart. ``unseen`` holds the names of
    unlisted categories by the ``index`` of their column.
    """
    bins = np.flatnonzero(current)
    if bins.size != 1:
        return None
    if isinstance(column, NumericColumn):
        if extremes is None or -int(extremes[0]) != int(extremes[1]) or abs(int(extremes[1])) >= Z_LIMIT * Z_SCALE:
            return None
        return f"{in_units(column, int(extremes[1]) / Z_SCALE):g}"
    code = int(bins[0])
    if code < column.unlisted:
        return repr(column.categories[code])
    names = [name for name, count in (unseen or {}).get(index, {}).values() if count > 0]
    return repr(names[0]) if len(names) == 1 else None


def value_in(sketch: PaneSketch, profile: Profile, index: int) -> str | None:
    """Return the one value that a column of a profile has in a sketch, as :func:`frozen_value`."""
    column, place = profile.columns[index], profile.layout.places[index]
    extremes = sketch.extremes[place.moments] if isinstance(column, NumericColumn) else None
    return frozen_value(column, sketch.counts[place.bins], extremes, sketch.unseen, index)


def frozen(
    about: Quality, column: Column, current: NDArray[np.int64], reference: NDArray[np.int64], value: str | None
) -> Outcome | None:
    """Test whether a column is constant by chance; None where it is not constant, or either side has no value.

    Counts have the shape (column.n_bins,); ``value`` is that of :func:`frozen_value`.

    Notes
    -----
    With M_b events of both samples in bin b, an unchanged window of n events lies in one bin with probability
    Σ C(M_b, n) / C(n + N, n), exactly. Where one value made 99 % of the reference, a constant window is nothing
    remarkable before some 1,500 events.
    """
    n, n_reference = int(current.sum()), int(reference.sum())
    if value is None or n == 0 or n_reference == 0:
        return None
    bin_ = int(current.argmax())
    pooled = (current + reference).astype(np.float64)
    able = pooled[pooled >= n]
    size = np.full(able.shape, float(n))
    logs = log_choose(able, size) - log_choose(np.full(able.shape, float(n + n_reference)), size)
    most = float(logs.max())
    log_p = most + math.log(float(np.exp(logs - most).sum()))
    p_value, there = widened(log_p, about.lookup(column.name, "frozen")), (int(reference[bin_]), n_reference)
    words = f"froze: all {n:,} values are {value}; {percent(there[0] / n_reference)} of the reference lies in its bin"
    evidence = share_pair((value, "(other)"), (n, n), there)
    return about.share("frozen", (n, n), there, p_value, words, evidence, STATISTIC)

"""One value that most events of a window have: a feature that froze for some producers, or within the window.

:mod:`driftline.checks.quality.frozen` tests whether all values are equal. Where most are, the distribution's test finds
it, and this explains the finding: one bin of the grid holds at least half of the values, where the reference has few,
and its neighbours hold next to none. Costs the budget nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.events.finding import StuckValue
from driftline.sketches.columns import NumericColumn

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch

MIN_SHARE: Final = 0.5
"""Fraction of the values that have the value at least."""
MAX_BEFORE: Final = 0.1
"""Fraction of the reference's values in its bin at most: else another mix of the usual values says as much."""
MAX_BESIDE: Final = 0.1
"""Fraction of the bin's values that a neighbouring bin may have: a narrow distribution fills those too."""


def stuck_value(profile: Profile, index: int, sketch: PaneSketch) -> StuckValue | None:
    """Return the value that most events have, and how many had it; None where there is none.

    ``index`` is the position of a column of numbers in the profile, on whose grid the window's sketch is.
    """
    column, place = profile.columns[index], profile.layout.places[index]
    if not isinstance(column, NumericColumn):
        return None
    here, there = sketch.counts[place.bins], profile.reference.counts[place.bins]
    n, n_reference = int(here.sum()), int(there.sum())
    if not n or not n_reference:
        return None
    bin_ = int(here.argmax())
    first, last = place.inside
    share, before = int(here[bin_]) / n, int(there[bin_]) / n_reference
    if not max(first, 1) <= bin_ <= min(last, here.size - 2) or share < MIN_SHARE or before > MAX_BEFORE:
        return None
    beside = max(int(here[bin_ - 1]), int(here[bin_ + 1])) / n
    if beside > MAX_BESIDE * share:
        return None
    low, high = float(column.edges[bin_ - 1]), float(column.edges[bin_])
    return StuckValue(value=shortest_within(low, high), share=share, share_before=before)


def shortest_within(low: float, high: float) -> float:
    """Return the number in [low, high) with the fewest digits, the smallest of them; ``low`` where none is shorter.

    Values that get stuck are mostly round, and a bin holds one round number.

    Examples
    --------
    >>> shortest_within(7.43, 7.57), shortest_within(-0.2, 0.3), shortest_within(998.7, 1004.0)
    (7.5, 0.0, 1000.0)
    """
    if low <= 0 < high:
        return 0.0
    top = math.floor(math.log10(max(abs(low), abs(high))))
    for exponent in range(top, top - 12, -1):
        step = 10.0**exponent
        number = round(math.ceil(low / step) * step, max(0, -exponent))
        if low <= number < high:
            return float(number)
    return low

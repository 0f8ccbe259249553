"""How much each hour of the week weighs in the reference of a window: as much as the window has events in it.

A window may hold only a part of its hours: a model goes live in the evening, a stream ends at midday, there is an
outage. Compared with all hours that it spans, what differs between day and night would look like drift. Given how many
events fall into each hour, the expected counts of an unchanged window are Σₕ mₕ pₕ, with mₕ its events and pₕ the
reference's shares of hour h. That holds for whatever hours it has, and for the panes from which the dispersion was
estimated the season was taken out in the same way.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.profiles.season import overlaps, overlaps_of_slot

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

_PRECISION: Final = 64
"""Bits by which a window's events are shifted before they are divided by the reference's: ratios of up to 2³² events
are exact to 2⁻³²."""


def weights_of_span(weeks: NDArray[np.int64], start_ms: int, end_ms: int) -> dict[int, int] | None:
    """Return the weight of each hour of the week by how much of it a span covers, for one week each.

    Parameters
    ----------
    weeks : ndarray of int64, shape (168,)
        Weeks in which the reference saw each hour.
    start_ms, end_ms : int
        Milliseconds since the epoch, end excluded.

    Returns
    -------
    dict of int to int or None
        By slot, without a common divisor. None where a slot was never seen, or there is none.
    """
    return _per_week(weeks, overlaps(start_ms, end_ms))


def weights_of_events(
    weeks: NDArray[np.int64], sizes: NDArray[np.int64], events: Mapping[int, int], pane_ms: int
) -> dict[int, int] | None:
    """Return the weight of each hour of the week by how many events a window has in it.

    Parameters
    ----------
    weeks : ndarray of int64, shape (168,)
        Weeks in which the reference saw each hour.
    sizes : ndarray of int64, shape (168,)
        Rows that the reference has in each hour.
    events : mapping of int to int
        Events of the window, by the slot in which their pane begins.
    pane_ms : int
        Length of a pane. What a pane longer than an hour holds is split between its hours as the reference is.

    Returns
    -------
    dict of int to int or None
        By slot: events of the window over rows of the reference, without a common divisor. None where there are events
        in a slot in which the reference has nothing, or there are none.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.full(168, 128)
    >>> rows[0] = 64
    >>> weights_of_events(np.full(168, 4), rows, {0: 16, 1: 32, 2: 8}, 10_000)
    {0: 4, 1: 4, 2: 1}
    """
    weights: dict[int, int] = {}
    for slot, n in sorted(events.items()):
        if n <= 0:
            continue
        rates = _per_week(weeks, overlaps_of_slot(slot, pane_ms))
        rows = 0 if rates is None else sum(rate * int(sizes[each]) for each, rate in rates.items())
        if rates is None or not rows:
            return None
        for each, rate in rates.items():
            weights[each] = weights.get(each, 0) + (n * rate << _PRECISION) // rows
    divisor = math.gcd(*weights.values())
    return {slot: weight // divisor for slot, weight in sorted(weights.items())} if divisor else None


def _per_week(weeks: NDArray[np.int64], covered: Mapping[int, int]) -> dict[int, int] | None:
    """Return what is covered of each slot divided by the weeks in which it was seen, without a common divisor."""
    seen = {slot: int(weeks[slot]) for slot in sorted(covered)}
    if not seen or min(seen.values()) == 0:
        return None
    multiple = math.lcm(*seen.values())
    rates = {slot: covered[slot] * (multiple // n) for slot, n in seen.items()}
    divisor = math.gcd(*rates.values())
    return {slot: rate // divisor for slot, rate in rates.items()}

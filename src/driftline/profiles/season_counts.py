"""The reference counts of a stretch of the week."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.profiles.season import HOUR_MS
from driftline.profiles.season_weights import weights_of_events, weights_of_span
from driftline.profiles.weighting import combined

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from driftline.profiles.history import History
    from driftline.profiles.profile import Profile


class SeasonCounts(NamedTuple):
    """The reference of a stretch of the week."""

    counts: NDArray[np.int64]
    """By base group."""
    n: int
    """Their sum, which is the effective number of values where the slots weigh differently."""
    weeks: int
    """Weeks in which the least known slot of those that count was seen."""


def season_counts(
    profile: Profile,
    column: int,
    start_ms: int,
    end_ms: int,
    events: Mapping[int, int] | None = None,
    pane_ms: int = HOUR_MS,
) -> SeasonCounts | None:
    """Return the reference counts of the hours of the week that a window holds.

    Parameters
    ----------
    profile : Profile
    column : int
        Index of the column.
    start_ms, end_ms : int
        The window, milliseconds since the epoch.
    events : mapping of int to int, optional
        Events of the window by the hour of the week in which their pane begins; None or empty where that is not known.
    pane_ms : int
        Length of these panes.

    Returns
    -------
    SeasonCounts or None
        Each slot counts as much as the window has events in it. Where that is not known, it counts as often as it comes
        in the window, by the values that it held on average in a week it was seen in. Where all slots then weigh the
        same, as that of a window in one slot does, the result is the plain sum of their counts; otherwise counts are
        scaled to their effective number (:mod:`driftline.profiles.weighting`). None without a history, or where a slot
        was never seen.

    Notes
    -----
    The weights are those of :mod:`driftline.profiles.season_weights`. *Cost*: one pass over the slots' base groups,
    54 KB at most.
    """
    history = profile.history
    if history is None or end_ms <= start_ms:
        return None
    weeks, season = history.weeks.unpacked(), history.season(column)
    if events:
        weights = weights_of_events(weeks, _rows(history, season), events, pane_ms)
    else:
        weights = weights_of_span(weeks, start_ms, end_ms)
    if weights is None:
        return None
    slots = list(weights)
    counts, n = combined(season[slots], list(weights.values()))
    return SeasonCounts(counts, n, int(weeks[slots].min()))


def _rows(history: History, season: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the reference's rows by hour of the week that a column's values are of.

    Rows, not values: in an hour in which many values are missing the window's are few as well. After a re-baseline of
    some columns the history's rows may be those of others; then a column has its values alone.
    """
    rows, values = history.events.unpacked(), season.sum(axis=1)
    return values if (values > rows).any() else rows

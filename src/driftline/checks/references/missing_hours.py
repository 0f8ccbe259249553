"""How much more a window varies that holds only a part of its hours, where it is compared with all hours.

What windows of a day vary by says nothing of the hours of a day: each has the same ones. A window that lacks hours, as
the first of a model that goes live in the evening, differs from the others by them. With c the fraction of the usual
traffic whose hours it has, p its shares, q those of the hours that it lacks and r those of all,

    p − r = (1 − c) (p − q) = (1 − c) / c · (r − q),

and both p and q, means of hours, vary around r at most as single hours do, with the covariance V. So p − r varies by at
most min(1, (1 − c) / c)² V.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.profiles.season import overlaps, overlaps_of_slot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.profiles.history import History


def hours_factor(history: History | None, start_ms: int, end_ms: int, events: Mapping[int, int], pane_ms: int) -> float:
    """Return by how much of the covariance between hours a window varies more than one with all its hours.

    Parameters
    ----------
    history : History or None
        Of the reference.
    start_ms, end_ms : int
        The window, milliseconds since the epoch.
    events : mapping of int to int
        Its events by the hour of the week in which their pane begins; empty where that is not known.
    pane_ms : int
        Length of these panes.

    Returns
    -------
    float in [0, 1]
        0 for a window with all hours that the reference has rows in, and where one of the two is not known.
    """
    if history is None or not events:
        return 0.0
    weeks, rows = history.weeks.unpacked(), history.events.unpacked()
    usual = {
        slot: inside * int(rows[slot]) / int(weeks[slot])
        for slot, inside in sorted(overlaps(start_ms, end_ms).items())
        if weeks[slot]
    }
    has = {each for slot, n in events.items() if n > 0 for each in overlaps_of_slot(slot, pane_ms)}
    held = sum(rate for slot, rate in usual.items() if slot in has)
    lacked = sum(rate for slot, rate in usual.items() if slot not in has)
    return (min(lacked, held) / held) ** 2 if held else float(lacked > 0)


def between_hours(season: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the covariance of the shares of groups between hours of the week, shape (G, G), nowhere negative.

    Parameters
    ----------
    season : ndarray of int64, shape (168, G)
        Values of a column by hour of the week and group.

    Notes
    -----
    Hours weigh by their values. What independent values make hours differ by is taken out.
    """
    sizes = season.sum(axis=1)
    season, sizes = season[sizes > 0], sizes[sizes > 0]
    n_groups = season.shape[1]
    total = int(sizes.sum())
    if sizes.size < 2:  # noqa: PLR2004  # one hour differs from none
        return np.zeros((n_groups, n_groups))
    shares = season.sum(axis=0) / total
    off = season / sizes[:, None] - shares
    chance = (sizes.size - 1) / total * (np.diag(shares) - np.outer(shares, shares))
    covariance = (off * (sizes / total)[:, None]).T @ off - chance
    root = np.sqrt(np.maximum(shares, 0.5 / total))
    outer = np.outer(root, root)
    values, vectors = np.linalg.eigh(covariance / outer)
    raised: NDArray[np.float64] = (vectors * np.maximum(values, 0.0)) @ vectors.T * outer
    return raised

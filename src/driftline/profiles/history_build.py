"""Counting the history of reference rows that carry times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.profiles.history import ColumnHistory, History
from driftline.profiles.season import HOURS, week_and_slot
from driftline.profiles.table import NO_TIME
from driftline.profiles.words import Words
from driftline.sketches.grouping import base_grouping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketches.layout import Layout
    from driftline.sketches.pane_sketch import PaneSketch


def build_history(
    layout: Layout,
    reference: PaneSketch,
    bins: Sequence[NDArray[np.integer]],
    times_ms: NDArray[np.int64],
    pane_ms: int,
) -> History | None:
    """Return the history of reference rows, or None where none of them carries a time.

    Parameters
    ----------
    layout : Layout
    reference : PaneSketch
        Of the rows: says what the base groups are.
    bins : sequence of ndarray of int, each of shape (n,)
        The bin of each row's value, by column; below zero where it has none.
    times_ms : ndarray of int64, shape (n,)
        In any order; ``NO_TIME`` where a row has none: it does not count.
    pane_ms : int
        Length of the panes.

    Notes
    -----
    *Guarantee*: the order of the rows does not show. *Cost*: one counting of n values a column.
    """
    order = np.argsort(times_ms, kind="stable")
    order = order[times_ms[order] != NO_TIME]
    if order.size == 0:
        return None
    times = times_ms[order]
    week, slot = week_and_slot(times)
    panes = np.unique(times // pane_ms)
    weeks = np.bincount(np.unique(week * HOURS + slot) % HOURS, minlength=HOURS)
    columns = []
    for column, place, binned in zip(layout.columns, layout.places, bins, strict=True):
        grouping = base_grouping(column, reference.counts[place.bins])
        chosen = binned[order]
        present = np.flatnonzero(chosen >= 0)
        keys = slot[present] * grouping.n_groups + grouping.index[chosen[present]]
        columns.append(ColumnHistory(Words.of(np.bincount(keys, minlength=HOURS * grouping.n_groups))))
    return History(
        pane_ms,
        panes.size,
        order.size,
        int(times[0]),
        int(times[-1]),
        Words.of(weeks),
        Words.of(np.bincount(slot, minlength=HOURS)),
        tuple(columns),
    )

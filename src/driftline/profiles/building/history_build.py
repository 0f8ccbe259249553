"""Counting the history of reference rows that carry times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.profiles.building.pane_series import PaneTimes, SeasonShares, column_sums
from driftline.profiles.history import ColumnHistory, History
from driftline.profiles.packed_sums import PackedWords, SeriesSums
from driftline.profiles.season import HOURS, week_and_slot
from driftline.profiles.task import NO_TIME
from driftline.sketches.grouping import base_grouping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.layout import Layout
    from driftline.sketches.pane_sketch import PaneSketch

_RUN: Final = 1 << 16
"""Rows looked at together."""


def build_history(
    layout: Layout,
    reference: PaneSketch,
    bins: Iterable[NDArray[np.integer]],
    times_ms: NDArray[np.int64],
    pane_ms: int,
    windows_ms: Sequence[int],
) -> History | None:
    """Return the history of reference rows, or None where none of them carries a time.

    ``reference`` is the sketch of the rows: it says what the base groups are. ``bins`` has by column the bin of each of
    n rows, below zero where it has none; ``times_ms``, in any order, is ``NO_TIME`` where a row has none, and the row
    does not count. Windows are multiples of the pane.

    Notes
    -----
    *Guarantee*: the order of the rows does not show. *Cost*: see
    :func:`driftline.profiles.building.pane_series.column_sums`, twice a column.
    """
    order = _in_order(times_ms)
    times = times_ms[order]
    if times.size == 0:
        return None
    slot, weeks = _hours(times)
    panes = PaneTimes.of(times, pane_ms)
    sizes = [window // pane_ms for window in windows_ms]
    columns = []
    for column, place, binned in zip(layout.columns, layout.places, bins, strict=True):
        grouping = base_grouping(column, reference.counts[place.bins])
        chosen = binned[order]
        index = grouping.index.astype(np.int16)
        groups = np.where(chosen >= 0, index[np.maximum(chosen, 0)], np.int16(-1))
        columns.append(_column(groups, grouping.n_groups, slot, weeks, panes, sizes))
    return History(
        pane_ms,
        tuple(windows_ms),
        panes.numbers.size,
        times.size,
        int(times[0]),
        int(times[-1]),
        PackedWords.of(weeks),
        PackedWords.of(np.bincount(slot, minlength=HOURS)),
        tuple(columns),
    )


def _hours(times_ms: NDArray[np.int64]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Return the hour of the week of each time, shape (n,), and in how many weeks each hour was seen, shape (168,)."""
    slot, seen = np.empty(times_ms.size, dtype=np.int16), set[int]()
    for start in range(0, times_ms.size, _RUN):
        run = slice(start, start + _RUN)
        week, slot[run] = week_and_slot(times_ms[run])
        seen.update(np.unique(week * HOURS + slot[run]).tolist())
    return slot, np.bincount(np.array([*seen], dtype=np.int64) % HOURS, minlength=HOURS)


def _in_order(times_ms: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Return the rows that have a time, in its order."""
    if bool((times_ms[1:] >= times_ms[:-1]).all()):
        return slice(int(np.searchsorted(times_ms, NO_TIME, side="right")), None)
    order = np.argsort(times_ms, kind="stable")
    timed: NDArray[np.int64] = order[times_ms[order] != NO_TIME]
    return timed


def _column(
    groups: NDArray[np.int16],
    n_groups: int,
    slot: NDArray[np.int16],
    weeks: NDArray[np.int64],
    panes: PaneTimes,
    sizes: Sequence[int],
) -> ColumnHistory:
    present = groups >= 0
    keys = slot[present].astype(np.int32) * n_groups + groups[present]
    season = np.bincount(keys, minlength=HOURS * n_groups).reshape(HOURS, n_groups)
    shares = SeasonShares.of(season, weeks)
    sums = column_sums(panes, groups, n_groups, sizes)
    seasonless = None if shares is None else column_sums(panes, groups, n_groups, sizes, shares)
    missing = None if present.all() else column_sums(panes, np.where(present, np.int16(0), np.int16(1)), 2, sizes)
    packed = (SeriesSums.of(each) if each else None for each in (sums, seasonless, missing))
    return ColumnHistory(PackedWords.of(season), *packed)

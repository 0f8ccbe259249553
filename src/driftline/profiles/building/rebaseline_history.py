"""The history of a profile whose columns are of two spans: what both know of the week, and each column's own sums.

A history says of all its columns together in how many weeks it saw each hour. Where two have seen an hour in different
numbers of weeks, the smaller one holds, and the counts of the column that was seen longer are scaled down to it: its
shares stay, and tests take it for no more than it is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from driftline.profiles.history import ColumnHistory
from driftline.profiles.packed_sums import PackedWords
from driftline.profiles.season import HOURS
from driftline.profiles.weighting import apportioned, scaled_total
from driftline.sketches.grouping import base_grouping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.profiles.history import History
    from driftline.profiles.packed_sums import SeriesSums
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch

_UNKNOWN = np.zeros(HOURS, dtype=np.int64)


def joined_history(
    standing: Profile, new: Profile, kept: Mapping[int, int], reference: PaneSketch
) -> tuple[History | None, list[str]]:
    """Return the history of the columns of two profiles, and what it does not know any more, one sentence each.

    Parameters
    ----------
    standing : Profile
        Whose columns are kept.
    new : Profile
        In the columns of both; those that are not kept are its own.
    kept : mapping of int to int
        Position of each column that is kept, in the new profile and in the old one.
    reference : PaneSketch
        Of both, in the layout of the new profile.
    """
    old, own = standing.history, new.history
    if own is None or not kept:
        errors = None if old is None else old.errors
        return (None if own is None else structs.replace(own, errors=errors)), []
    weeks_old = _UNKNOWN if old is None else old.weeks.unpacked()
    weeks_own = own.weeks.unpacked()
    weeks = np.minimum(weeks_old, weeks_own)
    windows = None if old is None or old.pane_ms != own.pane_ms else _places(old.windows_ms, own.windows_ms)
    columns = []
    for i, column in enumerate(own.columns):
        n_groups = base_grouping(new.columns[i], reference.counts[new.layout.places[i].bins]).n_groups
        if i not in kept:
            season = _of_weeks(own.season(i), weeks_own, weeks)
            columns.append(structs.replace(column, season=PackedWords.of(season)))
        elif old is None:
            nothing = np.zeros((HOURS, n_groups), dtype=np.int64)
            columns.append(ColumnHistory(PackedWords.of(nothing), None, None))
        else:
            there = old.columns[kept[i]]
            season = _of_weeks(old.season(kept[i]), weeks_old, weeks)
            every = (_of_windows(each, windows) for each in (there.sums, there.seasonless_sums, there.missing))
            columns.append(ColumnHistory(PackedWords.of(season), *every))
    joined = structs.replace(
        own,
        n_panes=own.n_panes if old is None else min(own.n_panes, old.n_panes),
        n_events=own.n_events if old is None else min(own.n_events, old.n_events),
        first_ms=own.first_ms if old is None else min(own.first_ms, old.first_ms),
        last_ms=own.last_ms if old is None else max(own.last_ms, old.last_ms),
        weeks=PackedWords.of(weeks),
        events=PackedWords.of(np.minimum(own.events.unpacked(), _UNKNOWN if old is None else old.events.unpacked())),
        columns=tuple(columns),
        errors=None if old is None else old.errors,
    )
    return joined, [*_lost(old, weeks_old, weeks, has_windows=windows is not None)]


def _lost(
    old: History | None, weeks_old: NDArray[np.int64], weeks: NDArray[np.int64], *, has_windows: bool
) -> list[str]:
    lost = []
    hours, n_old = int((weeks > 0).sum()), int((weeks_old > 0).sum())
    if hours < n_old:
        lost.append(
            f"the span has {hours} of the {n_old} hours of the week that the reference had: windows in the others are "
            "compared with all of the reference, whatever their hour. A span of whole weeks has them all"
        )
    if old is not None and not has_windows:
        lost.append(
            "the reference was built for other panes or windows than those of the configuration: how much the columns "
            "that stay vary is learnt from production again"
        )
    return lost


def _places(there: tuple[int, ...], here: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return where each window stands there; None where one does not."""
    return tuple(there.index(window) for window in here) if set(here) <= {*there} else None


def _of_windows(sums: SeriesSums | None, windows: tuple[int, ...] | None) -> SeriesSums | None:
    if sums is None or windows is None:
        return None
    return structs.replace(sums, windows=tuple(sums.windows[place] for place in windows))


def _of_weeks(season: NDArray[np.int64], seen: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts by hour of the week and group as those of fewer weeks, shape (168, groups)."""
    scaled = season.copy()
    for hour in np.flatnonzero(wanted < seen).tolist():
        part, whole, row = int(wanted[hour]), int(seen[hour]), season[hour].tolist()
        scaled[hour] = apportioned(row, part, whole, scaled_total(sum(row), part, whole))
    return scaled

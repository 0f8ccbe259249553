"""The coarse cells in which events are counted by where they come from: runs of a sketch's cells, some twenty a column.

They follow from a layout alone, so both stages have the same ones, and what was counted under profiles of one grid adds
up.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.columns import NumericColumn
from driftline.sketches.layout import EVENTS, UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.sketches.layout import Layout, Place

NUMERIC_RUNS: Final = 8
"""Runs of the bins within a numeric column's reference range: of near equal reference counts where it is continuous."""
CATEGORY_RUNS: Final = 16
"""Runs of listed categories; a column with no more of them has a cell for each."""


class OriginCells:
    """Which coarse cell each cell of a layout belongs to.

    Attributes
    ----------
    starts : ndarray of int64, shape (n,)
        First cell of each run in a sketch's count vector. The first cells are events, late events, and those with
        unexpected features, as in the sketch.
    columns : tuple of slice
        The runs of each column.
    is_odd : ndarray of bool, shape (n,)
        Runs that few events are in as a rule: values that are absent, or beyond the reference's range or its
        categories, and events with unexpected features. Of these the first offset is known.
    """

    def __init__(self, layout: Layout) -> None:
        starts, odd = [0, 1, UNEXPECTED], [False, False, True]
        columns = []
        for column, place in zip(layout.columns, layout.places, strict=True):
            first = len(starts)
            for start, is_odd in _runs(isinstance(column, NumericColumn), place):
                starts.append(start)
                odd.append(is_odd)
            columns.append(slice(first, len(starts)))
        self.starts: NDArray[np.int64] = np.array(starts, dtype=np.int64)
        self.is_odd: NDArray[np.bool_] = np.array(odd, dtype=np.bool_)
        self.columns = tuple(columns)
        self._n_cells = layout.n_cells

    @cached_property
    def of_cell(self) -> NDArray[np.int64]:
        """The run of each cell, shape (layout.n_cells,)."""
        return np.searchsorted(self.starts, np.arange(self._n_cells), side="right").astype(np.int64) - 1

    @property
    def n(self) -> int:
        """How many there are."""
        return int(self.starts.size)

    def of_counts(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of the runs, shape (..., n), from those of a sketch, shape (..., layout.n_cells)."""
        coarse: NDArray[np.int64] = np.add.reduceat(counts, self.starts, axis=-1)
        return coarse


def _runs(numeric: bool, place: Place) -> Iterator[tuple[int, bool]]:  # noqa: FBT001  # of one column
    """Yield the first cell of each run of a column, and whether few events are in it as a rule."""
    bins = place.bins
    n_high = place.tails.stop - place.tails.start - place.n_low
    low, high = (place.n_low, n_high) if numeric else (0, 1)  # the last bin of categories is that of all unlisted ones
    begin, end = bins.start + low, bins.stop - high
    if low:
        yield bins.start, True
    n_inner = end - begin
    n_runs = min(NUMERIC_RUNS if numeric else CATEGORY_RUNS, n_inner)
    for run in range(n_runs):
        yield begin + run * n_inner // n_runs, False
    if high:
        yield end, True
    for cell in range(place.quality.start, place.quality.stop):
        yield cell, True


EVENT_CELL: Final = EVENTS
"""The coarse cell of all events."""

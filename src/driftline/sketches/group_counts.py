"""The counts of every column's groups of bins, all at once from the cells of a sketch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketches.grouping import Grouping
    from driftline.sketches.layout import Layout


class GroupCounts:
    """Reads the counts of groups of bins off a sketch's cells.

    Parameters
    ----------
    layout : Layout
        Of the sketches.
    groupings : sequence of Grouping
        Of each column, in the layout's order.

    Attributes
    ----------
    n_groups : int
        Groups of the column that has most, at least 1.

    Notes
    -----
    *State*: two bytes a cell of bins, with fewer than 65,536 of them. *Cost*: one pass over these.
    """

    def __init__(self, layout: Layout, groupings: Sequence[Grouping]) -> None:
        self.n_groups = max((grouping.n_groups for grouping in groupings), default=1)
        self._shape = len(groupings), self.n_groups
        cells, starts, at = [], [], 0
        for place, grouping in zip(layout.places, groupings, strict=True):
            order = np.argsort(grouping.index, kind="stable")
            cells.append(place.bins.start + order)
            starts.append(at + np.flatnonzero(np.diff(grouping.index[order], prepend=-1)))
            at += order.size
        rows = [np.arange(grouping.n_groups) + i * self.n_groups for i, grouping in enumerate(groupings)]
        self._cells, self._starts, self._rows = _joined(cells), _joined(starts), _joined(rows)

    def of(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of the groups, shape (columns, n_groups), from those of all cells; 0 beyond a column's."""
        grouped = np.zeros(self._shape, dtype=np.int64)
        if self._cells.size:
            grouped.ravel()[self._rows] = np.add.reduceat(counts[self._cells], self._starts)
        return grouped


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.unsignedinteger[Any]]:
    """Return indices one after the other, in as few bytes as they need: a model has thousands."""
    indices = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return indices.astype(np.min_scalar_type(int(indices.max(initial=0))))

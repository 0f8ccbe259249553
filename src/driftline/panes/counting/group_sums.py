"""Sums of cells over many small groups in a few passes: late labels add to almost as many windows as there are labels.

A vector of 2,000 cells for each window that a flush touches would be written, and searched, for a dozen of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.panes.counting.origins import by_origin
from driftline.sketches.packed import NO_CELLS
from driftline.sketches.sparse import pack_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.events.source import Kind, Offsets
    from driftline.sketches.packed import Sparse

    Ints = NDArray[np.int64]

_DENSE: Final = 16
"""Cells of all groups for each amount, up to which they are added up in a vector of all cells: sorting takes longer."""


class Cells(NamedTuple):
    """Amounts to be added to cells of groups, n of them; every array has the shape (n,)."""

    group: Ints
    cell: Ints
    value: Ints


class Groups(NamedTuple):
    """Rows by the group they belong to; groups are numbered in the order of their keys."""

    of_row: Ints
    """Group of each row, shape (n,)."""
    keys: tuple[Ints, ...]
    """What the rows of each group share, each of shape (g,)."""

    @classmethod
    def by(cls, *keys: Ints) -> Groups:
        """Return the groups of rows with the same keys, the first key the slowest to change.

        Examples
        --------
        >>> groups = Groups.by(np.array([2, 1, 2]), np.array([5, 9, 5]))
        >>> groups.of_row.tolist(), [key.tolist() for key in groups.keys]
        ([1, 0, 1], [[1, 2], [9, 5]])
        """
        order = np.lexsort(keys[::-1])
        starts = np.zeros(order.size, dtype=np.bool_)
        starts[:1] = True
        for key in keys:
            starts[1:] |= np.diff(key[order]) != 0
        of_row = np.empty(order.size, dtype=np.int64)
        of_row[order] = np.cumsum(starts) - 1
        heads = order[starts]
        return cls(of_row, tuple(key[heads] for key in keys))


def counted(group: Ints, cell: int, n_groups: int) -> Cells:
    """Return 1 for each row, in one cell of its group."""
    counts = np.bincount(group, minlength=n_groups)
    groups = np.flatnonzero(counts)
    return Cells(groups, np.full(groups.size, cell), counts[groups])


def run_sums(group: Ints, first: int, run: Ints) -> Cells:
    """Return the sums over the rows of each group, of columns of shape (m, n) for m cells from ``first`` on."""
    if not run.size:
        nothing = np.zeros(0, dtype=np.int64)
        return Cells(nothing, nothing, nothing)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sums = np.add.reduceat(run[:, order], starts, axis=1).T
    rows, cells = np.nonzero(sums)
    return Cells(group[order[starts]][rows], first + cells, sums[rows, cells])


def packed(parts: list[Cells], n_groups: int, n_cells: int) -> list[Sparse]:
    """Return the sums of all parts by group, without the cells that are zero.

    Examples
    --------
    >>> one = Cells(np.array([0, 0, 2]), np.array([3, 3, 1]), np.array([5, -5, 7]))
    >>> [len(sparse.indices) for sparse in packed([one], 3, 4)]
    [0, 0, 1]
    """
    if not parts:
        return [NO_CELLS] * n_groups
    key = np.concatenate([part.group * n_cells + part.cell for part in parts])
    value = np.concatenate([part.value for part in parts])
    if not key.size:
        return [NO_CELLS] * n_groups
    n = n_groups * n_cells
    key, sums = _dense_sums(key, value, n) if n <= _DENSE * key.size else _sparse_sums(key, value)
    ends = np.searchsorted(key, np.arange(1, n_groups + 1) * n_cells)
    return pack_groups(key % n_cells, sums, ends)


def _dense_sums(key: Ints, value: Ints, n: int) -> tuple[Ints, Ints]:
    """Return the keys below ``n`` of sums that are not zero, ascending, and these sums."""
    sums = np.zeros(n, dtype=np.int64)
    np.add.at(sums, key, value)
    nonzero = np.flatnonzero(sums)
    return nonzero, sums[nonzero]


def _sparse_sums(key: Ints, value: Ints) -> tuple[Ints, Ints]:
    """Return the same, whatever the keys."""
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    sums = np.add.reduceat(value[order], starts)
    nonzero = np.flatnonzero(sums)
    return key[starts[nonzero]], sums[nonzero]


def by_pane(panes: Ints, partition: int, offsets: Ints) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield what rows stand for: pane, number of rows, their partition, their smallest and greatest offset in it."""
    for origin, rows, own in by_origin(partition, offsets):
        pane_of_row = panes[rows]
        order = np.argsort(pane_of_row, kind="stable")
        starts = np.flatnonzero(np.diff(pane_of_row[order], prepend=pane_of_row[order[0]] - 1))
        counts = np.diff(np.append(starts, order.size))
        low, high = np.minimum.reduceat(own[order], starts), np.maximum.reduceat(own[order], starts)
        for pane, *span in zip(*(c.tolist() for c in (pane_of_row[order[starts]], counts, low, high)), strict=True):
            yield pane, span[0], origin, span[1], span[2]


def note(noted: dict[Kind, Offsets], kind: Kind, partition: int, low: int, high: int) -> None:
    """Widen the range of a partition's offsets, in place."""
    ranges = noted.setdefault(kind, {})
    least, greatest = ranges.get(partition, (low, high))
    ranges[partition] = (min(low, least), max(high, greatest))

"""Groups of a numeric column's values that are finer at both ends: what lies far out shows there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.grouping import Grouping, range_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import NumericColumn

OUTER_SHARES: Final = (0.005, 0.02)
"""Of the reference's values, beyond the cuts of the outermost group of each end, about."""
_MOST: Final = 0.6
"""Part of an outermost group that is cut off at most: more, and there is nothing to tell apart."""


class OuterGroups(NamedTuple):
    """Groups with finer ends."""

    grouping: Grouping
    parents: tuple[int, ...]
    """Of each group, the one that it is a part of."""
    parts: tuple[float, ...]
    """Its share of the reference's values in that."""

    def split(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the counts of the groups, shape (G,), given those of what they are parts of, as the reference has it.

        Of another hour's counts this is what is known: how the values lie within an outermost group is taken from all.
        """
        divided: NDArray[np.float64] = counts[list(self.parents)] * np.array(self.parts)
        return divided


def outer_groups(column: NumericColumn, reference: NDArray[np.int64], grouping: Grouping) -> OuterGroups:
    """Return groups of which the first and the last are cut in three, where their bins allow it.

    Parameters
    ----------
    column : NumericColumn
    reference : ndarray of int64, shape (column.n_bins,)
        The profile's counts.
    grouping : Grouping
        Runs of neighbouring bins.

    Returns
    -------
    OuterGroups
        Beyond the outer cut lies about half a percent of the reference's values, beyond the inner one two percent.

    Examples
    --------
    >>> from driftline.sketches.columns import NumericColumn
    >>> edges = np.arange(1.0, 8.0).tobytes()
    >>> column = NumericColumn("x", "feature", edges, 4.0, 2.0, 0.5, 7.5)
    >>> counts = np.array([1, 9, 10, 60, 10, 8, 2, 0])
    >>> made = outer_groups(column, counts, Grouping((0, 0, 1, 1, 1, 2, 2, 2), ("< 2", "[2, 5)", ">= 5")))
    >>> made.grouping.labels, made.parents, made.parts
    (('< 1', '[1, 2)', '[2, 5)', '[5, 6)', '>= 6'), (0, 0, 1, 2, 2), (0.1, 0.9, 1.0, 0.8, 0.2))
    """
    starts = [0, *(np.flatnonzero(np.diff(grouping.index)) + 1).tolist()]
    if len(starts) == 1:
        return OuterGroups(grouping, (0,), (1.0,))
    total = float(reference.sum())
    cuts = {*starts}
    for share in OUTER_SHARES:
        first, last = (_outer(each, share * total) for each in (reference[: starts[1]], reference[starts[-1] :][::-1]))
        cuts |= {first, reference.size - last} - {reference.size}
    finer = tuple(sorted(cuts))
    groups = np.cumsum(np.bincount(finer, minlength=reference.size)) - 1
    labels = grouping.labels if len(finer) == len(starts) else tuple(range_labels(column.edges, finer))
    made = Grouping(tuple(groups.tolist()), labels)
    parents = tuple(grouping.groups[start] for start in finer)
    counts, whole = made.grouped(reference), grouping.grouped(reference)
    parts = tuple(
        float(n) / float(whole[parent]) if whole[parent] else 1 / parents.count(parent)
        for n, parent in zip(counts.tolist(), parents, strict=True)
    )
    return OuterGroups(made, parents, parts)


def _outer(counts: NDArray[np.int64], goal: float) -> int:
    """Return how many bins from the outside hold nearly so many values; 0 where these would be none, or most."""
    sums = np.cumsum(counts)
    n_bins = int(np.where(sums > 0, np.abs(sums - goal), np.inf).argmin()) + 1
    return n_bins if 0 < int(sums[n_bins - 1]) <= _MOST * int(sums[-1]) else 0

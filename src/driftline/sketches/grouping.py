"""Groups of bins of near equal reference share: what distances and the distribution test see.

The groups depend on the profile alone, never on the window, so a statistic means the same in every window. The finest
ones, at most :data:`MAX_BASE_GROUPS` a column, are the *base groups*: dispersion is estimated on them, and the groups
of any other number are unions of them.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import bin_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import Column


MAX_BASE_GROUPS: Final = 40
"""Base groups that a column has at most: bounds the memory of dispersion, which is quadratic in it."""

UNLISTED: Final = "(unlisted)"
"""Name of the group of all categories that the profile does not list."""

OTHERS: Final = "(others)"
"""Name of the group of the categories that have no group of their own, listed or not."""


class Grouping(Struct, frozen=True, dict=True):
    """Which bins of a column make one group, and what the groups are called."""

    groups: tuple[int, ...]
    """Group of each of B bins, numbered from 0 without gaps. Groups of numeric bins are runs of neighbours."""
    labels: tuple[str, ...]
    """Ranges of numbers, or categories."""

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.labels)

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """Group of each bin as an array, shape (B,)."""
        return np.array(self.groups, dtype=np.int64)

    def grouped(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of the groups, shape (number of groups,), from those of the bins, shape (B,)."""
        sums: NDArray[np.int64] = np.zeros(self.n_groups, dtype=np.int64)
        np.add.at(sums, self.index, counts)
        return sums

    def joined(self, groups: tuple[int, ...], labels: tuple[str, ...]) -> Grouping:
        """Return the unions of these groups, given the union that each belongs to and what the unions are called."""
        return Grouping(tuple(groups[group] for group in self.groups), labels)


def grouping_of(column: Column, reference: NDArray[np.int64], n_groups: int) -> Grouping:
    """Return the groups of a column's bins.

    Parameters
    ----------
    column : Column
    reference : ndarray of int64, shape (column.n_bins,)
        The profile's counts.
    n_groups : int, at least 1
        Groups that a column without atoms gets.

    Returns
    -------
    Grouping
        Numeric: a bin that holds more than ``1 / n_groups`` of the reference (an atom) is a group of its own; each run
        of bins between atoms is cut where the run's reference count comes nearest to equal parts, as many as its
        share is worth, at least one. Bins beyond the reference's range belong to the outermost groups, but not to an
        atom: what lies beyond one is a group of its own, or a column that was constant could change unseen.
        Categorical: one group a listed category, in the profile's order, and one for all others.

    Examples
    --------
    >>> edges = np.arange(1.0, 8.0).tobytes()
    >>> column = NumericColumn("x", "feature", edges, 4.0, 2.0, 1.5, 6.5)
    >>> grouping_of(column, np.array([0, 10, 10, 60, 10, 5, 5, 0]), 5)
    Grouping(groups=(0, 0, 0, 1, 2, 2, 2, 2), labels=('< 3', '[3, 4)', '>= 4'))
    """
    if not isinstance(column, NumericColumn):
        return Grouping(tuple(range(column.n_bins)), (*column.categories, UNLISTED))
    return _numeric(column.edge_bytes, column.minimum, column.maximum, reference.tobytes(), n_groups)


def base_grouping(column: Column, reference: NDArray[np.int64]) -> Grouping:
    """Return the base groups of a column's bins, at most :data:`MAX_BASE_GROUPS`.

    Parameters
    ----------
    column : Column
    reference : ndarray of int64, shape (column.n_bins,)
        The profile's counts.

    Returns
    -------
    Grouping
        Numeric: those of :func:`grouping_of` for the largest number that gives no more than that many groups, atoms
        included. Categorical: the most frequent listed categories (of equally frequent ones the first), in the
        profile's order, and one group for all others.

    Examples
    --------
    >>> from driftline.sketches.columns import CategoricalColumn
    >>> base_grouping(CategoricalColumn("c", "feature", ("web", "branch")), np.array([7, 9, 0])).labels
    ('web', 'branch', '(unlisted)')
    """
    if isinstance(column, NumericColumn):
        for n_groups in range(MAX_BASE_GROUPS, 1, -1):
            grouping = grouping_of(column, reference, n_groups)
            if grouping.n_groups <= MAX_BASE_GROUPS:
                return grouping
        return grouping_of(column, reference, 1)
    groups = most_frequent(reference[:-1], MAX_BASE_GROUPS - 1)
    rest = min(len(column.categories), MAX_BASE_GROUPS - 1)
    return Grouping((*groups, rest), _category_labels(column.categories, groups, rest))


def checked_grouping(column: Column, reference: NDArray[np.int64], n_groups: int) -> tuple[Grouping, tuple[int, ...]]:
    """Return about as many groups of a column's bins as asked for, each a union of base groups.

    Parameters
    ----------
    column : Column
    reference : ndarray of int64, shape (column.n_bins,)
        The profile's counts.
    n_groups : int, at least 2
        As in :func:`coarser`.

    Returns
    -------
    Grouping
        Of the bins.
    tuple of int
        Group of each base group.
    """
    base = base_grouping(column, reference)
    ordered = isinstance(column, NumericColumn)
    groups = coarser(base.grouped(reference), n_groups, ordered=ordered)
    if isinstance(column, NumericColumn):
        union = base.joined(groups, ())
        starts = (0, *(i for i in range(1, column.n_bins) if union.groups[i] != union.groups[i - 1]))
        return Grouping(union.groups, tuple(range_labels(column.edges, starts))), groups
    rest = max(groups)
    names = [OTHERS] * (rest + 1)
    for label, group in zip(base.labels, groups, strict=True):
        names[group] = label if groups.count(group) == 1 else OTHERS
    return base.joined(groups, tuple(names)), groups


def coarser(reference: NDArray[np.int64], n_groups: int, *, ordered: bool) -> tuple[int, ...]:
    """Map base groups to groups that are unions of them, by the reference's counts alone.

    Parameters
    ----------
    reference : ndarray of int64, shape (number of base groups,)
        The profile's counts of the base groups.
    n_groups : int, at least 1
        Groups wanted. Ordered: an atom of more than ``1 / n_groups`` stays alone and the runs between atoms are cut
        into near equal parts, as in :func:`grouping_of`, so that there may be a few more; the parts are equal where
        the number divides that of the base groups. Unordered: the ``n_groups - 1`` most frequent and the rest, which
        is the last base group and whatever is rarer.
    ordered : bool
        Whether the groups are in the order of the values.

    Returns
    -------
    tuple of int
        Group of each base group, numbered from 0 without gaps.

    Examples
    --------
    >>> coarser(np.array([5, 5, 20, 5, 5]), 2, ordered=True)
    (0, 0, 1, 1, 1)
    >>> coarser(np.array([5, 5, 30, 5, 5]), 2, ordered=True)
    (0, 0, 1, 2, 2)
    >>> coarser(np.array([5, 30, 20, 5, 0]), 3, ordered=False)
    (2, 0, 1, 2, 2)
    """
    return _coarser(np.ascontiguousarray(reference, dtype=np.int64).tobytes(), n_groups, ordered)


@lru_cache(maxsize=8_192)
def _coarser(reference_bytes: bytes, n_groups: int, ordered: bool) -> tuple[int, ...]:  # noqa: FBT001 - a cache's key
    reference = np.frombuffer(reference_bytes, dtype=np.int64)
    if not ordered:
        groups = most_frequent(reference[:-1], n_groups - 1)
        return (*groups, min(reference.size, n_groups) - 1)
    starts = set(_starts(reference, 0, reference.size - 1, n_groups))
    return tuple((np.cumsum([i in starts for i in range(reference.size)]) - 1).tolist())


def most_frequent(counts: NDArray[np.int64], n_groups: int) -> tuple[int, ...]:
    """Number the cells with the largest counts (of equal ones the first) in their order; all others get the next one.

    Examples
    --------
    >>> most_frequent(np.array([3, 9, 3, 4]), 2), most_frequent(np.array([3, 9]), 2)
    ((2, 0, 2, 1), (0, 1))
    """
    frequent = sorted(np.argsort(-counts, kind="stable")[:n_groups].tolist())
    numbers = {cell: group for group, cell in enumerate(frequent)}
    return tuple(numbers.get(cell, len(frequent)) for cell in range(counts.size))


def _category_labels(categories: tuple[str, ...], groups: tuple[int, ...], rest: int) -> tuple[str, ...]:
    own = tuple(category for category, group in zip(categories, groups, strict=True) if group != rest)
    return (*own, UNLISTED if len(own) == len(categories) else OTHERS)


def tail_bins(column: NumericColumn) -> tuple[int, int]:
    """Return the first and the last bin inside the reference's range; those before and after are its tails."""
    low, high = bin_of(column.edges, np.array([column.minimum, column.maximum])).tolist()
    return low, high


@lru_cache(maxsize=8_192)
def _numeric(edge_bytes: bytes, minimum: float, maximum: float, reference_bytes: bytes, n_groups: int) -> Grouping:
    edges = np.frombuffer(edge_bytes, dtype="<f8")
    reference = np.frombuffer(reference_bytes, dtype=np.int64)
    low, high = bin_of(edges, np.array([minimum, maximum])).tolist()
    starts = _starts(reference, low, high, n_groups)
    groups = np.cumsum(np.bincount(starts, minlength=reference.size)) - 1
    return Grouping(tuple(groups.tolist()), tuple(range_labels(edges, starts)))


def _starts(reference: NDArray[np.int64], low: int, high: int, n_groups: int) -> tuple[int, ...]:
    """Return the first bin of each group, ascending from 0; bins before `low` and after `high` are tails."""
    total = int(reference.sum())
    atoms = [i for i in range(low, high + 1) if int(reference[i]) * n_groups > total]
    cuts: set[int] = set()
    start = low
    for atom in [*atoms, high + 1]:
        if atom > start:
            cuts.update(_cut(reference, start, atom, n_groups, total))
        cuts.update((atom, atom + 1))
        start = atom + 1
    # The tails are no groups of their own, except beyond an atom.
    first = low if low in atoms else low + 1
    last = high + 1 if high in atoms else high
    return (0, *sorted(cut for cut in cuts if max(first, 1) <= cut <= min(last, reference.size - 1)))


def _cut(reference: NDArray[np.int64], start: int, stop: int, n_groups: int, total: int) -> list[int]:
    """Return where a run of bins without atoms begins and is cut, so that its parts hold nearly the same."""
    sums = np.concatenate([[0], np.cumsum(reference[start:stop])])
    n_events = int(sums[-1])
    n_parts = max(1, (2 * n_events * n_groups + total) // (2 * total)) if total else 1
    goals = np.arange(1, n_parts) * n_events
    # The boundary whose count is nearest to the goal; of two equally near ones the first. In whole numbers.
    nearest = np.abs(sums[None, :] * n_parts - goals[:, None]).argmin(axis=1)
    return [start, *(start + int(i) for i in nearest)]


def range_labels(edges: NDArray[np.float64], starts: tuple[int, ...]) -> list[str]:
    """Return what the ranges of runs of bins are called, given the first bin of each, ascending from 0."""
    if len(starts) == 1:
        return ["all"]
    bounds = [float(edges[i - 1]) for i in starts[1:]]
    shown = _distinct(bounds)
    labels = [f"< {shown[0]}"]
    after_atom = False
    for i in range(len(bounds) - 1):
        atom = bool(np.nextafter(bounds[i], np.inf) == bounds[i + 1])
        begin = f"({shown[i - 1]}" if after_atom else f"[{shown[i]}"
        labels.append(shown[i] if atom else f"{begin}, {shown[i + 1]})")
        after_atom = atom
    return [*labels, f"> {shown[-2]}" if after_atom else f">= {shown[-1]}"]


def _distinct(bounds: list[float]) -> list[str]:
    """Return bounds with as few digits as keep those apart that are further apart than one unit in the last place."""
    for digits in range(4, 17):
        shown = [repr(float(f"{bound:.{digits}g}")).removesuffix(".0") for bound in bounds]
        pairs = zip(bounds, bounds[1:], shown, shown[1:], strict=False)
        if all(one != two or bool(np.nextafter(a, np.inf) == b) for a, b, one, two in pairs):
            return shown
    return [repr(bound) for bound in bounds]

"""Groups of bins of near equal reference share: what distances and the distribution test see.

The groups depend on the profile alone, never on the window, so a statistic means the same in every window.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import bin_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import Column


class Grouping(Struct, frozen=True):
    """Which neighbouring bins of a column make one group, and what the groups are called.

    Parameters
    ----------
    starts : tuple of int
        First bin of each group, ascending from 0.
    labels : tuple of str
        Ranges of numbers, or categories.
    """

    starts: tuple[int, ...]
    labels: tuple[str, ...]

    def grouped(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of the groups, shape (number of groups,), from those of the bins, shape (B,)."""
        sums: NDArray[np.int64] = np.add.reduceat(counts, self.starts)
        return sums


UNLISTED = "(unlisted)"
"""Name of the group of all categories that the profile does not list."""


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
    Grouping(starts=(0, 3, 4), labels=('< 3', '[3, 4)', '>= 4'))
    """
    if not isinstance(column, NumericColumn):
        return Grouping(tuple(range(column.n_bins)), (*column.categories, UNLISTED))
    return _numeric(column.edge_bytes, column.minimum, column.maximum, reference.tobytes(), n_groups)


def tail_bins(column: NumericColumn) -> tuple[int, int]:
    """Return the first and the last bin inside the reference's range; those before and after are its tails."""
    low, high = bin_of(column.edges, np.array([column.minimum, column.maximum])).tolist()
    return low, high


@lru_cache(maxsize=8_192)
def _numeric(edge_bytes: bytes, minimum: float, maximum: float, reference_bytes: bytes, n_groups: int) -> Grouping:
    edges = np.frombuffer(edge_bytes, dtype="<f8")
    reference = np.frombuffer(reference_bytes, dtype=np.int64)
    low, high = bin_of(edges, np.array([minimum, maximum])).tolist()
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
    starts = (0, *sorted(cut for cut in cuts if max(first, 1) <= cut <= min(last, edges.size)))
    return Grouping(starts, tuple(_labels(edges, starts)))


def _cut(reference: NDArray[np.int64], start: int, stop: int, n_groups: int, total: int) -> list[int]:
    """Return where a run of bins without atoms begins and is cut, so that its parts hold nearly the same."""
    sums = np.concatenate([[0], np.cumsum(reference[start:stop])])
    held = int(sums[-1])
    n_parts = max(1, (2 * held * n_groups + total) // (2 * total)) if total else 1
    goals = np.arange(1, n_parts) * held
    # The boundary whose count is nearest to the goal; of two equally near ones the first. In whole numbers.
    nearest = np.abs(sums[None, :] * n_parts - goals[:, None]).argmin(axis=1)
    return [start, *(start + int(i) for i in nearest)]


def _labels(edges: NDArray[np.float64], starts: tuple[int, ...]) -> list[str]:
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
        shown = [f"{float(f'{bound:.{digits}g}'):.16g}" for bound in bounds]
        pairs = zip(bounds, bounds[1:], shown, shown[1:], strict=False)
        if all(one != two or bool(np.nextafter(a, np.inf) == b) for a, b, one, two in pairs):
            return shown
    return [repr(bound) for bound in bounds]

"""Means over more rows than memory has room for, to the last bit those that NumPy gives of all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LEAF_ROWS: Final = 1 << 13
"""Rows read together."""
FEWEST_ROWS: Final = 1 << 7
"""NumPy sums so many without halving them."""


def mean_of_rows(
    rows: Callable[[int, int], NDArray[np.float64]],
    n: int,
    leaf_rows: int = LEAF_ROWS,
    in_sequence: slice = slice(0),
) -> NDArray[np.float64]:
    """Return the mean of each of k columns over n rows, shape (k,).

    Parameters
    ----------
    rows : callable
        From a first and a last row to the values of those between them, shape (k, last - first).
    n : int
        Above zero.
    leaf_rows : int
        Rows read together, at least 128.
    in_sequence : slice
        Columns that are summed one row after the other, as NumPy sums arrays in which these stand side by side.

    Notes
    -----
    NumPy sums the numbers of a long column by halves (pairwise summation: Higham 1993, doi:10.1137/0914050), each a
    multiple of eight long, and these by halves again. So do we, down to a few thousand rows, which NumPy then sums.

    Examples
    --------
    >>> values = np.random.default_rng(1).normal(size=(2, 100_000))
    >>> bool((mean_of_rows(lambda first, last: values[:, first:last], 100_000) == values.mean(axis=1)).all())
    True
    """
    sums = _Sums(rows, max(leaf_rows, FEWEST_ROWS), in_sequence)
    total = sums.by_halves(0, n)
    total[in_sequence] = 0.0 if sums.running is None else sums.running
    mean: NDArray[np.float64] = total / n
    return mean


class _Sums:
    def __init__(self, rows: Callable[[int, int], NDArray[np.float64]], leaf_rows: int, in_sequence: slice) -> None:
        self._rows, self._leaf_rows, self._in_sequence = rows, leaf_rows, in_sequence
        self.running: NDArray[np.float64] | None = None
        """Sums of the columns in sequence, of the rows so far."""

    def by_halves(self, start: int, n: int) -> NDArray[np.float64]:
        """Return the sums of the columns over n rows from ``start`` on, shape (k,)."""
        if n > self._leaf_rows:
            half = n // 2
            half -= half % 8
            return self.by_halves(start, half) + self.by_halves(start + half, n - half)
        leaf = np.ascontiguousarray(self._rows(start, start + n))
        side_by_side = leaf[self._in_sequence].T
        if self.running is not None:
            side_by_side = np.concatenate([self.running[None], side_by_side])
        self.running = np.add.accumulate(side_by_side, axis=0)[-1]
        total: NDArray[np.float64] = np.add.reduce(leaf, axis=1)
        return total

"""Numeric columns to bins and fixed-point values: as many columns at a time as the processor's cache holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.native.number_grids import number_grids
from driftline.sketches.columns import INFINITE, MISSING
from driftline.sketches.fixed_point import standardise
from driftline.sketches.grouping import tail_bins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import NumericColumn

BLOCK_VALUES: Final = 16_384
"""Values worked on together; with more, what one operation leaves has gone from the cache before the next reads it."""
TAIL_LIMIT: Final = float(1 << 40)
"""Values beyond the reference's range are clipped this many spreads from its mean."""
TAIL_SCALE: Final = float(1 << 20)
"""Units of a spread in which they are kept."""


class TailValues(NamedTuple):
    """The values of n events and c numeric columns that fell beyond the reference's range, t of them."""

    numeric: NDArray[np.int64]
    """Which of the numeric columns, shape (t,)."""
    rows: NDArray[np.int64]
    """Which event, shape (t,)."""
    units: NDArray[np.int64]
    """The standardised value in units of 2⁻²⁰, shape (t,)."""

    @classmethod
    def together(cls, parts: list[TailValues]) -> TailValues:
        """Return the values of all parts."""
        return cls(*map(np.concatenate, zip(*parts, strict=True))) if parts else cls(*np.empty((3, 0), dtype=np.int64))


def tail_units(
    values: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return finite values standardised, in units of 2⁻²⁰, shape (t,); a spread of zero standardises by 1.

    Examples
    --------
    >>> one = np.ones(3)
    >>> (tail_units(np.array([1e4, -1e300, 2.0]), one, one) / TAIL_SCALE).tolist()
    [9999.0, -1099511627776.0, 1.0]
    """
    with np.errstate(over="ignore"):
        z = (values - mean) / np.where(spread > 0, spread, 1.0)
    return np.rint(np.clip(z, -TAIL_LIMIT, TAIL_LIMIT) * TAIL_SCALE).astype(np.int64)


def blocks(n_columns: int, n: int) -> Iterator[slice]:
    """Yield runs of columns of n values each: one column, or as many as make at most ``BLOCK_VALUES``."""
    step = max(1, BLOCK_VALUES // max(n, 1))
    for start in range(0, n_columns, step):
        yield slice(start, min(start + step, n_columns))


class NumericEncoder:
    """Encodes c numeric columns."""

    def __init__(self, columns: Sequence[NumericColumn]) -> None:
        self._edges = [column.edges for column in columns]
        self._means = np.array([[column.mean] for column in columns]).reshape(-1, 1)
        self._spreads = np.array([[column.spread] for column in columns]).reshape(-1, 1)
        inside = [_inside(column) for column in columns]
        self._lows = np.array([low for low, _ in inside]).reshape(-1, 1)
        self._highs = np.array([high for _, high in inside]).reshape(-1, 1)
        divisors = np.where(self._spreads > 0, self._spreads, 1.0)
        self._native = number_grids(
            self._edges, np.concatenate([self._means, divisors, self._lows, self._highs], axis=1)
        )

    def __call__(
        self,
        values: NDArray[np.float64],
        exceptions: Sequence[Sequence[tuple[int, int]]],
        bins: NDArray[np.int64],
        rows: Sequence[int],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], TailValues]:
        """Return z, squares and which were clipped, each of shape (c, n), and the tail values; write the bins.

        Parameters
        ----------
        values : ndarray of float64, shape (c, n)
            Not-a-number where there is no value.
        exceptions : c sequences of (row, quality code)
            Rows whose value is absent for another reason than that it is missing.
        bins : ndarray of int64, shape (k, n)
            Written to: the bin of each value, or -1 - quality code where there is none.
        rows : sequence of int, length c
            Which row of ``bins`` each column has.
        """
        if self._native is None:
            return self._in_blocks(values, exceptions, bins, rows)
        z, squares, clipped, found = self._native(values, bins, np.array(rows, dtype=np.uint64))
        for i, column in enumerate(exceptions):
            for row, code in column:
                bins[rows[i], row] = -1 - code
                z[i, row] = squares[i, row] = 0
                clipped[i, row] = False
        return z, squares, clipped, TailValues(*found.T)

    def _in_blocks(
        self,
        values: NDArray[np.float64],
        exceptions: Sequence[Sequence[tuple[int, int]]],
        bins: NDArray[np.int64],
        rows: Sequence[int],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], TailValues]:
        z, squares = np.empty(values.shape, dtype=np.int64), np.empty(values.shape, dtype=np.int64)
        clipped = np.empty(values.shape, dtype=np.bool_)
        tails: list[TailValues] = []
        for block in blocks(*values.shape):
            at = rows[block]
            z[block], squares[block], clipped[block], some_absent = self._block(block, values[block], bins, at, tails)
            for i, column in enumerate(exceptions[block]):
                for row, code in column:
                    some_absent = True
                    bins[at[i], row] = -1 - code
            if some_absent:
                absent = bins[at] < 0
                z[block][absent] = 0
                squares[block][absent] = 0
                clipped[block][absent] = False
        return z, squares, clipped, TailValues.together(tails)

    def _block(
        self,
        block: slice,
        values: NDArray[np.float64],
        bins: NDArray[np.int64],
        rows: Sequence[int],
        tails: list[TailValues],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], bool]:
        """Encode a run of columns; the last of what is returned says whether a value was no finite number."""
        means, finite = self._means[block], np.isfinite(values)
        whole = bool(finite.all())
        safe = values if whole else np.where(finite, values, means)
        for row, edges, column in zip(rows, self._edges[block], safe, strict=True):
            bins[row] = edges.searchsorted(column, "right")
        if not whole:
            codes = np.where(np.isnan(values), -1 - MISSING, -1 - INFINITE)
            bins[rows] = np.where(finite, bins[rows], codes)
        outside = (safe < self._lows[block]) | (safe >= self._highs[block])
        if outside.any():
            in_block, where = np.nonzero(outside)
            numeric = in_block + block.start
            units = tail_units(safe[in_block, where], self._means[numeric, 0], self._spreads[numeric, 0])
            tails.append(TailValues(numeric, where, units))
        return *standardise(safe, means, self._spreads[block]), not whole


def _inside(column: NumericColumn) -> tuple[float, float]:
    """Return where the bins inside the reference's range begin and end; infinite where there are no others."""
    first, last = tail_bins(column)
    edges = column.edges
    return float(edges[first - 1]) if first else -np.inf, float(edges[last]) if last < edges.size else np.inf

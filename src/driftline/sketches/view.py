"""Reading a histogram for people: quantiles, and few bars of equal width in place of many bins of equal mass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import NumericColumn


class Bar(NamedTuple):
    """The share of the values in [low, high), and of those below ``high``; one value where both are equal."""

    low: float
    high: float
    share: float
    below: float


def quantiles(column: NumericColumn, counts: NDArray[np.int64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quantiles read off the grid, to within a bin; shape of ``levels``.

    Not-a-number where nothing was counted.
    """
    if not counts.sum() or not column.edges.size:
        return np.full(levels.shape, np.nan)
    below = _distribution(counts)
    found = np.interp(levels, below, column.edges)
    # At an atom the function jumps between two neighbouring edges: its left end answers.
    places = np.minimum(np.searchsorted(column.edges, found), column.edges.size - 1)
    left = column.edges[np.maximum(places - 1, 0)]
    atoms = (column.edges[places] == found) & (np.nextafter(left, np.inf) == found)
    return np.where(atoms & (levels > below[np.maximum(places - 1, 0)]), left, found)


def bars(column: NumericColumn, counts: NDArray[np.int64], n_bars: int = 20) -> list[Bar]:
    """Return the shares of at most ``n_bars`` groups of values; empty where nothing was counted.

    Columns of few distinct values get one bar each. Otherwise the groups are of equal width between the 0.5 % and the
    99.5 % quantile, the first and the last open; shares inside a bin are taken as spread evenly.
    """
    total = int(counts.sum())
    if not total:
        return []
    edges = column.edges
    filled = np.flatnonzero(counts)
    below = _distribution(counts)
    if filled.size <= n_bars:
        shares = counts[filled] / total
        lows, highs = edges[np.maximum(filled - 1, 0)], edges[np.minimum(filled, edges.size - 1)]
        atoms = highs <= np.nextafter(lows, np.inf)
        return [
            Bar(float(low), float(low if atom else high), float(share), float(upto))
            for low, high, atom, share, upto in zip(lows, highs, atoms, shares, np.cumsum(shares), strict=True)
        ]
    low, high = (float(value) for value in np.interp([0.005, 0.995], below, edges))
    cuts = np.linspace(low, high, n_bars + 1)
    upto = np.interp(cuts, edges, below)
    upto[0], upto[-1] = 0.0, 1.0
    return [
        Bar(float(cuts[i]), float(cuts[i + 1]), float(upto[i + 1] - upto[i]), float(upto[i + 1])) for i in range(n_bars)
    ]


def _distribution(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of the values below each edge, shape (B - 1,); exact."""
    shares: NDArray[np.float64] = np.cumsum(counts[:-1]) / counts.sum()
    return shares

"""What multiplying values by a factor makes of their shares by group: how amounts, durations and counts change.

Such values are at least 0, and many of them small. A shift is nothing that happens to them; they become so many percent
larger. The score that tells this best is the likelihood score of the factor, which the reference itself says: the
relative change of each group's share as all values grow a little (the scale score −1 − x f'(x) / f(x); Hájek, Šidák and
Sen 1999, section 3.2.2). Of exponential values it is x / μ − 1, of log-normal ones their normal score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FACTORS: Final = np.exp2(np.arange(-64, 65) / 16.0)
"""By which values are multiplied: from a sixteenth to sixteen times, 1 in the middle."""
_STEP: Final = 5
"""So many of them from 1 are the factors of which scores are made: × 1.24 and ÷ 1.24."""
_LEAST_VARIATION: Final = 0.5
"""Of the coefficient of variation: values that vary less are as well described by shifts."""
_MOST_ATOMS: Final = 0.1
"""Part of the values other than 0 that may lie in single points: whole numbers from 0 to 5 have no factor."""
_LEAST_ZEROS: Final = 0.05
"""Share of zeros from which on they are watched by themselves."""


class Growth(NamedTuple):
    """How a column's values grow and shrink."""

    shares: NDArray[np.float64]
    """Of the groups, with all values multiplied by each of :data:`FACTORS`: shape (129, G)."""
    sizes: NDArray[np.float64]
    """By how many standard deviations the mean is then higher, shape (129,), ascending."""
    zeros: int
    """The group of zeros, where there are so many that they are watched by themselves; else -1."""

    @property
    def score(self) -> NDArray[np.float64]:
        """The relative change of each group's share per unit of the factor's logarithm, shape (G,)."""
        middle = len(FACTORS) // 2
        up, down = self.shares[middle + _STEP], self.shares[middle - _STEP]
        usual = np.maximum(self.shares[middle], np.finfo(np.float64).tiny)
        score: NDArray[np.float64] = (
            (up - down) / usual / float(np.log(FACTORS[middle + _STEP] / FACTORS[middle - _STEP]))
        )
        return score


def growth_of(
    edges: NDArray[np.float64], counts: NDArray[np.int64], groups: Sequence[int], mean: float, spread: float
) -> Growth | None:
    """Return how values grow and shrink; None where shifts describe them as well, or nothing does.

    Parameters
    ----------
    edges : ndarray of float64, shape (B - 1,)
        Of the column's bins, strictly increasing. A bin one unit in the last place wide is a single value.
    counts : ndarray of int64, shape (B,)
        The reference's.
    groups : sequence of int, length B
        Group of each bin, from 0 without gaps, neighbours together.
    mean, spread : float
        Mean and standard deviation of the reference.

    Returns
    -------
    Growth or None
        None where values below 0 occur, where the standard deviation is below half of the mean, or where more than a
        tenth of the values other than 0 lie in single points.

    Examples
    --------
    >>> edges = np.linspace(0, 10, 101)
    >>> counts = np.append(0, np.rint(1e5 * -np.diff(np.exp(-edges)))).astype(np.int64)
    >>> groups = np.minimum(np.arange(102) // 10, 9).tolist()
    >>> growth_of(edges, np.append(counts, 0), groups, 1.0, 1.0).score[[0, 1, 3]].round(1).tolist()
    [-0.6, 0.3, 2.3]
    >>> growth_of(edges + 5, np.append(counts, 0), groups, 6.0, 1.0) is None
    True
    """
    total, starts = int(counts.sum()), np.flatnonzero(np.diff(np.asarray(groups)))
    below = np.cumsum(counts)[:-1]
    if total == 0 or mean <= 0 or spread < _LEAST_VARIATION * mean or int(below[edges <= 0].max(initial=0)) > 0:
        return None
    single = np.append(np.nextafter(edges[:-1], np.inf) == edges[1:], False)
    zero = np.append(edges[:-1] == 0, False) & single
    n_zeros = int(counts[1:][zero].sum())
    if int(counts[1:][single & ~zero].sum()) > _MOST_ATOMS * max(total - n_zeros, 1):
        return None
    fixed = edges[starts] <= np.nextafter(0.0, np.inf)
    scaled = edges / np.abs(edges).max()  # so that no number is too large for the interpolation
    moved = np.where(fixed, scaled[starts], scaled[starts] / FACTORS[:, None])
    until = np.interp(moved, scaled, below / total, left=0.0, right=1.0)
    shares = np.diff(until, prepend=0.0, append=1.0, axis=1)
    of_zeros = int(groups[int(np.flatnonzero(zero)[0]) + 1]) if n_zeros >= _LEAST_ZEROS * total else -1
    return Growth(shares, (FACTORS - 1) * (mean / spread), of_zeros)

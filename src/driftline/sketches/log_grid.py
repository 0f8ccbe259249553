"""A fixed grid for quantities above 0 of any size: 64 bins between each power of two and the next.

Each bin is at most 1/64 of its lower edge wide, and a quantile is reported as the middle of its bin, so it is at most
0.8 % from the value of that rank. The grid depends on no data: counts on it add up, whoever counted. Values below 2⁻²⁰
count as 0, and those from 2⁴² on as that.

*Source*: the bucket layout of HdrHistogram (Gil Tene), with binary exponents. Deviations: the middle of a bin is
reported in place of its upper edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS_PER_OCTAVE: Final = 64
LEAST_EXPONENT: Final = -20
GREATEST_EXPONENT: Final = 42
N_BINS: Final = 1 + (GREATEST_EXPONENT - LEAST_EXPONENT) * BINS_PER_OCTAVE + 1
"""One for 0, those of the octaves, and one for all that is greater."""
RELATIVE_ERROR: Final = 1 / (2 * BINS_PER_OCTAVE)
"""Of a quantile, at most."""
UNIT: Final = float(1 << -LEAST_EXPONENT)
"""Sums are kept in units of 2⁻²⁰."""
GREATEST: Final = float(1 << GREATEST_EXPONENT)


def bins_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each value, none of them below 0 or NaN, shape (n,).

    Examples
    --------
    >>> bins_of(np.array([0.0, 2.0**-20, 1.0, 1.99, 2.0, 1e30])).tolist()
    [0, 1, 1281, 1344, 1345, 3969]
    """
    mantissa, exponent = np.frexp(np.minimum(values, GREATEST))
    octave = exponent.astype(np.int64) - 1 - LEAST_EXPONENT
    within = ((mantissa * 2 - 1) * BINS_PER_OCTAVE).astype(np.int64)
    return np.where((values > 0) & (octave >= 0), 1 + octave * BINS_PER_OCTAVE + within, 0)


def middle_of(cell: int) -> float:
    """Return the middle of a bin; 0 of the first, and the least value of the last.

    Examples
    --------
    >>> middle_of(0), middle_of(1281), middle_of(N_BINS - 1) == GREATEST
    (0.0, 1.0078125, True)
    """
    if cell == 0:
        return 0.0
    if cell == N_BINS - 1:
        return GREATEST
    octave, within = divmod(cell - 1, BINS_PER_OCTAVE)
    return float(2.0 ** (octave + LEAST_EXPONENT) * (1 + (within + 0.5) / BINS_PER_OCTAVE))


def quantile_bin(counts: NDArray[np.int64], q: float) -> int:
    """Return the bin of the value of rank ⌈q n⌉ among n, n >= 1, given the counts of all bins."""
    total = np.cumsum(counts)
    n = int(total[-1])
    rank = max(1, int(np.ceil(q * n - 1e-9)))
    return int(np.searchsorted(total, rank))

"""What the reference shows of several columns together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.sketches.joint import Z_UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class JointReference(Struct, frozen=True, array_like=True):
    """What the null distributions of multivariate checks are made of; from the rows that fixed the grid."""

    pairs: bytes
    """float64 little-endian, shape (2, p(p - 1)/2), by rows of the strict upper triangle: variance and excess kurtosis
    of the influence of one event on a pair's correlation; empty where no cross-moments are kept."""
    rows: bytes
    """int16 little-endian, shape (k, p): a sample of the complete rows, in units of 2⁻⁸."""

    def influences(self) -> NDArray[np.float64]:
        """Return variances and excess kurtoses of the influences, shape (2, p(p - 1)/2)."""
        return np.frombuffer(self.pairs, dtype="<f8").reshape(2, -1)

    def sample(self, n_columns: int) -> NDArray[np.float64]:
        """Return the sampled rows in standard deviations, shape (k, p)."""
        return np.frombuffer(self.rows, dtype="<i2").reshape(-1, max(n_columns, 1)) / Z_UNITS

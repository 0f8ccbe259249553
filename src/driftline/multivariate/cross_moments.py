"""First and second moments of several columns together, as sketches keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.fixed_point import join
from driftline.sketches.joint import FEATURE_UNITS, Z_UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.joint import Joint


_ROUNDING: Final = 1e-12
"""Fraction of a second moment below which a variance is rounding."""


class CrossMoments(NamedTuple):
    """Moments of p standardised columns over the events in which all have a value.

    Attributes
    ----------
    n : int
        Number of events.
    mean : ndarray of float64, shape (p,)
    second : ndarray of float64, shape (p, p)
        Mean of zzᵀ, not centred.
    """

    n: int
    mean: NDArray[np.float64]
    second: NDArray[np.float64]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Population covariance, shape (p, p); variances that are only rounding are 0."""
        covariance = self.second - np.outer(self.mean, self.mean)
        variances = covariance.diagonal()
        rounding = _ROUNDING * self.second.diagonal()
        np.fill_diagonal(covariance, np.where(variances > rounding, variances, 0.0))
        return covariance

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Pearson's correlations, shape (p, p); not-a-number where a column does not vary."""
        covariance = self.covariance
        variances = covariance.diagonal()
        spread = np.sqrt(np.where(variances > 0, variances, np.nan))
        correlation: NDArray[np.float64] = np.clip(covariance / np.outer(spread, spread), -1.0, 1.0)
        return correlation


def cross_moments(joint: Joint, words: NDArray[np.int64]) -> CrossMoments | None:
    """Return the moments of a sketch; None where it has none, or no event was complete.

    Parameters
    ----------
    joint : Joint
    words : ndarray of int64, shape (2, joint.n_cells)
        A sketch's.
    """
    if not joint.cross or not join(words[:, :1])[0]:
        return None
    cells = join(words)
    n, p = cells[0], joint.n_columns
    mean = np.array([cell / n for cell in cells[1 : 1 + p]]) / Z_UNITS
    second = np.zeros((p, p))
    second[np.triu_indices(p)] = np.array([cell / n for cell in cells[1 + p : 1 + joint.n_cross]]) / Z_UNITS**2
    return CrossMoments(n, mean, second + np.triu(second, 1).T)


def mean_features(joint: Joint, words: NDArray[np.int64]) -> tuple[int, NDArray[np.float64]] | None:
    """Return the number of events and the mean √(2/m) cos(wᵀz + b) of each random feature, shape (m,).

    None where a sketch has none, or no event was complete.
    """
    if not joint.n_features or not join(words[:, :1])[0]:
        return None
    cells = join(words)
    scale = np.sqrt(2 / joint.n_features) / FEATURE_UNITS
    return cells[0], np.array([cell / cells[0] for cell in cells[1 + joint.n_cross :]]) * scale


def feature_sample(joint: Joint, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the random features √(2/m) cos(wᵀz + b) of rows, shape (k, m), given their z, shape (k, p)."""
    scale = np.sqrt(2 / joint.n_features) / FEATURE_UNITS
    features: NDArray[np.float64] = joint.features(np.rint(rows.T * Z_UNITS)).T * scale
    return features

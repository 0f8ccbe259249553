"""Test for any change of the joint distribution: the distance of the mean embeddings under a Gaussian kernel."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class EmbeddingDistance(Struct, frozen=True, kw_only=True):
    """The squared distance of two mean embeddings, with its null distribution.

    Parameters
    ----------
    squared : float
        Their squared distance, in [0, 4]; an estimate of the squared maximum mean discrepancy.
    weights : ndarray of float64, shape (m,)
        The λⱼ, at least 0, descending: when nothing has changed, ``squared`` is distributed as Σ λⱼ χ²₁.
    """

    squared: float
    weights: NDArray[np.float64]

    @property
    def corrected(self) -> float:
        """The distance, with the expectation of its square when nothing has changed subtracted; at least 0."""
        return float(np.sqrt(max(self.squared - float(self.weights.sum()), 0.0)))


def embedding_distance(
    current: tuple[int, NDArray[np.float64]],
    reference: tuple[int, NDArray[np.float64]],
    sample: NDArray[np.float64],
    design_effect: float = 1.0,
) -> EmbeddingDistance:
    """Compare the mean random features of a window with those of the reference.

    Parameters
    ----------
    current, reference : (int, ndarray of float64 of shape (m,))
        Events, at least 1, and the mean of each feature √(2/m) cos(wᵀz + b).
    sample : ndarray of float64, shape (k, m)
        The features of rows of the reference, k at least 2: how they vary between events.
    design_effect : float, at least 1
        By how much serial dependence inflates the variance of means.

    Notes
    -----
    The difference of two means of n and N features has the covariance D C (1/n + 1/N), C that of a feature, and is
    close to normal, so its squared length is a weighted sum of χ²₁ with the eigenvalues of that covariance.

    *Cost*: O(m³).

    *Source*: Gretton et al. (2012), Journal of Machine Learning Research 13, 723-773, equation 3; Rahimi and Recht
    (2007) for the features; Zhao and Meng (2015), doi:10.1162/NECO_a_00732, for both together.

    *Oracle*: scikit-learn ``rbf_kernel``, within the bound of random features.

    Examples
    --------
    >>> features = np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.3]])
    >>> mean = features.mean(axis=0)
    >>> result = embedding_distance((100, mean + 0.1), (1_000, mean), features)
    >>> round(result.squared, 3), bool(result.weights.sum() < 0.001), round(result.corrected, 2)
    (0.02, True, 0.14)
    """
    difference = current[1] - reference[1]
    size = design_effect * (1 / current[0] + 1 / reference[0])
    covariance = np.atleast_2d(np.cov(sample, rowvar=False, bias=True)) * size
    weights = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0.0)
    return EmbeddingDistance(squared=float(difference @ difference), weights=weights)

"""Test by principal components of the reference: the mean error of reconstructing events from them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.multivariate.cross_moments import CrossMoments

RETAINED: Final = 0.95
"""Share of the reference's variance that the leading components hold."""


class ReconstructionChange(Struct, frozen=True, kw_only=True):
    """Mean reconstruction errors, in squared standard deviations, summed over the columns.

    Parameters
    ----------
    current, reference : float
        Of the window and of the reference, at least 0.
    n_components : int
        Number of leading components of the reference.
    column : int
        Position of the column whose error changed most.
    p_value : float
        Two-sided, in [0, 1].
    """

    current: float
    reference: float
    n_components: int
    column: int
    p_value: float

    @property
    def change(self) -> float:
        """The change of the error relative to the reference's."""
        return abs(self.current - self.reference) / self.reference


class Residual(NamedTuple):
    """The projection on the complement of the leading components.

    Attributes
    ----------
    projection : ndarray of float64, shape (p, p)
        I − P.
    n_components : int
        Components that P projects on.
    optimism : float
        Relative amount by which the error of the events that the components were fitted to is too small.
    """

    projection: NDArray[np.float64]
    n_components: int
    optimism: float


def residual_of(covariance: NDArray[np.float64], n: int) -> Residual:
    """Return the complement of the leading components of the covariance of n events.

    Examples
    --------
    >>> residual = residual_of(np.diag([1.0, 98.0, 1.0]), 10_000)
    >>> residual.n_components, residual.projection.diagonal().round(6).tolist(), residual.optimism < 0.001
    (1, [1.0, 0.0, 1.0], True)
    """
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values, kind="stable")
    shares = np.cumsum(np.maximum(values[order], 0.0))
    n_components = int(np.searchsorted(shares, RETAINED * shares[-1] * (1 - 1e-12)) + 1)
    leading = vectors[:, order[:n_components]]
    ordered = np.maximum(values[order], 0.0)
    leading_values, residual_values = ordered[:n_components, None], ordered[n_components:]
    gaps = np.maximum(leading_values - residual_values, (leading_values + residual_values) * math.sqrt(1 / (2 * n)))
    rotation = float((leading_values * residual_values / np.where(gaps > 0, gaps, 1.0)).sum()) * 2 / n
    optimism = rotation / float(residual_values.sum()) if residual_values.sum() > 0 else 0.0
    return Residual(np.eye(values.size) - leading @ leading.T, n_components, optimism)


def mean_errors(moments: CrossMoments, mean: NDArray[np.float64], residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean squared residual of each column, shape (p,): the diagonal of (I−P) E[(z−μ)(z−μ)ᵀ] (I−P)."""
    shifted = np.outer(moments.mean, mean)
    scatter = moments.second - shifted - shifted.T + np.outer(mean, mean)
    errors: NDArray[np.float64] = np.maximum(np.einsum("ij,jk,ik->i", residual, scatter, residual), 0.0)
    return errors


def reconstruction_change(
    current: CrossMoments, reference: CrossMoments, sample: NDArray[np.float64], design_effect: float = 1.0
) -> ReconstructionChange | None:
    """Compare the window's reconstruction error with the reference's.

    Parameters
    ----------
    current, reference : CrossMoments
        Of p columns.
    sample : ndarray of float64, shape (k, p)
        Rows of the reference, k at least 2, from which the variance of the error between events is estimated.
    design_effect : float, at least 1
        Factor by which serial dependence inflates the variance of means.

    Returns
    -------
    ReconstructionChange or None
        None where 95 % of the variance needs all components, so that there is no residual.

    Notes
    -----
    The mean error is tr((I − P) S) with S the second moments about the reference's mean: the cross-moments suffice.
    Its null is that of a mean of n errors whose variance V is the sample's: a gamma distribution of that mean and of
    variance D V (1/n + 1/N), which is as skewed to the right as sums of squares are. The p-value is twice the smaller
    tail. The components were fitted to the reference, so its own error is too small; the upper tail is taken beyond
    what that explains, to first order 2 Σ λᵢλⱼ/((λⱼ − λᵢ) N) over kept j and left i, a gap being no smaller than its
    standard error.

    *Cost*: O(p³).

    *Source*: Jackson and Mudholkar (1979), doi:10.1080/00401706.1979.10489779, for the residual's sum of squares; Box
    (1954), doi:10.1214/aoms/1177728786, for a gamma distribution of matched moments; Anderson (1963),
    doi:10.1214/aoms/1177704248, for the components' errors.

    *Oracle*: scikit-learn ``PCA``, its ``inverse_transform``.
    """
    residual, n_components, optimism = residual_of(reference.covariance, reference.n)
    if n_components == reference.mean.size:
        return None
    here = mean_errors(current, reference.mean, residual)
    there = mean_errors(reference, reference.mean, residual)
    between = float((((sample - reference.mean) @ residual) ** 2).sum(axis=1).var())
    expected = float(there.sum())
    variance = design_effect * between * (1 / current.n + 1 / reference.n)
    if expected <= 0 or variance <= 0:
        return None
    shape, scale = expected**2 / variance, variance / expected
    observed = float(here.sum())
    above = stats.gamma.sf(observed / (1 + optimism), shape, scale=scale)
    tail = min(above, stats.gamma.cdf(observed, shape, scale=scale))
    return ReconstructionChange(
        current=observed,
        reference=expected,
        n_components=n_components,
        column=int(np.argmax(np.abs(here - there))),
        p_value=float(min(1.0, 2 * tail)),
    )

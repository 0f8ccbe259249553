"""Test for a change of the correlation of two columns: the largest standardised change of Fisher's z over all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.multivariate.cross_moments import CrossMoments

MAX_CORRELATION: Final = 0.999
"""Correlations are clipped here before Fisher's transformation, which beyond it amplifies rounding."""


class CorrelationChange(Struct, frozen=True, kw_only=True):
    """The pair of columns with the most significant change of correlation, among the changes that pass the gate.

    Parameters
    ----------
    pair : tuple of int
        Positions of the two columns.
    current, reference : float
        Their correlations, in [-1, 1].
    statistic : float
        The change of Fisher's z in standard errors, its size.
    p_value : float
        Of the largest over all pairs, in [0, 1].
    n_pairs : int
        Number of tested pairs, whose columns vary on both sides.
    """

    pair: tuple[int, int]
    current: float
    reference: float
    statistic: float
    p_value: float
    n_pairs: int

    @property
    def change(self) -> float:
        """Absolute difference of the correlations."""
        return abs(self.current - self.reference)


def correlation_change(
    current: CrossMoments,
    reference: CrossMoments,
    variances: NDArray[np.float64],
    kurtoses: NDArray[np.float64],
    design_effect: float = 1.0,
    gate: float = 0.0,
) -> CorrelationChange | None:
    """Compare the correlations of a window with those of the reference.

    Parameters
    ----------
    current, reference : CrossMoments
        Of p columns.
    variances, kurtoses : ndarray of float64, shape (p(p - 1)/2,)
        Of the influence of one event on each pair's correlation, as
        :func:`driftline.profiles.building.joint_build.influences` has them; excess kurtosis.
    design_effect : float, at least 1
        Factor by which serial dependence inflates the variance of means.
    gate : float in [0, 2]
        Smallest change that matters: pairs below it rank after all pairs that pass it.

    Returns
    -------
    CorrelationChange or None
        None where fewer than four events were complete on a side, or no pair varies on both.

    Notes
    -----
    Each pair: Δ = artanh r − artanh r₀ has the variance D v/(1 − r₀²)² (1/(n − 3) + 1/(N − 3)), where v is n times the
    variance of r, whatever the distribution. Where events are few and their influence heavy-tailed, Δ is so too, more
    than a normal variable: its tail is that of Student's t with the same kurtosis, 4 + 6 n/(D κ) degrees of freedom.
    The p-value is Bonferroni's over the pairs: valid whatever their dependence.

    *Cost*: O(p²).

    *Source*: Fisher (1921), Metron 1, 3-32, for z; Steiger and Hakstian (1982),
    doi:10.1111/j.2044-8317.1982.tb00653.x, for the variance without normality. *Deviation*: the choice of the t
    distribution is ours, checked by simulation.

    *Oracle*: NumPy ``corrcoef``, SciPy ``stats.norm``.

    Examples
    --------
    >>> from driftline.multivariate.cross_moments import CrossMoments
    >>> def moments(n, r):
    ...     return CrossMoments(n, np.zeros(2), np.array([[1.0, r], [r, 1.0]]))
    >>> result = correlation_change(moments(1_000, 0.3), moments(10_000, 0.6), np.array([0.41]), np.zeros(1))
    >>> result.pair, round(result.change, 2), result.p_value < 1e-20
    ((0, 1), 0.3, True)
    """
    least = 4
    if min(current.n, reference.n) < least:
        return None
    rows, columns = np.triu_indices(current.mean.size, 1)
    here, there = current.correlation[rows, columns], reference.correlation[rows, columns]
    pairs = np.flatnonzero(np.isfinite(here) & np.isfinite(there))
    if not pairs.size:
        return None
    z_here, z_there = (np.arctanh(np.clip(r[pairs], -MAX_CORRELATION, MAX_CORRELATION)) for r in (here, there))
    unexplained = 1 - np.clip(there[pairs], -MAX_CORRELATION, MAX_CORRELATION) ** 2
    size = 1 / (current.n - 3) + 1 / (reference.n - 3)
    scaled = np.maximum(variances[pairs] / unexplained**2, _LEAST_VARIANCE)
    statistics = np.abs(z_here - z_there) / np.sqrt(design_effect * scaled * size)
    heavy = np.maximum(kurtoses[pairs], 0.0) * design_effect * (current.n**-3.0 + reference.n**-3.0) / size**2
    with np.errstate(divide="ignore"):
        freedom = np.minimum(4 + 6 / heavy, _NORMAL)
    p_values = 2 * np.where(freedom < _NORMAL, _t_tail(statistics, freedom), stats.norm.sf(statistics))
    matters = np.abs(here[pairs] - there[pairs]) >= gate
    best = int(np.argmin(np.where(matters, p_values, 2.0 + p_values)))
    return CorrelationChange(
        pair=(int(rows[pairs[best]]), int(columns[pairs[best]])),
        current=float(here[pairs[best]]),
        reference=float(there[pairs[best]]),
        statistic=float(statistics[best]),
        p_value=float(min(1.0, pairs.size * p_values[best])),
        n_pairs=int(pairs.size),
    )


_LEAST_VARIANCE: Final = 0.1
"""Of Fisher's z, times n; 1 for a normal distribution. Less is rounding, where two columns are nearly the same."""
_NORMAL: Final = 1e6
"""Degrees of freedom from which on Student's t is the normal distribution."""


def _t_tail(statistics: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper tail of a t variable that was scaled to unit variance."""
    tail: NDArray[np.float64] = stats.t.sf(statistics * np.sqrt(freedom / (freedom - 2)), freedom)
    return tail

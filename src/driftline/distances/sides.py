"""Validated counts of a window and of its reference over the same bins, the input of every distance."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from driftline.errors import ParameterError

Counts: TypeAlias = npt.NDArray[np.int64]
"""Events per bin: shape (B,), each at least 0."""


class DistanceResult(Struct, frozen=True, kw_only=True):
    """One comparison of a window with its profile.

    Parameters
    ----------
    raw : float
        The distance of the two smoothed or plain histograms, in the unit and range that the distance states.
    corrected : float or None
        The distance less its expectation when nothing has changed; for a root, the signed root of the square less the
        square's expectation. It may be negative: on average it, or its signed square, is zero without drift. None only
        where no correction is known.
    error_bound : float or None
        Largest difference between `raw` and the value on the unbinned events; None for distances that are defined on
        bins, and where a bin without bounds holds events of which neither sum nor extreme is known.
    n, n_reference : int
        Events of the window and of the profile, at least 1.
    n_bins : int
        Bins that are not empty on both sides, at least 1.
    """

    raw: float
    corrected: float | None
    error_bound: float | None
    n: int
    n_reference: int
    n_bins: int


class Sides(NamedTuple):
    """Validated counts of both sides, shape (n_bins,), without the bins that are empty on both sides.

    Attributes
    ----------
    current, reference : NDArray[int64], shape (n_bins,)
    n, n_reference : int
        Events of the window and of the profile, at least 1.
    nonempty : NDArray[bool], shape (B,)
        Which of the original bins are not empty on both sides.
    """

    current: Counts
    reference: Counts
    n: int
    n_reference: int
    nonempty: npt.NDArray[np.bool_]

    @property
    def n_bins(self) -> int:
        """Bins that are not empty on both sides."""
        return int(self.current.size)

    def shares(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Plain shares of both sides."""
        return self.current / self.n, self.reference / self.n_reference

    def smoothed(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Shares of both sides after half a count was added to every bin; each is positive and sums to 1."""
        half = self.n_bins / 2
        p: npt.NDArray[np.float64] = (self.current + np.float64(0.5)) / (self.n + half)
        q: npt.NDArray[np.float64] = (self.reference + np.float64(0.5)) / (self.n_reference + half)
        return p, q

    def pooled(self) -> npt.NDArray[np.float64]:
        """Shares of both sides' events together."""
        return (self.current + self.reference) / (self.n + self.n_reference)

    def cumulative(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Distribution functions of both sides at the bins' upper edges; the last is 1."""
        return np.cumsum(self.current) / self.n, np.cumsum(self.reference) / self.n_reference

    def null_scale(self, dispersion: float) -> float:
        """Variance of a difference of shares relative to π(1 − π) when nothing has changed: λ̄ (1/n + 1/N)."""
        return dispersion * (1 / self.n + 1 / self.n_reference)

    def null_chi_squared(self, dispersion: float) -> float:
        """Expected chi-squared divergence of the two sides' shares when nothing has changed, to first order.

        It is Σλⱼ (1/n + 1/N), with Σλⱼ = dispersion × (B − 1).
        """
        return (self.n_bins - 1) * self.null_scale(dispersion)

    def result(self, raw: float, corrected: float, error_bound: float | None = None) -> DistanceResult:
        """Return the result for these sides."""
        return DistanceResult(
            raw=raw,
            corrected=corrected,
            error_bound=error_bound,
            n=self.n,
            n_reference=self.n_reference,
            n_bins=self.n_bins,
        )


def prepare(current: Counts, reference: Counts, dispersion: float) -> Sides | None:
    """Validate both sides and drop the bins that are empty on both.

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts over the same bins.
    dispersion : float, greater than 0
        Mean eigenvalue λ̄ of the counts' covariance relative to independent data; 1 for independent data.

    Returns
    -------
    Sides or None
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are not integers, negative, not one-dimensional or of unequal shape; a dispersion that is not
        positive.
    """
    if not (math.isfinite(dispersion) and dispersion > 0):
        raise ParameterError("a number greater than 0", dispersion, "$.dispersion")
    for name, counts in (("current", current), ("reference", reference)):
        if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
            raise ParameterError(
                "a one-dimensional array of integers", f"{counts.ndim} dimensions of {counts.dtype}", f"$.{name}"
            )
        if counts.size and int(counts.min()) < 0:
            raise ParameterError("counts of at least 0", int(counts.min()), f"$.{name}")
    if current.shape != reference.shape:
        raise ParameterError(f"{reference.size} bins as in the reference", current.size, "$.current")
    n, n_reference = int(current.sum()), int(reference.sum())
    if n == 0 or n_reference == 0:
        return None
    nonempty = (current > 0) | (reference > 0)
    return Sides(current[nonempty], reference[nonempty], n, n_reference, nonempty)


def signed_root(square: float) -> float:
    """Return the signed root of a corrected square; a value clipped at zero would hide the size of the correction."""
    return math.copysign(math.sqrt(abs(square)), square)

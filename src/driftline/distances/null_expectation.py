"""Expectations of distances when nothing has changed, where they are more than a simple sum.

They hold under the null of :mod:`driftline.distances.base`: the differences of shares are normal with covariance
s (diag π − ππᵀ), s = λ̄ (1/n + 1/N).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.distances.sides import Sides

DRAWS: Final = 512
"""Fixed draws from the null over which largest differences are averaged."""
CACHED: Final = 4_096
"""Number of cached expectations of largest differences; they depend on the profile's column alone."""


def variances(sides: Sides, shares: NDArray[np.float64], dispersion: float) -> NDArray[np.float64]:
    """Return the null's variance of the difference of the two sides' values of each pooled share.

    It is s π(1 − π); the pooled share's estimate of π(1 − π) is too small by (n + N − 1)/(n + N), which is corrected.
    So the expectation of any sum of these squares is exact for independent data, however few.

    Parameters
    ----------
    sides : Sides
    shares : ndarray of float64, any shape, in [0, 1]
        Pooled shares of bins, or pooled values of the distribution function.
    dispersion : float, greater than 0
    """
    total = sides.n + sides.n_reference
    scale = sides.null_scale(dispersion) * total / (total - 1)
    variance: NDArray[np.float64] = scale * shares * (1 - shares)
    return variance


def absolute_differences(sides: Sides, shares: NDArray[np.float64], dispersion: float) -> NDArray[np.float64]:
    """Return the null's expectation of the absolute difference of the two sides' values of each pooled share.

    It is √(2 v / π̃), π̃ = 3.14..., for a normal difference of variance v, and at most 2π(1 − π), which by Jensen's
    inequality is a bound for one event each and so for any number. It applies where hardly any event is expected:
    without it the far tails of a heavy-tailed column would have an expectation that they cannot reach.
    """
    normal = np.sqrt(variances(sides, shares, dispersion) * (2 / math.pi))
    expected: NDArray[np.float64] = np.minimum(normal, 2 * shares * (1 - shares))
    return expected


def largest_difference(sides: Sides, dispersion: float, *, cumulative: bool) -> float:
    """Return the null's expectation of the largest absolute difference of shares, or of distribution functions.

    Parameters
    ----------
    sides : Sides
    dispersion : float, greater than 0
    cumulative : bool
        Whether of the distribution functions at the bins' edges, rather than of the shares.

    Notes
    -----
    There is no closed form beyond two bins: the mean over DRAWS fixed draws d = √s (√π ∘ g − π (√π · g)), with the
    profile's shares for π. The draws are a Latin hypercube: each bin's g are the same normal quantiles, permuted by a
    hash of their place, so no generator's stream is relied upon. They are within 4 % of the exact expectation: of
    √s √(π̃/2) ln 2 for distribution functions over ever finer bins, π̃ = 3.14...

    State: a cache of CACHED expectations, at most 9 MB with keys of 216 bins, and tables of draws of 8 MB for 1,024
    bins. Cost: O(DRAWS × B), a few milliseconds, once per profile and column.

    Source: McKay, Beckman and Conover (1979), doi:10.2307/1268522, for the hypercube; Steele, Lea and Flood (2014),
    doi:10.1145/2660193.2660195, for the hash.
    """
    expected = _largest(sides.reference.astype(np.int64).tobytes(), cumulative=cumulative)
    return math.sqrt(sides.null_scale(dispersion)) * expected


@lru_cache(maxsize=CACHED)
def _largest(counts: bytes, *, cumulative: bool) -> float:
    """Return the expectation for s = 1; the profile's counts are the key."""
    reference = np.frombuffer(counts, dtype=np.int64)
    shares = (reference[reference > 0] / reference.sum())[:, None]
    if len(shares) == 1:
        return 0.0
    if len(shares) == 2:  # noqa: PLR2004 - two bins: one normal difference, up to its sign
        return math.sqrt(2 / math.pi * float(shares[0, 0] * shares[1, 0]))
    scaled = np.sqrt(shares) * _normals(max(64, 1 << (len(shares) - 1).bit_length()))[: len(shares)]
    drawn = _bridges(scaled, shares) if cumulative else scaled - shares * scaled.sum(axis=0)
    return math.fsum(np.abs(drawn).max(axis=0)) / DRAWS


def _bridges(steps: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cumulative sums of steps less their total, spread by shares; the last row is zero."""
    walks = steps.cumsum(axis=0)
    bridges: NDArray[np.float64] = (walks - shares.cumsum(axis=0) * walks[-1])[:-1]
    return bridges


@lru_cache(maxsize=4)
def _normals(n_bins: int) -> NDArray[np.float64]:
    """Return standard normal draws, shape (n_bins, DRAWS); each row holds the same values in another order."""
    inverse = NormalDist().inv_cdf
    quantiles = np.array([inverse((i + 0.5) / DRAWS) for i in range(DRAWS)])
    quantiles /= math.sqrt(math.fsum(quantiles**2) / DRAWS)  # midpoints of strata vary less than 1
    hashes = _mixed(np.arange(1, n_bins * DRAWS + 1, dtype=np.uint64)).reshape(n_bins, DRAWS)
    normals: NDArray[np.float64] = quantiles[np.argsort(hashes, axis=1, kind="stable")]
    normals.setflags(write=False)
    return normals


def _mixed(places: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's output for the states that these places count; unsigned arithmetic wraps on purpose."""
    mixed = places * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

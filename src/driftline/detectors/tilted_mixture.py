"""Exponential tilts of a reference histogram, the bets of which a mixture e-detector is made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import chdtri, ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.detectors.base import Aspect

DIRECTIONS: Final[tuple[Aspect, ...]] = ("mean", "spread", "upper tail", "lower tail")
"""What a column can do: move, vary more or less, and have more values in its outermost groups."""

TILTS: Final = (
    (0, -1.0), (0, -0.5), (0, -0.2), (0, 0.2), (0, 0.5), (0, 1.0),
    (1, -0.4), (1, -0.15), (1, 0.15), (1, 0.4),
    (2, math.log(2)), (2, math.log(6)),
    (3, math.log(2)), (3, math.log(6)),
)  # fmt: skip
"""Direction and tilt θ, in units of the direction's standardised score; for tails, the logarithm of how many times as
many values they hold."""

GATES: Final = (0.02, 0.01, 0.05, 0.05)
"""By direction, the tilt up to which a change does not matter, in the units of :data:`TILTS`: a fiftieth of the
standard deviation, one percent of the variance's own variation, one twentieth more values in a tail."""

MARGIN: Final = 2.0
"""Standard errors of the reference by which the expectation of each bet is raised."""
_LEAST_VARIANCE: Final = 1e-9
"""Of scores that have something to tell apart."""
_CONFIDENCE: Final = 0.95
"""Of the upper limit that stands for an estimated variance ratio."""


class Tilts(NamedTuple):
    """What one column's counts are multiplied with; T tilts, G groups."""

    scores: NDArray[np.float64]
    """θ s(g), shape (T, G)."""
    log_means: NDArray[np.float64]
    """ln M(θ) with its margin, shape (T,)."""
    ratios: NDArray[np.float64]
    """Variance ratio of the direction's score, at least 1, shape (T,)."""

    def steps(self, counts: NDArray[np.int64] | Sequence[int]) -> NDArray[np.float64]:
        """Return the logarithm of each bet's factor for a pane's counts, shape (G,): shape (T,)."""
        seen = np.asarray(counts, dtype=np.float64)
        steps: NDArray[np.float64] = (self.scores @ seen - seen.sum() * self.log_means) / self.ratios
        return steps


def direction_scores(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a bounded score of each group for each direction, shape (4, G), from the shares of the reference.

    *Location*: the normal score of the group's middle rank, with mean 0 and variance 1 in the reference. *Spread*: its
    square, likewise. *Tails*: 1 in the outermost group, 0 elsewhere. Where a direction has nothing to move, as with a
    single group, its scores are 0.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), at least 0, sum 1
        Of neighbouring groups of values.

    Notes
    -----
    Source of the normal scores: van der Waerden (1952), on the middle ranks of groups.

    Examples
    --------
    >>> direction_scores(np.array([0.25, 0.5, 0.25])).round(2).tolist()[0]
    [-1.41, 0.0, 1.41]
    """
    middle = np.cumsum(shares) - shares / 2
    location = _standardised(ndtri(np.clip(middle, 1e-6, 1 - 1e-6)), shares)
    spread = _standardised(location * location, shares)
    upper, lower = np.zeros_like(location), np.zeros_like(location)
    if shares.size > 1:
        upper[-1] = lower[0] = 1.0
    return np.stack([location, spread, upper, lower])


def _standardised(scores: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = scores - shares @ scores
    variance = float(shares @ (centred * centred))
    return centred / math.sqrt(variance) if variance > _LEAST_VARIANCE else np.zeros_like(centred)


def tilts(
    shares: NDArray[np.float64],
    n_reference: int,
    ratios: Sequence[float],
    degrees_of_freedom: float = math.inf,
    gates: Sequence[float] = GATES,
) -> Tilts:
    """Return the tilts of a column.

    With the reference's shares p and a score s, the tilt θ makes the shares p(g) exp(θ s(g)) / M(θ), where M(θ) =
    Σ p(g) exp(θ s(g)) is exact. Shares that are tilted by at most the gate δ are no change that matters. Among them
    the bet on θ has its greatest expectation, M(θ ± δ) / M(±δ), at the gate itself, as ln M is convex: that is what
    counts as its expectation, or M(θ) with two standard errors of the reference, where that is more.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), at least 0, sum 1
    n_reference : int, at least 1
        Values that they were counted of.
    ratios : sequence of float, by direction
        Long-run variance of each direction's score over its plain variance; below 1 it counts as 1.
    degrees_of_freedom : float
        Of the estimated ratios; an upper limit stands for them.
    gates : sequence of float, by direction, at least 0

    Examples
    --------
    >>> fair = tilts(np.array([0.25, 0.5, 0.25]), 10**9, (1, 1, 1, 1))
    >>> usual, moved = fair.steps([25, 50, 25]), fair.steps([15, 45, 40])
    >>> bool((usual < 0).all()), round(float(moved.max()), 1)
    (True, 4.7)
    """
    scores = direction_scores(shares)
    of_tilts = [direction for direction, _ in TILTS]
    thetas = np.array([theta for _, theta in TILTS])
    units = scores[of_tilts]
    edges = np.copysign(np.asarray(gates, dtype=np.float64)[of_tilts], thetas)
    gated = _log_means(units, thetas + edges, shares) - _log_means(units, edges, shares)
    widened = np.maximum(np.asarray(ratios, dtype=np.float64), 1.0)
    if math.isfinite(degrees_of_freedom):
        widened = np.maximum(1.0, widened * degrees_of_freedom / chdtri(degrees_of_freedom, _CONFIDENCE))
    known = _log_means(units, thetas, shares)
    variances = np.maximum(np.expm1(_log_means(units, 2 * thetas, shares) - 2 * known), 0.0)
    errors = np.sqrt(variances * widened[of_tilts] / n_reference)
    return Tilts(thetas[:, None] * units, np.maximum(gated, known + MARGIN * errors), widened[of_tilts])


def _log_means(
    units: NDArray[np.float64], thetas: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ln M(θ) of each row of scores at its own θ, shape (T,)."""
    return np.log(np.exp(thetas[:, None] * units) @ shares)

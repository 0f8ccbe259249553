"""What the errors of a regression can do: their mean rises, or falls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.detectors.mixture.directions import SCORE_UNIT, Direction

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RISES: Final = (0.05, 0.1, 0.25, 0.5)
_FALLS: Final = (0.05, 0.1, 0.2, 0.4)
"""By which parts of itself the mean is bet to change."""
_STILL: Final = 0.02
"""Tilt up to which a change counts as none: a fiftieth of a standard deviation."""
_GREATEST: Final = 20.0
_BISECTIONS: Final = 40


class LossDirections(NamedTuple):
    """Directions of the mean of a loss."""

    rise: Direction
    fall: Direction
    deviation: float
    """Standard deviation of one loss that counts as the mean of its group, in multiples of the mean of all."""


def loss_directions(shares: NDArray[np.float64], sizes: NDArray[np.float64]) -> LossDirections | None:
    """Return the directions of a stream of losses; None where all are the same.

    The score of a group is the mean loss in it, standardised. So the mean of the scores is that of the losses, but for
    what moves within the groups: a loss far beyond the reference's counts as the mean of the last group.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), above 0, sum 1
        Of the reference's losses in each group.
    sizes : ndarray of float64, shape (G,), at least 0, ascending
        Mean loss of each group.

    Examples
    --------
    >>> found = loss_directions(np.array([0.5, 0.3, 0.2]), np.array([1.0, 2.0, 4.0]))
    >>> found.rise.scores.round(2).tolist(), round(found.deviation, 2)
    ([-0.79, 0.09, 1.85, 0.0], 0.6)
    >>> [round(theta, 2) for theta in found.rise.thetas]
    [0.08, 0.16, 0.36, 0.68]
    """
    mean = float(shares @ sizes)
    if mean <= 0:
        return None
    relative = sizes / mean - 1
    deviation = math.sqrt(float(shares @ (relative * relative)))
    if deviation <= 0:
        return None
    scores = np.rint(relative / deviation * SCORE_UNIT) / SCORE_UNIT
    return LossDirections(
        Direction("mean", np.append(scores, 0.0), _tilts(shares, scores, deviation, _RISES), _STILL),
        Direction("mean", np.append(-scores, 0.0), _tilts(shares, -scores, deviation, _FALLS), _STILL, grew=False),
        deviation,
    )


def _tilts(
    shares: NDArray[np.float64], scores: NDArray[np.float64], deviation: float, changes: tuple[float, ...]
) -> tuple[float, ...]:
    """Return the tilts that change the mean score by so much, by bisection; at most half-way to the greatest score."""
    usual, tilts = float(shares @ scores), set()
    for change in changes:
        wanted = min(usual + change / deviation, (usual + float(scores.max())) / 2)
        low, high = 0.0, _GREATEST
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            weights = shares * np.exp(middle * (scores - scores.max()))
            below = float(weights @ scores) / float(weights.sum()) < wanted
            low, high = (middle, high) if below else (low, middle)
        tilts.add(high)
    return tuple(sorted(tilts))

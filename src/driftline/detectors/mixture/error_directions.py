"""What the errors of a model can do: their share rises, or falls."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from driftline.detectors.mixture.directions import Direction

RIGHT, WRONG = range(2)
"""The two categories of labelled predictions."""
_CHANGES: Final = (0.02, 0.05, 0.1, 0.2)
"""By how much the share of wrong predictions is bet to change."""


def error_directions(wrong: float) -> tuple[Direction, Direction]:
    """Return the directions of a stream of labelled predictions: more wrong ones, and more right ones.

    Parameters
    ----------
    wrong : float in (0, 1)
        Share of the baseline's predictions that were wrong.

    Examples
    --------
    >>> worse, better = error_directions(0.1)
    >>> worse.scores.tolist(), [round(theta, 2) for theta in worse.thetas], better.grew
    ([0.0, 1.0, 0.0], [0.2, 0.46, 0.81, 1.35], False)
    """
    worse = np.array([0.0, 1.0, 0.0])
    better = np.array([1.0, 0.0, 0.0])
    return (
        Direction("category", worse, _tilts(wrong), group=WRONG),
        Direction("category", better, _tilts(1 - wrong), group=RIGHT, grew=False),
    )


def _tilts(share: float) -> tuple[float, ...]:
    """Return the tilts that make a share rise, each at most half-way to 1."""
    tilts = {_logit(min(share + change, (1 + share) / 2)) - _logit(share) for change in _CHANGES}
    return tuple(sorted(tilts))


def _logit(share: float) -> float:
    return math.log(share) - math.log1p(-share)

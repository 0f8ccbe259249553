"""What one column can do: the directions of a mixture e-detector, each with a score of every group of values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Aspect = Literal["mean", "spread", "upper tail", "lower tail", "category", "unlisted", "missing"]
"""What of a column changes."""

MOST_DIRECTIONS: Final = 8
"""Directions of one column at most."""
MOST_TILTS: Final = 4
"""Tilts of one direction at most."""
FREQUENT: Final = 5
"""Categories whose shares are watched one by one."""

_TWO: Final = 2

_UNIT: Final = 2.0**20
"""Scores are whole multiples of its inverse, so that their sums are exact in any order."""
_FURTHEST: Final = 8.0
"""Bound of a standardised score."""
_LEAST_VARIANCE: Final = 1e-9
"""Of scores that have something to tell apart."""
_SHIFTS: Final = (0.1, 0.25, 0.5, 1.0)
_SPREADS: Final = {True: (0.15, 0.4), False: (0.3,)}
"""Tilts to a larger and to a smaller spread."""
_TAILS: Final = (math.log(4),)
_RISES: Final = {"category": ((0.03, 0.15), (0.1, 0.5)), "rare": ((0.01, 0.1), (0.05, 0.3), (0.25, 0.8))}
"""By how much a share is bet to rise: at least by the first number, and by so many standard deviations of one event."""
_STILL: Final[dict[Aspect, float]] = {"mean": 0.02, "spread": 0.01}
_STILL_SHARE: Final = 0.05


class Direction(NamedTuple):
    """One thing that a column can do."""

    aspect: Aspect
    scores: NDArray[np.float64]
    """Of each group and, last, of events without a value: shape (G + 1,)."""
    thetas: tuple[float, ...]
    """Tilts, above 0, ascending; at most :data:`MOST_TILTS`."""
    still: float = _STILL_SHARE
    """Tilt up to which a change counts as none: a fiftieth of a standard deviation, one percent of the variance's own
    variation, a twentieth more of a share."""
    group: int = -1
    """The group that a direction of a share is about."""
    grew: bool = True
    """Whether more of it is bet on; of the mean, whether it rises. Of a share that falls, the score is that of all
    others."""
    cuts: tuple[float, ...] = ()
    """Of mean and spread: the normal quantiles between the groups, G - 1 of them."""

    @property
    def is_share(self) -> bool:
        """Whether the mean of its score is a share."""
        return self.aspect not in {"mean", "spread"}


def numeric_directions(shares: NDArray[np.float64], missing: float) -> tuple[Direction, ...]:
    """Return the directions of a column of numbers.

    *Mean*: the normal score of a group's middle rank, with mean 0 and variance 1 in the reference. *Spread*: its
    square, likewise. *Tails*: 1 in the outermost group, 0 elsewhere. *Missing*: 1 for events without a value. A
    direction in which the reference has nothing to move, as with a single group, is left out.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), above 0, sum 1
        Of the reference's values in neighbouring groups, in the order of the values.
    missing : float in (0, 1)
        Share of the reference's events that have no value.

    Notes
    -----
    Source of the normal scores: van der Waerden (1952), on the middle ranks of groups.

    Examples
    --------
    >>> every = numeric_directions(np.array([0.25, 0.5, 0.25]), 0.01)
    >>> [(each.aspect, each.grew) for each in every][:4]
    [('mean', True), ('mean', False), ('spread', True), ('spread', False)]
    >>> every[0].scores.round(2).tolist()
    [-1.41, 0.0, 1.41, 0.0]
    """
    middle = np.cumsum(shares) - shares / 2
    cuts = tuple(ndtri(np.clip(np.cumsum(shares)[:-1], 1e-6, 1 - 1e-6)).tolist())
    location = _standardised(ndtri(np.clip(middle, 1e-6, 1 - 1e-6)), shares)
    spread = _standardised(location * location, shares)
    found = []
    for grew in (True, False) if location.any() else ():
        scores = _scores(location if grew else -location)
        found.append(Direction("mean", scores, _SHIFTS, _STILL["mean"], grew=grew, cuts=cuts))
    for grew in (True, False) if spread.any() else ():
        scores = _scores(spread if grew else -spread)
        found.append(Direction("spread", scores, _SPREADS[grew], _STILL["spread"], grew=grew, cuts=cuts))
    if shares.size > 1:
        last = shares.size - 1
        found.append(Direction("upper tail", _indicator(shares.size, last), _TAILS, group=last))
        found.append(Direction("lower tail", _indicator(shares.size, 0), _TAILS, group=0))
    return (*found, _missing(shares.size, missing))


def categorical_directions(
    shares: NDArray[np.float64], missing: float, named: Sequence[int], unlisted: int | None
) -> tuple[Direction, ...]:
    """Return the directions of a column of categories: the share of each frequent one and of unlisted ones rises, and
    that of the most frequent one falls.

    Where a category becomes rarer, others become more frequent by as much; but many may share what it loses.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), above 0, sum 1
    missing : float in (0, 1)
    named : sequence of int
        Groups of a single category each.
    unlisted : int or None
        The group of categories that the reference does not have.

    Examples
    --------
    >>> every = categorical_directions(np.array([0.6, 0.399, 0.001]), 0.01, (0, 1), 2)
    >>> [(each.aspect, each.group, each.grew) for each in every]
    [('category', 0, True), ('category', 1, True), ('category', 0, False), ('unlisted', 2, True), ('missing', 3, True)]
    """
    by_share = sorted(named, key=lambda group: (-shares[group], group))
    frequent = sorted(by_share[:FREQUENT])
    found = []
    for group in frequent if shares.size > 1 else ():
        rises = _rises(float(shares[group]), "category")
        found.append(Direction("category", _indicator(shares.size, group), rises, group=group))
    if named and shares.size > _TWO:  # of two, one falls where the other rises
        others = np.append(np.ones(shares.size), 0.0) - _indicator(shares.size, by_share[0])
        rises = _rises(float(1 - shares[by_share[0]]), "category")
        found.append(Direction("category", others, rises, group=by_share[0], grew=False))
    if unlisted is not None:
        rises = _rises(float(shares[unlisted]), "rare")[:2]
        found.append(Direction("unlisted", _indicator(shares.size, unlisted), rises, group=unlisted))
    return (*found, _missing(shares.size, missing))


def _missing(n_groups: int, share: float) -> Direction:
    return Direction("missing", _indicator(n_groups, n_groups), _rises(share, "rare"), group=n_groups)


def _rises(share: float, kind: Literal["category", "rare"]) -> tuple[float, ...]:
    """Return the tilts that make a share rise: the differences of its logits."""
    deviation = math.sqrt(share * (1 - share))
    tilts = []
    for least, deviations in _RISES[kind]:
        to = min(share + max(least, deviations * deviation), (1 + share) / 2)
        tilts.append(math.log(to / (1 - to)) - math.log(share / (1 - share)))
    return tuple(tilts)


def _indicator(n_groups: int, group: int) -> NDArray[np.float64]:
    scores = np.zeros(n_groups + 1)
    scores[group] = 1.0
    return scores


def _scores(of_groups: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(np.rint(np.clip(of_groups, -_FURTHEST, _FURTHEST) * _UNIT) / _UNIT, 0.0)


def _standardised(scores: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores with mean 0 and variance 1 in the reference; 0 where they are equal."""
    centred: NDArray[np.float64] = scores - shares @ scores
    variance = float(shares @ (centred * centred))
    return centred / math.sqrt(variance) if variance > _LEAST_VARIANCE else np.zeros_like(centred)

"""What one column can do: the directions of a mixture e-detector, each with a score of every group of values."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from driftline.detectors.mixture.size_curves import SizeCurve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.detectors.mixture.growth import Growth

Aspect = Literal["mean", "spread", "upper tail", "lower tail", "category", "unlisted", "missing", "constant"]
"""What of a column changes; that it is constant is no direction, and watched by itself."""

MOST_DIRECTIONS: Final = 8
"""Directions of one column at most."""
MOST_TILTS: Final = 4
"""Tilts of one direction at most."""
FREQUENT: Final = 4
"""Categories whose shares are watched one by one."""

_TWO: Final = 2

SCORE_UNIT: Final = 2.0**20
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
_ALONE: Final = ((0.03, 0.25),)
"""The same of the share of zeros, up and down."""
_STILL: Final[dict[Aspect, float]] = {"mean": 0.02, "spread": 0.01}
_STILL_SHARE: Final = 0.05
_STEPS: Final = 401


def _both_ways(most: float) -> dict[bool, NDArray[np.float64]]:
    """Return sizes from 0 to the largest one up, and to the largest one down; by whether they grow."""
    sizes = np.linspace(0.0, most, _STEPS)
    return {True: sizes, False: -sizes}


_SHIFT_SIZES: Final = _both_ways(8.0)
_SPREAD_SIZES: Final = _both_ways(3.0)
"""Shifts, and logarithms of a ratio, that are told apart."""


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
    curve: SizeCurve | None = None
    """Of mean and spread: how large a change is. A shift in standard deviations, with its sign; of a spread, the
    logarithm of its ratio."""

    def size_of(self, change: float) -> float:
        """Return how large a change is of which the mean score has changed by so much; of mean and spread only."""
        return 0.0 if self.curve is None else self.curve.size_of(change)

    @property
    def is_share(self) -> bool:
        """Whether the mean of its score is a share."""
        return self.aspect not in {"mean", "spread"}


def numeric_directions(
    shares: NDArray[np.float64], missing: float, growth: Growth | None = None
) -> tuple[Direction, ...]:
    """Return the directions of a column of numbers.

    *Mean*: the normal score of a group's middle rank, with mean 0 and variance 1 in the reference; of values that grow
    and shrink the score of that. *Spread*: the square of the normal score, likewise. Where there are many zeros their
    share takes its place. *Tails*: 1 in the outermost group, 0 elsewhere. *Missing*: 1 for events without a value. A
    direction in which the reference has nothing to move, as with a single group, is left out.

    Parameters
    ----------
    shares : ndarray of float64, shape (G,), above 0, sum 1
        Of the reference's values in neighbouring groups, in the order of the values.
    missing : float in (0, 1)
        Share of the reference's events that have no value.
    growth : Growth, optional
        Of these groups: values do not move but grow and shrink.

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
    location = _standardised(ndtri(np.clip(middle, 1e-6, 1 - 1e-6)), shares)
    found = _of_factors(growth, shares) if growth is not None else _of_shifts(location, shares)
    if growth is not None and growth.zeros >= 0:
        found += _of_zeros(growth.zeros, shares)
    else:
        found += _of_spreads(location, shares)
    if shares.size > 1:
        last = shares.size - 1
        found.append(Direction("upper tail", _indicator(shares.size, last), _TAILS, group=last))
        found.append(Direction("lower tail", _indicator(shares.size, 0), _TAILS, group=0))
    return (*found, _missing(shares.size, missing))


def _of_shifts(location: NDArray[np.float64], shares: NDArray[np.float64]) -> list[Direction]:
    cuts = _normal_cuts(shares)

    def below(shifts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndtr(cuts - shifts[:, None]))

    found = []
    for grew in (True, False) if location.any() else ():
        sign = 1.0 if grew else -1.0
        scores = _scores(sign * location)
        curve = SizeCurve(below, scores[:-1], _SHIFT_SIZES[grew])
        found.append(Direction("mean", scores, _SHIFTS, _STILL["mean"], grew=grew, curve=curve))
    return found


def _of_factors(growth: Growth, shares: NDArray[np.float64]) -> list[Direction]:
    score, middle = _standardised(growth.score, shares), len(growth.sizes) // 2
    found = []
    for grew in (True, False) if score.any() else ():
        sign, held = (1.0, slice(middle, None)) if grew else (-1.0, slice(middle, None, -1))
        scores = _scores(sign * score)
        curve = SizeCurve(partial(_below, growth.shares[held]), scores[:-1], growth.sizes[held])
        found.append(Direction("mean", scores, _SHIFTS, _STILL["mean"], grew=grew, curve=curve))
    return found


def _of_spreads(location: NDArray[np.float64], shares: NDArray[np.float64]) -> list[Direction]:
    cuts = _normal_cuts(shares)
    spread = _standardised(location * location, shares)

    def below(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndtr(cuts / np.exp(logs[:, None])))

    found = []
    for grew in (True, False) if spread.any() else ():
        sign = 1.0 if grew else -1.0
        scores = _scores(sign * spread)
        curve = SizeCurve(below, scores[:-1], _SPREAD_SIZES[grew])
        found.append(Direction("spread", scores, _SPREADS[grew], _STILL["spread"], grew=grew, curve=curve))
    return found


def _of_zeros(group: int, shares: NDArray[np.float64]) -> list[Direction]:
    zeros = _indicator(shares.size, group)
    others, share = np.append(np.ones(shares.size), 0.0) - zeros, float(shares[group])
    return [
        Direction("category", zeros, _rises(share, _ALONE), group=group),
        Direction("category", others, _rises(1 - share, _ALONE), group=group, grew=False),
    ]


def _normal_cuts(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal quantiles between groups with these shares, shape (G - 1,)."""
    cuts: NDArray[np.float64] = ndtri(np.clip(np.cumsum(shares)[:-1], 1e-6, 1 - 1e-6))
    return cuts


def _below(shares: NDArray[np.float64], _sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of values below each group but the first, given those of the groups, shape (S, G)."""
    below: NDArray[np.float64] = np.cumsum(shares, axis=1)[:, :-1]
    return below


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
        rises = _rises(float(shares[group]), _RISES["category"])
        found.append(Direction("category", _indicator(shares.size, group), rises, group=group))
    if named and shares.size > _TWO:  # of two, one falls where the other rises
        others = np.append(np.ones(shares.size), 0.0) - _indicator(shares.size, by_share[0])
        rises = _rises(float(1 - shares[by_share[0]]), _RISES["category"])
        found.append(Direction("category", others, rises, group=by_share[0], grew=False))
    if unlisted is not None:
        rises = _rises(float(shares[unlisted]), _RISES["rare"])[:2]
        found.append(Direction("unlisted", _indicator(shares.size, unlisted), rises, group=unlisted))
    return (*found, _missing(shares.size, missing))


def _missing(n_groups: int, share: float) -> Direction:
    return Direction("missing", _indicator(n_groups, n_groups), _rises(share, _RISES["rare"]), group=n_groups)


def _rises(share: float, rises: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Return the tilts that make a share rise: the differences of its logits."""
    deviation = math.sqrt(share * (1 - share))
    tilts = []
    for least, deviations in rises:
        to = min(share + max(least, deviations * deviation), (1 + share) / 2)
        tilts.append(math.log(to / (1 - to)) - math.log(share / (1 - share)))
    return tuple(tilts)


def _indicator(n_groups: int, group: int) -> NDArray[np.float64]:
    scores = np.zeros(n_groups + 1)
    scores[group] = 1.0
    return scores


def _scores(of_groups: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(np.rint(np.clip(of_groups, -_FURTHEST, _FURTHEST) * SCORE_UNIT) / SCORE_UNIT, 0.0)


def _standardised(scores: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores with mean 0 and variance 1 in the reference; 0 where they are equal."""
    centred: NDArray[np.float64] = scores - shares @ scores
    variance = float(shares @ (centred * centred))
    return centred / math.sqrt(variance) if variance > _LEAST_VARIANCE else np.zeros_like(centred)

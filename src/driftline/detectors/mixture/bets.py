"""The bets of a mixture e-detector on all columns of a model at once, and what an unchanged stream makes of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.detectors.mixture.directions import MOST_DIRECTIONS, MOST_TILTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.detectors.mixture.directions import Direction

MARGIN: Final = 2.0
"""Standard errors of the reference by which the expectation of each bet is raised."""
GREATEST_TILT: Final = 20.0
_BISECTIONS: Final = 30


class Fair(NamedTuple):
    """What an unchanged stream is expected to be, in some hour; C columns, D directions, K tilts."""

    log_means: NDArray[np.float64]
    """ln M of each bet, shape (C, D, K)."""
    means: NDArray[np.float64]
    """Expected score, shape (C, D)."""


class Bets:
    """What the counts of C columns are multiplied with.

    Parameters
    ----------
    directions : sequence of tuple of Direction, length C
    n_groups : int
        Groups that the counts of every column are padded to, those without a value counted last.

    Attributes
    ----------
    thetas : ndarray of float64, shape (C, D, K)
        0 where there is no bet.
    log_weights : ndarray of float64, shape (C, D, K)
        Each bet's part of its column's mixture; -inf where there is none.
    of_events : ndarray of bool, shape (C, D)
        Whether a direction is about all events, not only those with a value.
    still : ndarray of float64, shape (C, D)
        Tilt up to which a change counts as none, at least.
    """

    def __init__(self, directions: Sequence[tuple[Direction, ...]], n_groups: int) -> None:
        shape = (len(directions), MOST_DIRECTIONS)
        scores = np.zeros((*shape, n_groups + 1))
        self.thetas = np.zeros((*shape, MOST_TILTS))
        self.log_weights = np.full((*shape, MOST_TILTS), -np.inf)
        self.of_events = np.zeros(shape, dtype=bool)
        self.still = np.zeros(shape)
        for column, every in enumerate(directions):
            n_bets = sum(len(direction.thetas) for direction in every)
            for place, direction in enumerate(every):
                own = direction.scores.size - 1
                scores[column, place, :own] = direction.scores[:own]
                scores[column, place, -1] = direction.scores[own]
                self.thetas[column, place, : len(direction.thetas)] = direction.thetas
                self.log_weights[column, place, : len(direction.thetas)] = -math.log(n_bets)
                self.of_events[column, place] = direction.aspect == "missing"
                self.still[column, place] = direction.still
        narrow = scores.astype(np.float32)
        self._scores = narrow if np.array_equal(narrow, scores) else scores

    @property
    def scores(self) -> NDArray[np.float64]:
        """Score of each group, events without a value last, shape (C, D, n_groups + 1).

        They are kept in half the space where they are multiples of 2⁻²⁰, which 32-bit floating point holds exactly.
        """
        return self._scores.astype(np.float64)

    def fair(self, shares: NDArray[np.float64], still: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the fair price of each bet where a stream has these shares, a logarithm, shape (C, D, K).

        With shares p and a score s, the tilt θ makes of them p(g) exp(θ s(g)) / M(θ), where M(θ) = Σ p(g) exp(θ s(g))
        is exact. Shares that are tilted by at most ``still`` are no change that matters. Among them the bet on θ has
        its greatest expectation, M(θ + still) / M(still), at that limit, as ln M is convex: that is its fair price.

        Parameters
        ----------
        shares : ndarray of float64, shape (C, n_groups + 1), at least 0, each row with sum 1
            Of all events; those without a value last.
        still : ndarray of float64, shape (C, D), optional
            By default :attr:`still`.
        """
        still = (self.still if still is None else still)[:, :, None]
        moved, limit = self._log_means_at(self.thetas + still, shares), self._log_means_at(still, shares)
        return np.maximum(moved - limit, self.log_means(shares))

    def fair_beside(self, shares: NDArray[np.float64], tilts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the price of each bet at which none gains where the shares move in any one direction of the values.

        A mean that wanders makes values lie farther from the usual mean, and more of them in a tail: what may move in
        one direction moves the scores of the others.

        Parameters
        ----------
        shares : ndarray of float64, shape (C, n_groups + 1)
        tilts : ndarray of float64, shape (C, D), at least 0
            How far the shares may move in each direction.

        Notes
        -----
        *Cost*: that of :meth:`log_means` for each direction in which some column moves.
        """
        prices = self.log_means(shares)
        tilts, scores = np.where(self.of_events, 0.0, tilts), self.scores
        for place in np.flatnonzero(tilts.any(axis=0)).tolist():
            moved = shares * np.exp(tilts[:, place, None] * scores[:, place])
            moved[:, -1] = shares[:, -1]
            prices = np.where(self.of_events[:, :, None], prices, np.maximum(prices, self.log_means(moved)))
        return prices

    def means(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected score of each direction, shape (C, D)."""
        means: NDArray[np.float64] = np.einsum("cdg,cdg->cd", self._bases(shares), self.scores)
        return means

    def log_means(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ln M of each bet, shape (C, D, K), without what counts as no change."""
        return self._log_means_at(self.thetas, shares)

    def variances(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance of each bet's gain from one event over its squared mean, shape (C, D, K)."""
        known = self.log_means(shares)
        return np.maximum(np.expm1(self._log_means_at(2 * self.thetas, shares) - 2 * known), 0.0)

    def tilts_to(self, changes: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the tilts that change the mean score of each direction by so much, shape (C, D), by bisection.

        At most :data:`GREATEST_TILT`, where the scores cannot have so great a mean.
        """
        base, usual, scores = self._bases(shares), self.means(shares), self.scores
        low, high = np.zeros_like(changes), np.full_like(changes, GREATEST_TILT)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            weights = base * np.exp(middle[:, :, None] * scores)
            means = (weights * scores).sum(axis=2) / np.maximum(weights.sum(axis=2), np.finfo(np.float64).tiny)
            below = means - usual < changes
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.where(changes > 0, high, 0.0)

    def _bases(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares that each direction is about, shape (C, D, n_groups + 1)."""
        values = shares.copy()
        values[:, -1] = 0.0
        values /= np.maximum(values.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return np.where(self.of_events[:, :, None], shares[:, None, :], values[:, None, :])

    def _log_means_at(self, thetas: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ln M(θ) for tilts of shape (C, D, K) or (C, D, 1)."""
        gains = np.exp(thetas[..., None] * self.scores[:, :, None, :])
        means = (gains * self._bases(shares)[:, :, None, :]).sum(axis=-1)
        return np.log(np.where(means > 0, means, 1.0))


class Pane(NamedTuple):
    """What a pane says in each direction."""

    scores: NDArray[np.float64]
    """Sum of the scores, shape (C, D)."""
    n: NDArray[np.float64]
    """Events that the direction is about, shape (C, D)."""


def pane_of(bets: Bets, counts: NDArray[np.int64]) -> Pane:
    """Return what counts say, shape (C, n_groups + 1), those of events without a value last."""
    seen = counts.astype(np.float64)
    events = seen.sum(axis=1)
    values = events - seen[:, -1]
    n = np.where(bets.of_events, events[:, None], values[:, None])
    return Pane(np.einsum("cdg,cg->cd", bets.scores, seen), n)

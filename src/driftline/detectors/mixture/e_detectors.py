"""A mixture e-detector on the histograms of all columns of a model: finds changes as soon as panes show them.

For a pane with counts c over the groups of a column, n in all, each bet θ on a direction with score s has the factor::

    ln L = (θ Σ c(g) s(g) − n ln M(θ)) / λ,    M(θ) = Σ p(g) exp(θ s(g))
    R ← (γ R + 1) L,                           change when mean R ≥ panes of the horizon / alarms allowed

with the reference's shares p and λ, how much more the mean of the score varies than that of independent values.
Independent values of the reference have E[L] = 1, so that E[mean R] grows by at most 1 a pane, and the expected number
of alarms in N panes is at most N × allowed / panes of the horizon, whatever the sizes of the panes. The scores are
bounded, so that one far value counts like any other in its group. Evidence fades, γ < 1, which only lowers R: what lies
farther back than the variation of the data is known for says little.

R is the sum of e-values over all panes in which the change can have begun, Σ exp(S(now) − S(start)). So these weights
say where it began: of each bet the mean number of events since, and the mean of their scores, are the estimates of the
onset and of the size of the change.

Source: Shin, Ramdas and Rinaldo (2022), arXiv:2203.03532, definition 2.2, theorem 2.4 and section 4.2 (mixtures).
Deviations: R restarts at each pane, not at each event; γ, and the powers 1 / λ for dependent values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.detectors.mixture.bets import Bets, Fair, Pane

_FLOOR: Final = -60.0
"""Least logarithm of R: below it nothing of R matters."""


_ENOUGH: Final = 1.0
"""By how much the evidence of a bet alone exceeds a threshold at most, before the next pane: of what does not matter
evidence would go on to grow, and hide a greater change that comes later. A smaller R keeps the bound."""


class Alarm(NamedTuple):
    """A change of one column."""

    column: int
    direction: int
    statistic: float
    """ln of the mixture's mean R."""
    n: float
    """Events since it began, as estimated; for a direction of values those that have one."""
    change: float
    """Mean of the direction's score since, less what is expected."""


class MixtureState:
    """The e-detectors of C columns.

    Attributes
    ----------
    logs : ndarray of float32, shape (C, D, K)
        ln R of each bet.
    events, totals : ndarray of float32, shape (C, D, K)
        Mean number of events since the change began, and sum of their scores less the expected ones.

    Notes
    -----
    *State*: three numbers a bet, at most 200 bytes a column as they are stored. *Cost* of a pane: O(C D K).
    """

    def __init__(self, bets: Bets) -> None:
        self._bets = bets
        columns, directions, tilts = bets.thetas.shape
        self.logs = np.full((columns, directions, tilts), _FLOOR, dtype=np.float32)
        self.events = np.zeros_like(self.logs)
        self.totals = np.zeros_like(self.logs)

    def step(
        self,
        pane: Pane,
        fair: Fair,
        ratios: NDArray[np.float64],
        thresholds: NDArray[np.float64],
        fading: NDArray[np.float64] | float = 0.0,
    ) -> list[Alarm]:
        """Add a pane, and return the columns whose statistic is at its threshold or above.

        Whether one of them is an alarm may depend on anything that is known by then. The column then begins anew, with
        :meth:`clear`: the bound holds for any such rule, as it does for any stopping time.

        Parameters
        ----------
        pane : Pane
        fair : Fair
            What is expected of it.
        ratios : ndarray of float64, shape (C, D), at least 1
            λ of each direction; infinite where it is not known: then nothing moves.
        thresholds : ndarray of float64, shape (C,)
            ln of each column's threshold.
        fading : ndarray of float64, shape (C,), or float, at least 0
            −ln γ of each column.
        """
        bets = self._bets
        most = thresholds[:, None, None] + _ENOUGH - bets.log_weights
        self.logs[...] = np.minimum(self.logs, np.where(np.isfinite(most), most, np.inf))
        gains = bets.thetas * pane.scores[:, :, None] - pane.n[:, :, None] * fair.log_means
        steps = gains / ratios[:, :, None]
        logs = self.logs - np.broadcast_to(fading, len(self.logs))[:, None, None]
        with_start = np.logaddexp(logs, 0.0)
        after = np.maximum(with_start + steps, _FLOOR)
        kept, excess = np.exp(logs - with_start), pane.scores - pane.n * fair.means
        self.events[...] = kept * self.events + pane.n[:, :, None]
        self.totals[...] = kept * self.totals + excess[:, :, None]
        self.logs[...] = after
        return [self.seen_in(column) for column in np.flatnonzero(self.statistics() >= thresholds).tolist()]

    def statistics(self) -> NDArray[np.float64]:
        """Return ln of the mixture's mean R of each column, shape (C,)."""
        weighted = (self.logs + self._bets.log_weights).reshape(len(self.logs), -1)
        statistics: NDArray[np.float64] = np.logaddexp.reduce(weighted, axis=1)
        return statistics

    def seen_in(self, column: int) -> Alarm:
        """Return the change of a column as its leading bet sees it now, whether it is enough for an alarm or not."""
        weighted = (self.logs[column] + self._bets.log_weights[column]).ravel()
        direction, tilt = divmod(int(weighted.argmax()), self.logs.shape[2])
        n = float(self.events[column, direction, tilt])
        change = float(self.totals[column, direction, tilt]) / n if n > 0 else 0.0
        return Alarm(column, direction, float(np.logaddexp.reduce(weighted)), n, change)

    def clear(self, column: int) -> None:
        """Begin a column anew."""
        self.logs[column] = _FLOOR
        self.events[column] = self.totals[column] = 0.0

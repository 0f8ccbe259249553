"""What an e-detector holds the errors of a regression against: how large they are in the reference, by groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.checks.labels.error_bets import COLUMNS, LOSS, ErrorBets, fair_prices
from driftline.detectors.mixture.bets import Bets
from driftline.detectors.mixture.loss_directions import loss_directions
from driftline.performance.losses import mean_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.checks.labels.error_bets import ErrorVariation
    from driftline.config.model import TestedMetric
    from driftline.detectors.mixture.loss_directions import LossDirections
    from driftline.profiles.profile import Profile


class LossBets:
    """The bets on the absolute errors of a regression.

    Parameters
    ----------
    profile : Profile
    directions : LossDirections
    shares : ndarray of float64, shape (G,)
        Of the reference's errors in each group.
    n : int
        Labelled rows of the reference.
    before : float
        Mean absolute error of the reference, in the unit of the prediction.
    variation : ErrorVariation

    Attributes
    ----------
    bets : Bets
        Of two columns, one that bets on larger errors and one on smaller ones: neither may hide the other.
    fair : Fair
        What is expected of any pane, with a margin of two standard errors of the reference.
    """

    metric: TestedMetric = LOSS

    def __init__(
        self,
        profile: Profile,
        directions: LossDirections,
        shares: NDArray[np.float64],
        n: int,
        before: float,
        variation: ErrorVariation,
    ) -> None:
        self.profile, self.n, self.before, self.variation = profile, n, before, variation
        self._deviation = directions.deviation
        self.bets = Bets([(directions.rise,), (directions.fall,)], shares.size)
        self.fair = fair_prices(self.bets, np.stack([np.append(shares, 0.0)] * COLUMNS), n, variation)

    def after(self, change: float, *, worse: bool) -> float:
        """Return the mean absolute error after a change of the mean score."""
        return max(0.0, self.before * (1 + (change if worse else -change) * self._deviation))

    def deviation(self, after: float) -> float:
        """Return the standard deviation of one error, where their mean is so large."""
        return self._deviation * max(after, self.before)


def bets_on(profile: Profile, baseline: PerformanceBaseline, variation: ErrorVariation) -> ErrorBets | LossBets | None:
    """Return the bets on the errors of a model; None where there is nothing to bet on.

    Of numbers they are against the reference, which alone has groups of errors; of classes against the baseline.
    """
    groups = profile.error_groups
    if profile.task.kind != "regression":
        return ErrorBets(profile, baseline, variation)
    loss = mean_loss(profile.task.performance_layout, baseline.vector, LOSS)
    if groups is None or loss is None or baseline.origin != "reference":
        return None
    counts = np.array(groups.counts, dtype=np.float64)
    shares = counts / counts.sum()
    directions = loss_directions(shares, np.array(groups.means))
    if directions is None:
        return None
    return LossBets(profile, directions, shares, int(counts.sum()), loss.mean, variation)

"""Prediction-powered means of a regression's losses: of all predictions, from few labels, by strata of the prediction.

Losses are skewed, and the few labels of a window may miss the large ones. So the variance of a stratum is held up by
that of the reference's labelled rows, means at least 0 have intervals on the scale of their logarithm, and a mean whose
standard error would be more than a tenth of it is withheld.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

from driftline.performance.prediction_powered import Cells, PoweredMean, Strata, Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.intervals import Interval
    from driftline.sketches.loss_strata import LossSums

    Floats = NDArray[np.float64]

REFERENCE_LABELS: Final = 30
"""Labels that the reference's variance counts for in each stratum, where it is the larger one."""
RELATIVE_ERROR: Final = 0.1
"""Standard error of labels alone, over the mean loss, up to which an interval is trusted."""
WITHOUT_REFERENCE: Final = 0.05
"""The same where no reference says how losses vary."""
ONE_SIDED: Final = 0.5
"""Part of either for losses that cost more on one side, which are more skewed."""
_SMOOTHED: Final = 10.0
"""Rows of the overall mean that are added to each stratum of the reference."""
_UPPER: Final = 0.975


class LossWeights(NamedTuple):
    """A loss that is linear on either side of zero error: what one unit of the absolute error costs.

    Attributes
    ----------
    under, over : float
        Of predictions below their label, and above it; the absolute error has 1 and 1, the bias -1 and 1.
    """

    under: float
    over: float


class LossMoments(NamedTuple):
    """Sums of a loss and of its square by stratum, each of shape (g,)."""

    total: Floats
    square: Floats


class LossMean(NamedTuple):
    """The mean loss of all predictions.

    Attributes
    ----------
    mean : PoweredMean
        In spreads of the reference.
    degrees_of_freedom : float, above 0
        Of the variance of ``mean.window_error``.
    """

    mean: PoweredMean
    degrees_of_freedom: float

    def interval(self) -> Interval:
        """Return the 95 % interval of a mean of either sign.

        Examples
        --------
        >>> [round(end, 3) for end in LossMean(PoweredMean(-0.1, 0.2, 0.2), 100.0).interval()]
        [-0.497, 0.297]
        """
        half = self._quantile() * self.mean.window_error
        return self.mean.value - half, self.mean.value + half

    def positive_interval(self) -> Interval:
        """Return the 95 % interval of a mean above 0: normal on the scale of its logarithm, as losses are skewed.

        Examples
        --------
        >>> [round(end, 3) for end in LossMean(PoweredMean(1.0, 0.1, 0.1), 100.0).positive_interval()]
        [0.82, 1.219]
        """
        factor = math.exp(self._quantile() * self.mean.window_error / self.mean.value)
        return self.mean.value / factor, self.mean.value * factor

    def _quantile(self) -> float:
        return float(special.stdtrit(self.degrees_of_freedom, _UPPER))


class PoweredLosses:
    """Mean losses of a regression over all predictions.

    Parameters
    ----------
    sums : LossSums
        Of the window, with two labels or more; labels are no more than predictions, stratum by stratum.
    reference : LossSums or None
        Of the reference's labelled rows, from which losses are expected.

    Notes
    -----
    The estimate and its variance are those of :class:`driftline.performance.prediction_powered.Strata`, with a weight λ
    of each loss. A stratum's variance is at least that of its n labels and ``REFERENCE_LABELS`` of the reference, whose
    losses are scaled to the labels' mean absolute error. The quantile of the interval is Student's.

    *Source*: as there; degrees of freedom: Satterthwaite (1946), doi:10.2307/3002019. Deviations: the variance from the
    reference and the logarithmic scale, both of which only widen the upper side where losses are skewed.

    *Cost*: O(strata).
    """

    def __init__(self, sums: LossSums, reference: LossSums | None) -> None:
        filled = sums.n > 0
        self.cells = Cells(np.zeros(int(filled.sum()), dtype=np.int64), sums.n[filled], sums.n_labels[filled])
        self._sums, self._filled = sums, filled
        self._reference = None if reference is None or not reference.n_labels.any() else reference

    def without_labels(self) -> Cells:
        """Return the cells with neighbours that have no label as one: together they may be no accident."""
        empty = self.cells.n_labels == 0
        starts = np.flatnonzero(~(empty & np.concatenate([[False], empty[:-1]])))
        n, n_labels = (np.add.reduceat(counts, starts) for counts in (self.cells.n, self.cells.n_labels))
        return Cells(self.cells.kind[starts], n, n_labels)

    def strata(self, loss: LossWeights) -> Strata:
        """Return the strata with the weight of the expected losses that fits a loss."""
        return Strata(self.cells, self._moments(loss).total, self._expected(loss))

    def mean(self, loss: LossWeights) -> LossMean:
        """Return the mean of a loss over all predictions."""
        strata, moments = self.strata(loss), self._moments(loss)
        values = Values(moments.total, moments.square, self._expected(loss))
        variances = self._variances(loss, strata, values)
        parts = (strata.n / strata.n.sum()) ** 2 * np.maximum(1 / strata.n_labels - 1 / strata.n, 0.0) * variances
        freedom = float((parts**2 / np.maximum(strata.n_labels - 1, 1)).sum())
        mean = strata.mean(values, variances)
        return LossMean(mean, float(parts.sum()) ** 2 / freedom if freedom > 0 else math.inf)

    def needed(self, loss: LossWeights) -> float:
        """Return the labels that a loss of at least 0 needs: infinitely many where all labels have none.

        It is the larger of two numbers, by how losses vary among the labels and in the reference.
        """
        limit = RELATIVE_ERROR if self._reference is not None else WITHOUT_REFERENCE
        if abs(loss.under) != abs(loss.over):
            limit *= ONE_SIDED
        varies = self._relative_variance(self._moments(loss), self.cells.n_labels)
        if self._reference is not None:
            of_reference = _moments(self._reference, loss, self._filled)
            varies = max(varies, self._relative_variance(of_reference, self._reference.n_labels[self._filled]))
        return varies / limit**2

    def n_effective(self) -> float:
        """Return the number of labels that, taken from all predictions alike, would say as much."""
        n, n_labels = self.cells.n, self.cells.n_labels
        strata = self.strata(LossWeights(1.0, 1.0))
        shares = strata.n / n.sum()
        return float(1 / (shares**2 / strata.n_labels).sum()) if n_labels.any() else 0.0

    def _moments(self, loss: LossWeights) -> LossMoments:
        return _moments(self._sums, loss, self._filled)

    def _expected(self, loss: LossWeights) -> Floats:
        """Return the expected loss of a prediction of each cell: the reference's, drawn to its mean by a few rows."""
        if self._reference is None:
            return np.zeros(self.cells.n.size)
        return _smoothed(_moments(self._reference, loss, None).total, self._reference.n_labels)[self._filled]

    def _variances(self, loss: LossWeights, strata: Strata, values: Values) -> Floats:
        """Return the variance of the loss less what is believed of it, in each stratum."""
        of_labels = strata.variances(values)
        if self._reference is None:
            return of_labels
        n, expected = self.cells.n, values.expected
        whole = _moments(self._reference, loss, None)
        within = np.maximum(_smoothed(whole.square, self._reference.n_labels)[self._filled] - expected**2, 0.0)
        unit = LossWeights(1.0, 1.0)
        usual = strata.sums(n * self._expected(unit)) / strata.n
        now = strata.sums(self._moments(unit).total) / strata.n_labels
        scale = np.divide(now, usual, out=np.zeros_like(now), where=usual > 0)
        of_reference = scale**2 * strata.sums(n * within) / strata.n
        both = (strata.n_labels * of_labels + REFERENCE_LABELS * of_reference) / (strata.n_labels + REFERENCE_LABELS)
        return np.maximum(of_labels, both)

    def _relative_variance(self, moments: LossMoments, n_labels: NDArray[np.int64]) -> float:
        """Return the variance over the squared mean of losses, where strata have as many predictions as here."""
        shares = self.cells.n * (n_labels > 0) / np.maximum(n_labels, 1)
        total = float((shares * moments.total).sum())
        n = float((self.cells.n * (n_labels > 0)).sum())
        return float((shares * moments.square).sum()) * n / total**2 - 1 if total > 0 else math.inf


def _moments(sums: LossSums, loss: LossWeights, chosen: NDArray[np.bool_] | None) -> LossMoments:
    """Return the sums of a loss and of its square, of all strata or of some."""
    total = loss.under * sums.under + loss.over * sums.over
    square = loss.under**2 * sums.under_square + loss.over**2 * sums.over_square
    return LossMoments(total, square) if chosen is None else LossMoments(total[chosen], square[chosen])


def _smoothed(totals: Floats, n: NDArray[np.int64]) -> Floats:
    """Return the mean in each stratum, with a few rows of the mean of all added."""
    smoothed: Floats = (totals + _SMOOTHED * totals.sum() / n.sum()) / (n + _SMOOTHED)
    return smoothed

"""Quality of predicted probabilities: log loss, Brier score, and calibration by bins of equal width."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from driftline.sketches.scores import RELIABILITY_BINS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics
    from driftline.sketches.scores import PerformanceLayout


class CalibrationBin(NamedTuple):
    """Mean score and share of positive labels of the scores in (low, high]; the first bin includes 0.

    Attributes
    ----------
    low, high : float
    n : float
        Labels, or the sum of their weights.
    mean_score, positive_share : float in [0, 1]
    """

    low: float
    high: float
    n: float
    mean_score: float
    positive_share: float


def probability_metrics(layout: PerformanceLayout, vector: NDArray[np.int64], n_bins: int) -> Metrics:
    """Return log loss, Brier score and expected calibration error of the labels with a score; None without any.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a binary task.
    vector : ndarray of int64, shape (layout.n_cells,)
        Sums below zero, which occur only after an idle mark, count as zero.
    n_bins : int
        Bins of the calibration error; divides 20.

    Notes
    -----
    The sums are exact; only the calibration error uses bins, with the mean of the unbinned scores. Labels of classes
    outside the profile, and labels without a score, are left out.

    *Source*: Brier (1950); Naeini et al. (2015), doi:10.1609/aaai.v29i1.9602, for the calibration error.

    *Oracle*: scikit-learn 1.9: ``log_loss``, ``brier_score_loss``; to 10⁻⁹ of their value; ``calibration_curve``.
    """
    n = scored_weight(layout, vector)
    if not n:
        return {"log_loss": None, "brier": None, "ece": None}
    bins = reliability_curve(layout, vector, n_bins)
    gaps = math.fsum(each.n * abs(each.mean_score - each.positive_share) for each in bins)
    return {
        "log_loss": max(0.0, float(layout.sum_of(vector, "log_loss") / n)),
        "brier": max(0.0, float(layout.sum_of(vector, "brier") / n)),
        "ece": gaps / float(n),
    }


def scored_weight(layout: PerformanceLayout, vector: NDArray[np.int64]) -> Fraction:
    """Return the number, or the weight, of labels with a score."""
    return Fraction(max(0, int(layout.score_histograms_of(vector).sum())), layout.unit)


def reliability_curve(layout: PerformanceLayout, vector: NDArray[np.int64], n_bins: int) -> list[CalibrationBin]:
    """Return the bins of equal width that hold a score, in ascending order."""
    each = RELIABILITY_BINS // n_bins
    cells = layout.reliability_of(vector)
    bins = []
    for index in range(n_bins):
        part = cells[index * each : (index + 1) * each]
        n, positive = sum(cell[0] for cell in part), max(0, sum(cell[1] for cell in part))
        if n > 0:
            scores = sum((cell[2] for cell in part), Fraction(0)) * layout.unit
            low, high = index / n_bins, (index + 1) / n_bins
            bins.append(CalibrationBin(low, high, n / layout.unit, float(scores / n), positive / n))
    return bins

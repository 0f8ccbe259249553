"""Estimates of performance without labels, by the kind of estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.performance.estimation_binary import binary_estimates, expected_confusion, refitted_totals
from driftline.performance.estimation_multiclass import expected_counts, multiclass_estimates
from driftline.performance.estimation_regression import loss_estimates
from driftline.profiles.calibrator import refit_calibrator
from driftline.profiles.estimator import MulticlassEstimator
from driftline.profiles.loss_estimator import LossEstimator
from driftline.sketches.estimates import unpack_estimates
from driftline.sketches.scores import SCORE_BINS
from driftline.sketches.sparse import unpack_into

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.metric_estimate import Estimates
    from driftline.profiles.estimator import BinaryEstimator, Estimator
    from driftline.profiles.task import Task
    from driftline.sketches.estimates import EstimateTotals
    from driftline.sketches.packed import PackedEstimates, Sparse

MIN_REFIT: Final = 500
"""Least number of labelled events for refitting a calibrator."""


def estimates_of(estimator: Estimator, totals: EstimateTotals, task: Task) -> Estimates:
    """Return the estimated metrics of a set of events.

    Parameters
    ----------
    estimator : Estimator
    totals : EstimateTotals
        The estimator's totals over the events.
    task : Task
    """
    if isinstance(estimator, LossEstimator):
        return loss_estimates(totals, estimator, task.spread)
    if isinstance(estimator, MulticlassEstimator):
        return multiclass_estimates(totals, estimator.n_labelled)
    return binary_estimates(totals, estimator.calibrator)


def confusion_of(estimator: Estimator, totals: EstimateTotals) -> NDArray[np.float64] | None:
    """Return the expected confusion counts, rows predicted, columns actual; None for a regression."""
    if isinstance(estimator, LossEstimator):
        return None
    multiclass = isinstance(estimator, MulticlassEstimator)
    return expected_counts(totals) if multiclass else expected_confusion(totals)


def refitted_estimates(
    estimator: BinaryEstimator, cells: PackedEstimates, histograms: Sparse, unit: int = 1
) -> Estimates | None:
    """Return estimates by a calibrator refitted on other labelled events, for events counted under an older one.

    Parameters
    ----------
    estimator : BinaryEstimator
        The estimator under which the events were counted.
    cells : PackedEstimates
    histograms : Sparse
        Labelled events, shape (2 × SCORE_BINS,): by label, then by score bin.
    unit : int
        Count of one event, where labels have weights.

    Returns
    -------
    dict of str to Estimated or None, or None
        None with fewer than ``MIN_REFIT`` labelled events, or with only one kind of label.
    """
    labelled = np.zeros(2 * SCORE_BINS, dtype=np.int64)
    unpack_into(histograms, labelled)
    by_label = np.rint(labelled.reshape(2, SCORE_BINS) / unit).astype(np.int64)
    if by_label.sum() < MIN_REFIT or not by_label.any(axis=1).all():
        return None
    calibrator = refit_calibrator(by_label)
    return binary_estimates(refitted_totals(unpack_estimates(estimator.layout, cells), calibrator), calibrator)

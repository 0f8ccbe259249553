"""Confidence-based estimation of a binary task's performance, from calibrated probabilities of each event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.performance.metric_estimate import MetricEstimate
from driftline.sketches.estimates import VALUE_SCALE, score_middles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.metric_estimate import Estimates
    from driftline.profiles.calibrator import Calibrator
    from driftline.sketches.estimates import EstimateTotals


class _Expected(NamedTuple):
    """Expected hits T among n₁ events predicted positive, F among n₀ predicted negative, and the variances of both."""

    n1: int
    n0: int
    T: float
    F: float
    variance_t: float
    variance_f: float


def binary_estimates(totals: EstimateTotals, calibrator: Calibrator) -> Estimates:
    """Return the expected accuracy, balanced accuracy, precision, recall, specificity, F1 and AUC.

    Parameters
    ----------
    totals : EstimateTotals
        In the layout :data:`driftline.sketches.estimates.BINARY`.
    calibrator : Calibrator
        The calibrator of the probabilities.

    Returns
    -------
    dict of str to MetricEstimate, or None
        None where undefined: no event of a class was predicted, or none is expected.

    Notes
    -----
    With pᵢ the calibrated probability, the expected true positives are T = Σpᵢ over the events predicted positive, the
    expected false negatives F = Σpᵢ over the others; labels are independent given the scores, so their variances are
    Σpᵢ(1 − pᵢ). A metric is a function of both, and its sampling error is that of the delta method. The calibrator's
    own error: of the labelled rows of each group of scores g a share hit, with sampling variance v_g; the metric's
    derivative by that share is d_g = (∂/∂T) m_{1g} + (∂/∂F) m_{0g}, with m the joint counts, and the groups are
    independent: Σ d_g² v_g.

    The AUC is that of the score bins, each event of a bin taken for positive with the probability at the bin's middle;
    its sampling error is that of its influence function.

    *Source*: NannyML's CBPE (Białek, Kuberski, Perrakis and Bifet 2024, doi:10.48550/arXiv.2407.08649). Deviations: the
    band; the binned AUC.

    *Oracle*: NannyML 0.13.1, ``CBPE``, with the same calibrator: equal to 10⁻⁷, AUC to 10⁻³.

    *Cost*: O(score bins).
    """
    sums = totals.sums[:, 0].astype(np.float64) / VALUE_SCALE
    (F, squares_F), (T, squares_T) = sums.tolist()
    n0, n1 = totals.counts.sum(axis=1).tolist()
    expected = _Expected(n1, n0, T, F, max(T - squares_T, 0.0), max(F - squares_F, 0.0))
    by_group = _joint_groups(totals, calibrator)
    estimates: Estimates = {
        name: None if each is None else _delta(expected, by_group, calibrator.variances, *each)
        for name, each in _metrics(expected).items()
    }
    return {**estimates, "auc": _area(totals.counts.sum(axis=0), calibrator)}


def expected_confusion(totals: EstimateTotals) -> NDArray[np.float64]:
    """Return the expected confusion counts, shape (2, 2), rows predicted, columns actual."""
    hits = totals.sums[:, 0, 0] / VALUE_SCALE
    return np.stack([totals.counts.sum(axis=1) - hits, hits], axis=1)


def refitted_totals(totals: EstimateTotals, calibrator: Calibrator) -> EstimateTotals:
    """Return the totals of the same events under another calibrator, from counts of predicted class and score bin.

    Parameters
    ----------
    totals : EstimateTotals
    calibrator : Calibrator
        Fitted by score bins; it is evaluated at the middle of each bin.
    """
    p = np.clip(calibrator(score_middles()), 0.0, 1.0)
    units = np.rint(np.stack([p, p * p]) * VALUE_SCALE).astype(np.int64)
    return totals._replace(sums=(totals.counts @ units.T)[:, None, :])


def _metrics(e: _Expected) -> dict[str, tuple[float, float, float] | None]:
    """Return each metric with its derivatives by T and F."""
    n, positives = e.n1 + e.n0, e.T + e.F
    true_negatives, negatives = e.n0 - e.F, n - e.T - e.F
    recall = (e.T / positives, e.F / positives**2, -e.T / positives**2) if positives > 0 else None
    specificity = None
    if negatives > 0:
        false_positives = e.n1 - e.T
        specificity = (true_negatives / negatives, true_negatives / negatives**2, -false_positives / negatives**2)
    balanced = None
    if recall is not None and specificity is not None:
        balanced = tuple((a + b) / 2 for a, b in zip(recall, specificity, strict=True))
    both = e.n1 + positives
    return {
        "accuracy": ((e.T + true_negatives) / n, 1 / n, -1 / n) if n else None,
        "balanced_accuracy": None if balanced is None else (balanced[0], balanced[1], balanced[2]),
        "precision": (e.T / e.n1, 1 / e.n1, 0.0) if e.n1 else None,
        "recall": recall,
        "specificity": specificity,
        "f1": (2 * e.T / both, 2 * (both - e.T) / both**2, -2 * e.T / both**2) if both > 0 else None,
    }


def _delta(
    e: _Expected, by_group: NDArray[np.int64], variances: NDArray[np.float64], value: float, by_T: float, by_F: float
) -> MetricEstimate:
    sampling = by_T * by_T * e.variance_t + by_F * by_F * e.variance_f
    slopes = by_F * by_group[0] + by_T * by_group[1]
    return MetricEstimate(value, math.sqrt(sampling), math.sqrt(float((slopes * slopes * variances).sum())))


def _joint_groups(totals: EstimateTotals, calibrator: Calibrator) -> NDArray[np.int64]:
    """Return the joint counts of predicted class and group of scores, shape (2, g)."""
    n_groups = len(calibrator.rows)
    groups = calibrator.groups
    return np.stack([np.bincount(groups, weights=row, minlength=n_groups) for row in totals.counts]).astype(np.int64)


def _area(counts: NDArray[np.int64], calibrator: Calibrator) -> MetricEstimate | None:
    p = calibrator(score_middles())
    positive, negative = counts * p, counts * (1.0 - p)
    n_positive, n_negative = float(positive.sum()), float(negative.sum())
    if n_positive <= 0 or n_negative <= 0:
        return None
    n_pairs = n_positive * n_negative
    negatives_below = np.cumsum(negative) - negative / 2
    positives_above = n_positive - np.cumsum(positive) + positive / 2
    area = float((positive * negatives_below).sum()) / n_pairs
    slope = (negatives_below - positives_above) / n_pairs - area / n_positive + area / n_negative
    sampling = float((counts * p * (1.0 - p) * slope * slope).sum())
    by_group = np.bincount(calibrator.groups, weights=counts * slope, minlength=len(calibrator.rows))
    model = float((by_group * by_group * calibrator.variances).sum())
    return MetricEstimate(area, math.sqrt(sampling), math.sqrt(model))

"""Another threshold of a binary task's score: chosen on some labelled events, and its effect on later ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from driftline.performance.recalibration import PairedChange
from driftline.sketches.scores import SCORE_BINS, SCORE_EDGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.score_cells import Decisions

    Floats = NDArray[np.float64]

ThresholdMetric = Literal["accuracy", "precision", "recall", "specificity", "alert_rate"]
METRICS: Final[tuple[ThresholdMetric, ...]] = ("accuracy", "precision", "recall", "specificity", "alert_rate")
MIN_POSITIVE: Final = 30
"""Least number of predictions from a threshold on: of fewer, the precision is mostly chance."""


def threshold_of(at: int) -> float:
    """Return the lowest score of a bin: from it on, predictions are positive.

    Examples
    --------
    >>> threshold_of(0), threshold_of(SCORE_BINS // 2)
    (0.0, 0.5)
    """
    return float(SCORE_EDGES[at - 1]) if at else 0.0


def present_bin(decisions: Decisions) -> int:
    """Return the score bin from which on predictions are positive now: the lowest that has a positive one."""
    negative_only = not decisions.counts[1, :, decisions.bin].any()
    return min(decisions.bin + negative_only, SCORE_BINS - 1)


def choose_bin(by_label: Floats, objective: ThresholdMetric, reference: float | None, current: int) -> int | None:
    """Return the score bin from which on predictions should be positive; None where the objective is undefined.

    Parameters
    ----------
    by_label : ndarray, shape (2, SCORE_BINS)
        Labelled events by label and score bin.
    objective : {"accuracy", "precision", "recall", "specificity", "alert_rate"}
    reference : float or None
        The value to restore; None takes the bin where the objective is greatest, as for accuracy.
    current : int
        The present bin; of equally good ones the nearest to it.

    Notes
    -----
    *Oracle*: scikit-learn 1.9, ``precision_score``, ``recall_score`` and ``accuracy_score`` at each threshold.
    """
    values, defined = _by_bin(np.maximum(by_label, 0).astype(np.float64), objective)
    if not defined.any():
        return None
    distance = -values if reference is None else np.abs(values - reference)
    distance = np.where(defined, distance, np.inf)
    best = np.flatnonzero(distance <= distance.min() + np.finfo(np.float64).eps)
    return int(best[np.argmin(np.abs(best - current))])


def _by_bin(counts: Floats, objective: ThresholdMetric) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the metric for each bin from which on predictions are positive, and where it is defined."""
    negative, positive = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    n_negative, n_positive = counts.sum(axis=1).tolist()
    flagged, n = negative + positive, n_negative + n_positive
    everywhere = np.ones(SCORE_BINS, dtype=np.bool_)
    if objective == "precision":
        enough = flagged >= MIN_POSITIVE
        return np.divide(positive, flagged, out=np.zeros(SCORE_BINS), where=enough), enough
    if objective == "recall":
        return positive / max(n_positive, 1.0), everywhere & (n_positive > 0)
    if objective == "specificity":
        return 1.0 - negative / max(n_negative, 1.0), everywhere & (n_negative > 0)
    if objective == "accuracy":
        return (positive + n_negative - negative) / max(n, 1.0), everywhere & (n > 0)
    return flagged / max(n, 1.0), everywhere & (n > 0)


def threshold_effects(decided: Floats, at: int) -> dict[ThresholdMetric, PairedChange]:
    """Return each metric with the decisions as they are, and with another threshold; metrics that are undefined on a
    side are left out.

    Parameters
    ----------
    decided : ndarray, shape (2, 2, SCORE_BINS)
        Labelled events by present decision, label and score bin.
    at : int
        Score bin from which on predictions would be positive.

    Notes
    -----
    Only events whose decision changes move a metric. With dᵢ what event i adds to the difference, the squared standard
    error is Σ dᵢ², less its mean for shares of a fixed number of events; of precision, whose denominator changes,
    dᵢ are the influences (delta method).
    """
    after = (np.arange(SCORE_BINS) >= at).astype(np.int64)
    cells = np.stack([np.maximum(decided, 0)[:, :, after == side].sum(axis=2) for side in (0, 1)], axis=1)
    n = cells.astype(np.float64)  # by decision before, decision after, and label
    before_positive, after_positive = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    before_positive[1], after_positive[:, 1] = 1.0, 1.0
    label = np.zeros((2, 2, 2))
    label[..., 1] = 1.0
    right_before = np.where(label > 0, before_positive, 1 - before_positive)
    right_after = np.where(label > 0, after_positive, 1 - after_positive)
    found: dict[ThresholdMetric, PairedChange | None] = {
        "accuracy": _share(n, right_before, right_after),
        "precision": _precision(n, before_positive, after_positive, label),
        "recall": _share(n * label, right_before, right_after),
        "specificity": _share(n * (1 - label), right_before, right_after),
        "alert_rate": _share(n, before_positive, after_positive),
    }
    return {name: change for name, change in found.items() if change is not None}


def _share(n: Floats, before: Floats, after: Floats) -> PairedChange | None:
    whole = float(n.sum())
    if whole <= 0:
        return None
    difference = after - before
    mean = float((n * difference).sum() / whole)
    variance = float((n * (difference - mean) ** 2).sum() / whole)
    return PairedChange(
        float((n * before).sum() / whole), float((n * after).sum() / whole), math.sqrt(variance / whole)
    )


def _precision(n: Floats, before: Floats, after: Floats, label: Floats) -> PairedChange | None:
    flagged_before, flagged_after = float((n * before).sum()), float((n * after).sum())
    if flagged_before <= 0 or flagged_after <= 0:
        return None
    was, will = float((n * before * label).sum() / flagged_before), float((n * after * label).sum() / flagged_after)
    influence = after * (label - will) / flagged_after - before * (label - was) / flagged_before
    return PairedChange(was, will, math.sqrt(float((n * influence**2).sum())))

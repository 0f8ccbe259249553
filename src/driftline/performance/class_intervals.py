"""Intervals of metrics of predicted and actual classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.intervals import WeightedEstimate, combined, normal, on_fisher_scale, on_logit_scale, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics
    from driftline.performance.intervals import Interval, Intervals

    Floats = NDArray[np.float64]

_OF_ONE_MARGIN: Final = frozenset({"balanced_accuracy", "precision", "recall"})
_ADDED: Final = 2.0
"""Pseudo-labels spread over all cells where all labels agree and their variance is 0."""


class Sizes(NamedTuple):
    """Effective numbers of labels, (Σw)² / Σw²: in all, and by class.

    Attributes
    ----------
    all : float
    predicted, actual : ndarray of float64, shape (K,)
        Labels predicted as each class, and labels of each class.
    """

    all: float
    predicted: Floats
    actual: Floats

    def times(self, part: float) -> Sizes:
        """Return the sizes where each label counts for a part."""
        return Sizes(self.all * part, self.predicted * part, self.actual * part)


class Slopes(NamedTuple):
    """Derivatives of a metric by the shares on the diagonal, and by the sums of rows and of columns; each (K,)."""

    diagonal: Floats
    predicted: Floats
    actual: Floats


def class_intervals(confusion: NDArray[np.int64], sizes: Sizes, metrics: Metrics, beta: float) -> Intervals:
    """Return the intervals of the metrics of a confusion matrix.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K)
        Labels by predicted (row) and actual class, none below zero; in any unit.
    sizes : Sizes
    metrics : dict of str to float or None
        Metrics of the matrix; only defined ones get an interval.
    beta : float

    Notes
    -----
    Shares (accuracy, and of one class precision, recall, specificity): Wilson's. F1 of a binary task is 2 q / (1 + q)
    with the share q = TP / (TP + FP + FN): Wilson's of q. Averages of recalls or precisions over classes: Wilson's of
    each, recovered (:func:`driftline.performance.intervals.combined`). All others: the delta method on the multinomial
    counts, on the scale of log-odds, or of the inverse hyperbolic tangent for kappa and Matthews' correlation; where
    all labels agree, with two labels spread over all cells.

    *Source*: Fleiss, Cohen and Everitt (1969), doi:10.1037/h0028106, for kappa's variance, which the delta method is.
    """
    total = float(confusion.sum())
    if not total:
        return {}
    shares = confusion / total
    intervals: Intervals = {}
    accuracy = wilson(float(np.trace(shares)), sizes.all)
    for name in ("accuracy", "precision_micro", "recall_micro", "f1_micro", "f_beta_micro", "recall_weighted"):
        intervals[name] = accuracy
    intervals["balanced_accuracy"] = _mean_of_shares(shares, sizes.actual, axis=0, of_seen=False)
    names = ["cohen_kappa", "matthews_correlation"]
    if "specificity" in metrics:
        intervals |= _of_positive(shares, sizes)
        names.append("f_beta")
    else:
        intervals["precision"] = _mean_of_shares(shares, sizes.predicted, axis=1, of_seen=True)
        intervals["recall"] = _mean_of_shares(shares, sizes.actual, axis=0, of_seen=True)
        names += ["f1", "f_beta", "precision_weighted", "f1_weighted", "f_beta_weighted"]
    for name in names:
        value = metrics.get(name)
        if value is not None:
            intervals[name] = _delta(shares, sizes.all, name, beta, value, binary="specificity" in metrics)
    return {name: interval for name, interval in intervals.items() if metrics.get(name) is not None}


def value_interval(confusion: NDArray[np.int64], size: float, worth: Floats) -> Interval:
    """Return the normal interval of the value of one label."""
    shares = confusion / float(confusion.sum())
    mean = float((shares * worth).sum())
    return normal(mean, float((shares * (worth - mean) ** 2).sum()) / size)


def _of_positive(shares: Floats, sizes: Sizes) -> Intervals:
    """Return the intervals of the shares of a binary task, code 1 positive."""
    intervals: Intervals = {}
    predicted, actual = shares.sum(axis=1), shares.sum(axis=0)
    for name, code, whole, n in (
        ("precision", 1, predicted, sizes.predicted),
        ("recall", 1, actual, sizes.actual),
        ("specificity", 0, actual, sizes.actual),
    ):
        if whole[code] > 0:
            intervals[name] = wilson(float(shares[code, code] / whole[code]), float(n[code]))
    either = float(predicted[1] + actual[1] - shares[1, 1])
    if either > 0:
        low, high = wilson(float(shares[1, 1]) / either, either * sizes.all)
        intervals["f1"] = 2 * low / (1 + low), 2 * high / (1 + high)
    return intervals


def _mean_of_shares(shares: Floats, sizes: Floats, axis: int, *, of_seen: bool) -> Interval:
    """Return the interval of the mean over classes of the diagonal's share of a row (1) or column (0)."""
    whole = shares.sum(axis=axis)
    codes = np.flatnonzero(whole > 0).tolist()
    n = int((shares.sum(axis=0) + shares.sum(axis=1) > 0).sum()) if of_seen else len(codes)
    parts = []
    for code in codes:
        share = float(shares[code, code] / whole[code])
        parts.append(WeightedEstimate(1 / n, share, wilson(share, float(sizes[code]))))
    return combined(parts)


def _delta(shares: Floats, n: float, name: str, beta: float, value: float, *, binary: bool) -> Interval:
    """Return the interval by the delta method, around the metric's value."""
    signed = name in ("cohen_kappa", "matthews_correlation")
    to_interval = on_fisher_scale if signed else on_logit_scale
    variance = _variance(shares, n, _slopes(shares, name, beta, binary=binary))
    near = value
    if variance <= 0 or not (-1 if signed else 0) < value < 1:
        shares, n = (shares * n + _ADDED / shares.size) / (n + _ADDED), n + _ADDED
        near = _value(shares, name, beta, binary=binary)
        variance = _variance(shares, n, _slopes(shares, name, beta, binary=binary))
    low, high = to_interval(near, variance)
    return min(low, value), max(high, value)


def _variance(shares: Floats, n: float, slopes: Slopes) -> float:
    by_cell = _by_cell(slopes)
    mean = float((shares * by_cell).sum())
    return float((shares * (by_cell - mean) ** 2).sum()) / n


def _value(shares: Floats, name: str, beta: float, *, binary: bool) -> float:
    """Return a metric of shares all above zero."""
    d, p, a = np.diagonal(shares), shares.sum(axis=1), shares.sum(axis=0)
    excess, chance = float(d.sum()) - float(p @ a), float(p @ a)
    if name == "cohen_kappa":
        return excess / (1 - chance)
    if name == "matthews_correlation":
        return excess / math.sqrt((1 - float(p @ p)) * (1 - float(a @ a)))
    if name == "precision_weighted":
        return float((a * d / p).sum())
    square = 1.0 if name.startswith("f1") else beta * beta
    weight = a if name.endswith("_weighted") else _macro(p + a, binary=binary)
    return float((weight * (1 + square) * d / (square * a + p)).sum())


def influence(confusion: Floats, name: str, beta: float, *, binary: bool) -> Floats:
    """Return by how much one label more of each cell moves a metric, times the number of labels, shape (K, K).

    To first order, and up to a constant: the influence function of the metric. Its variance over the labels, by their
    number, is that of the metric by the delta method.

    Parameters
    ----------
    confusion : ndarray of float64, shape (K, K)
        Labels by predicted (row) and actual class; not all 0.
    name : str
        Balanced accuracy, kappa, Matthews' correlation, and precision, recall and F-scores of a binary task's positive
        class or, by equal weights or ``..._weighted``, of several classes.
    beta : float
        Of F-beta.
    binary : bool

    Examples
    --------
    >>> influence(np.array([[40.0, 10.0], [20.0, 30.0]]), "balanced_accuracy", 1.0, binary=True).round(3).tolist()
    [[0.278, -0.937], [-0.556, 0.313]]
    """
    shares = confusion / confusion.sum()
    slopes = _slopes(shares, name, beta, binary=binary)
    return _by_cell(slopes)


def _by_cell(slopes: Slopes) -> Floats:
    by_cell: Floats = np.diag(slopes.diagonal) + slopes.predicted[:, None] + slopes.actual[None, :]
    return by_cell


def _slopes(shares: Floats, name: str, beta: float, *, binary: bool) -> Slopes:
    d, p, a = np.diagonal(shares), shares.sum(axis=1), shares.sum(axis=0)
    one = np.ones(d.size)
    if name in _OF_ONE_MARGIN:
        of_rows = name == "precision"
        whole = p if of_rows else a
        weight = _macro(whole if name == "balanced_accuracy" else p + a, binary=binary and name != "balanced_accuracy")
        with np.errstate(divide="ignore", invalid="ignore"):
            diagonal, falls = weight / whole, -weight * d / (whole * whole)
        return _finite(diagonal, falls if of_rows else 0 * one, 0 * one if of_rows else falls)
    if name == "cohen_kappa":
        chance = float(p @ a)
        by_chance = -(1 - float(d.sum())) / (1 - chance) ** 2
        return Slopes(one / (1 - chance), by_chance * a, by_chance * p)
    if name == "matthews_correlation":
        x, y = 1 - float(p @ p), 1 - float(a @ a)
        root = math.sqrt(x * y)
        value = (float(d.sum()) - float(p @ a)) / root
        return Slopes(one / root, -a / root + value * p / x, -p / root + value * a / y)
    with np.errstate(divide="ignore", invalid="ignore"):
        if name == "precision_weighted":
            return _finite(a / p, -a * d / (p * p), d / p)
        square = 1.0 if name.startswith("f1") else beta * beta
        whole = square * a + p
        of_class = (1 + square) * d / whole
        weight = a if name.endswith("_weighted") else _macro(p + a, binary=binary)
        by_actual = -weight * of_class * square / whole + (of_class if name.endswith("_weighted") else 0.0)
        return _finite(weight * (1 + square) / whole, -weight * of_class / whole, by_actual)


def _macro(total: Floats, *, binary: bool) -> Floats:
    """Return the weight of each class in a metric: equal weights, or the positive class alone."""
    weights: Floats = np.arange(total.size) == 1 if binary else (total > 0) / max(1, int((total > 0).sum()))
    return weights.astype(np.float64)


def _finite(*slopes: Floats) -> Slopes:
    """Return slopes with 0 in the place of those that are not finite, of classes without labels."""
    return Slopes(*(np.where(np.isfinite(each), each, 0.0) for each in slopes))

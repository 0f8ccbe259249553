"""Metrics of the ranking by scores, from histograms by class, each with a bound on the error of binning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import digamma

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics

DECILE: Final = 0.1
"""Fraction of the highest scores for lift."""
_ASYMPTOTIC: Final = 100.0
"""Harmonic numbers above this are computed by their series, whose differences lose no digits."""
_ROUNDING: Final = 1e-12
_EXACT_PAIRS: Final = 1 << 61
"""Twice as many pairs still fit into a cell of 64 bits."""


def ranking_metrics(histograms: NDArray[np.int64]) -> Metrics:
    """Return AUC, Gini, Kolmogorov-Smirnov, average precision and lift; None where a class has no score.

    Parameters
    ----------
    histograms : ndarray of int64, shape (2, B)
        Scores by bin, in ascending order; the first row those of label 0, the second those of label 1; none below
        zero. The first and the last bin hold one score each, 0 and 1.

    Notes
    -----
    *Cost*: O(B). The value of scores that are not binned lies within ``auc ± auc_error_bound``, in [``ks``, ``ks`` +
    ``ks_error_bound``], in [``average_precision_low``, ``average_precision_high``] and within ``lift ±
    lift_error_bound``.

    *Oracle*: scikit-learn 1.9: ``roc_auc_score``, ``average_precision_score``; SciPy 1.17.1: ``ks_2samp``.
    """
    area, bound = area_under_curve(histograms)
    distance, distance_bound = class_distance(histograms)
    precision, lowest, highest = average_precision(histograms)
    top, top_bound = lift(histograms)
    return {
        "auc": area,
        "auc_error_bound": bound,
        "gini": None if area is None else 2 * area - 1,
        "ks": distance,
        "ks_error_bound": distance_bound,
        "average_precision": precision,
        "average_precision_low": lowest,
        "average_precision_high": highest,
        "lift": top,
        "lift_error_bound": top_bound,
    }


def area_under_curve(histograms: NDArray[np.int64]) -> tuple[float | None, float | None]:
    """Return the area under the ROC curve and a bound on the error of binning; None where undefined.

    Parameters
    ----------
    histograms : ndarray of int64, shape (2, B)
        As in :func:`ranking_metrics`.

    Returns
    -------
    area, error_bound : float in [0, 1], or None
        Pairs within the first and the last bin are exact ties.

    Notes
    -----
    *Source*: the Mann-Whitney statistic, Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747. Deviations:
    scores in one bin count as ties.

    Examples
    --------
    >>> area_under_curve(np.array([[1, 2, 1, 0], [0, 1, 2, 1]]))
    (0.8125, 0.125)
    """
    n_negative, n_positive = histograms.sum(axis=1).tolist()
    n_pairs = n_negative * n_positive
    if n_pairs == 0:
        return None, None
    negative, positive = histograms if n_pairs < _EXACT_PAIRS else histograms.astype(object)
    tied, won = positive * negative, positive @ (np.cumsum(negative) - negative)
    return int(2 * won + tied.sum()) / (2 * n_pairs), int(tied[1:-1].sum()) / (2 * n_pairs)


def class_distance(histograms: NDArray[np.int64]) -> tuple[float | None, float | None]:
    """Return the Kolmogorov-Smirnov distance of the classes' scores at bin edges, and a bound on its excess in bins.

    Examples
    --------
    >>> class_distance(np.array([[1, 2, 1, 0], [0, 1, 2, 1]]))
    (0.5, 0.25)
    """
    n_negative, n_positive = histograms.sum(axis=1).tolist()
    if not n_negative or not n_positive:
        return None, None
    upper = np.cumsum(histograms, axis=1) / np.array([[n_negative], [n_positive]])
    lower = np.concatenate([np.zeros((2, 1)), upper[:, :-1]], axis=1)
    distance = float(np.abs(upper[0] - upper[1]).max())
    inside = np.maximum(upper[0] - lower[1], upper[1] - lower[0])[1:-1]
    return distance, max(0.0, float(inside.max(initial=0.0)) - distance)


def average_precision(histograms: NDArray[np.int64]) -> tuple[float | None, float | None, float | None]:
    """Return average precision with the scores of a bin as ties, and its least and greatest value for other orders.

    Returns
    -------
    value, lowest, highest : float in [0, 1], or None
        The value of the unbinned scores lies between the two, whatever they are.

    Notes
    -----
    With t positive and f negative labels in the bins above, p and q in the bin: the i-th positive has a precision of at
    least (t + i) / (t + f + q + i), where all negatives come first, and of at most (t + p) / (t + f + p), where all
    positives come first as a tie. Sums of the former are differences of harmonic numbers. Both bounds are widened by
    10⁻¹² for rounding.

    *Source*: average precision as scikit-learn defines it, Σ (Rₙ - Rₙ₋₁) Pₙ without interpolation.

    Examples
    --------
    >>> [round(each, 3) for each in average_precision(np.array([[1, 2, 1, 0], [0, 1, 2, 1]]))]
    [0.768, 0.747, 0.95]
    """
    negative, positive = histograms[:, ::-1].astype(np.float64)
    n_positive = float(positive.sum())
    if not n_positive or not negative.sum():
        return None, None, None
    above, below = np.cumsum(positive) - positive, np.cumsum(negative) - negative
    bins = np.flatnonzero(positive)
    p, q, t, f = positive[bins], negative[bins], above[bins], below[bins]
    tied = p * (t + p) / (t + f + p + q)
    most = p * (t + p) / (t + f + p)
    least = _precisions(p, t, f + q)
    atoms = (bins == 0) | (bins == positive.size - 1)
    lowest = float(np.where(atoms, tied, least).sum()) / n_positive
    highest = float(np.where(atoms, tied, most).sum()) / n_positive
    return float(tied.sum()) / n_positive, max(0.0, lowest - _ROUNDING), min(1.0, highest + _ROUNDING)


def _precisions(p: NDArray[np.float64], t: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Σ (t + i) / (t + f + i) over i = 1 ... p, of each element: p - f (H(t + f + p) - H(t + f))."""
    low, high = t + f, t + f + p
    few = low < _ASYMPTOTIC
    exact = digamma(np.where(few, high, 1.0) + 1) - digamma(np.where(few, low, 1.0) + 1)
    far = np.maximum(low, _ASYMPTOTIC)
    series = np.log1p(p / far) + _beyond_log(far + p) - _beyond_log(far)
    sums: NDArray[np.float64] = p - f * np.where(few, exact, series)
    return sums


def _beyond_log(n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the harmonic number less its logarithm and Euler's constant, to 10⁻¹⁴ from 100 on."""
    square = 1 / (n * n)
    rest: NDArray[np.float64] = 0.5 / n - square / 12 + square * square / 120
    return rest


def lift(histograms: NDArray[np.int64]) -> tuple[float | None, float | None]:
    """Return the share of positive labels in the tenth with the highest scores over their share of all, and its bound.

    Notes
    -----
    The tenth ends within a bin, of which the needed fraction counts; the bound covers any position of the positive
    labels within that bin.

    Examples
    --------
    >>> lift(np.array([[60, 25, 4, 1], [0, 1, 3, 6]]))
    (7.285714285714286, 1.7142857142857144)
    """
    negative, positive = (part[::-1].astype(np.float64) for part in histograms)
    both = negative + positive
    n_positive, n_top = float(positive.sum()), DECILE * float(both.sum())
    if not n_positive or not negative.sum():
        return None, None
    last = int(np.searchsorted(np.cumsum(both), n_top))
    before, here = float(positive[:last].sum()), float(positive[last])
    needed = n_top - float(both[:last].sum())
    share = min(1.0, needed / float(both[last]))
    positives = before + here * share
    per_label = 1 / (DECILE * n_positive)
    if last in (0, positive.size - 1):
        return positives * per_label, 0.0
    most, least = min(here, needed), max(0.0, needed - float(negative[last]))
    return positives * per_label, max(most - here * share, here * share - least) * per_label


def cut_of_class_distance(histograms: NDArray[np.int64]) -> tuple[int, int]:
    """Return how many labels of each class lie below the edge at which the classes' scores are furthest apart."""
    upper = np.cumsum(histograms, axis=1)
    shares = upper / upper[:, -1:]
    edge = int(np.abs(shares[0] - shares[1]).argmax())
    return int(upper[0, edge]), int(upper[1, edge])

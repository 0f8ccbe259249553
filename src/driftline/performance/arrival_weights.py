"""Early labels are a biased part of all labels; weights by how soon labels of their kind come undo that.

Where fraud is reported sooner than its absence is confirmed, the labels of the first day overstate it. Cohorts past the
horizon tell, for each score bin and class, which part G of the labels that came in the end had come by the age at which
a window is looked at now. A labelled prediction then stands for 1 / G of its kind:

    R = Σ w a / Σ w b,  w = 1 / G(age | score, class)

for a metric that is a ratio of counts (Hájek's form: the weights' sum stands in the denominator). It estimates what the
window will show when all labels that come have come. It supposes that labels of one kind come as they came for the
cohorts that G was fitted on, and that within a kind when a label comes has nothing to do with what was predicted.

The standard error has two parts: which of the labels have come is chance (Poisson sampling with probabilities G), and G
itself is estimated, and differs from cohort to cohort.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MIN_RATE: Final = 0.05
"""Where a kind's labels have come to less than this part, a few of them would stand for all: nothing is corrected."""
MIN_LABELS: Final = 100
"""Labels of the cohorts past the horizon from which on a score bin has a rate of its own, and a class."""


class ArrivalRates(NamedTuple):
    """Which part of the labels that come has come by an age, by score bin and class.

    Attributes
    ----------
    rate : ndarray of float64, shape (n_scores, n_codes), in [0, 1]
    variance : ndarray of float64, shape (n_scores, n_codes)
        Of ln rate.
    n_cohorts : int
    dispersion : float, at least 1
        How many times as much as binomial counts the labels that had come vary from cohort to cohort.
    """

    rate: Floats
    variance: Floats
    n_cohorts: int
    dispersion: float


class WeightedMetrics(NamedTuple):
    """Metrics of a window as they will be when its labels have come.

    Attributes
    ----------
    metrics, standard_errors : dict of str to float or None
        None where undefined.
    n_effective : float
        (Σw)² / Σw²: independent labels that would tell as much.
    """

    metrics: dict[str, float | None]
    standard_errors: dict[str, float | None]
    n_effective: float


def arrival_rates(by_now: NDArray[np.int64], in_the_end: NDArray[np.int64]) -> ArrivalRates | None:
    """Return how soon labels come, from cohorts past the horizon.

    Parameters
    ----------
    by_now : ndarray of int64, shape (n_cohorts, n_scores, n_codes)
        First labels that each cohort had at the age.
    in_the_end : ndarray of int64, shape (n_cohorts, n_scores, n_codes)
        Those that it had at the horizon.

    Returns
    -------
    ArrivalRates or None
        None of fewer than two cohorts, or of fewer than ``MIN_LABELS`` labels. A score bin with fewer takes the rate of
        its class, a class with fewer that of all.

    Examples
    --------
    >>> rates = arrival_rates(np.full((4, 1, 2), [[20, 90]]), np.full((4, 1, 2), [[100, 100]]))
    >>> rates.rate.tolist(), rates.n_cohorts, rates.dispersion
    ([[0.2, 0.9]], 4, 1.0)
    """
    n_cohorts = len(by_now)
    come, total = by_now.sum(axis=0), in_the_end.sum(axis=0)
    if n_cohorts < 2 or total.sum() < MIN_LABELS:  # noqa: PLR2004  # one cohort shows no variance
        return None
    come, total = _pooled(come, total)
    rate = come / total
    dispersion = _dispersion(by_now, in_the_end, rate)
    spread = (1 - rate) / np.maximum(rate, np.finfo(np.float64).tiny)
    of_cohorts = dispersion + (dispersion - 1) * n_cohorts
    return ArrivalRates(rate, spread * of_cohorts / total, n_cohorts, dispersion)


def _pooled(come: NDArray[np.int64], total: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return counts of each kind, taken together with others where it is rare."""
    come, total = come.copy(), total.copy()
    class_come, class_total = come.sum(axis=0), total.sum(axis=0)
    rare = class_total < MIN_LABELS
    class_come[rare], class_total[rare] = come.sum(), total.sum()
    few = total < MIN_LABELS
    come[few] = np.broadcast_to(class_come, come.shape)[few]
    total[few] = np.broadcast_to(class_total, total.shape)[few]
    return come, total


def _dispersion(by_now: NDArray[np.int64], in_the_end: NDArray[np.int64], rate: Floats) -> float:
    expected = in_the_end * rate
    spread = expected * (1 - rate)
    varies = spread > 0
    squares = np.where(varies, (by_now - expected) ** 2 / np.where(varies, spread, 1.0), 0.0)
    freedom = int(varies.sum()) - int(varies.any(axis=0).sum())
    return max(1.0, float(squares.sum()) / freedom) if freedom > 0 else 1.0


def needed_rates(rates: ArrivalRates, in_the_end: NDArray[np.int64]) -> float:
    """Return the least rate of a kind that cohorts past the horizon had labels of, which a correction rests on.

    Parameters
    ----------
    rates : ArrivalRates
    in_the_end : ndarray of int64, shape (n_cohorts, n_scores, n_codes)
    """
    return float(rates.rate[in_the_end.sum(axis=0) > 0].min())


def weighted_metrics(counts: NDArray[np.int64], rates: ArrivalRates, *, binary: bool) -> WeightedMetrics | None:
    """Return metrics with weights 1 / rate; None without labels.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_scores, n_codes, n_codes)
        Labels that count now by score bin, predicted and actual class; below zero counts as zero.
    rates : ArrivalRates
        Above zero where there are counts.
    binary : bool
        Whether class 1 is the positive one; else precision, recall and F1 are means over the classes seen.

    Returns
    -------
    Weighted or None
        ``accuracy``, ``precision``, ``recall``, ``f1`` and, for binary tasks, ``positive_rate``.

    Notes
    -----
    *Cost*: O(cells).

    *Source*: Hájek (1971), comment on Basu, in Foundations of Statistical Inference, p. 236, for the estimator;
    Särndal, Swensson and Wretman (1992), Model Assisted Survey Sampling, sections 3.5 (Poisson sampling) and 5.6 (the
    linearised variance of a ratio); Kish (1965), Survey Sampling, for the effective number. Deviations: the variance of
    ln rate is added by the delta method.

    Examples
    --------
    Half of the negatives have come, and all of the positives:

    >>> rates = ArrivalRates(np.array([[0.5, 1.0]]), np.zeros((1, 2)), 10, 1.0)
    >>> result = weighted_metrics(np.array([[[40, 10], [10, 40]]]), rates, binary=True)
    >>> result.metrics["positive_rate"], round(result.n_effective, 1)
    (0.3333333333333333, 90.0)
    """
    labels = np.maximum(counts, 0)
    if not labels.any():
        return None
    inverse = 1.0 / np.where(rates.rate > 0, rates.rate, 1.0)[:, None, :]
    weights = labels * inverse
    n_effective = float(weights.sum() ** 2 / (weights * inverse).sum())
    metrics: dict[str, float | None] = {}
    errors: dict[str, float | None] = {}
    for name, ratios in _ratios(labels.sum(axis=0), binary=binary).items():
        value, residual = _mean_ratio(weights, ratios, undefined_is_zero=not binary)
        metrics[name] = value
        errors[name] = None if residual is None else _standard_error(labels, weights, residual, rates)
    return WeightedMetrics(metrics, errors, n_effective)


def _ratios(confusion: NDArray[np.int64], *, binary: bool) -> dict[str, list[tuple[Floats, Floats]]]:
    """Return what is divided by what, of shape (n_codes, n_codes): each metric is the mean of some ratios."""
    n = len(confusion)
    every, right = np.ones((n, n)), np.eye(n)
    codes = [1] if binary else np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1)).tolist()
    ratios: dict[str, list[tuple[Floats, Floats]]] = {
        "accuracy": [(right, every)],
        "precision": [],
        "recall": [],
        "f1": [],
    }
    for code in codes:
        predicted, actual = np.zeros((n, n)), np.zeros((n, n))
        predicted[code], actual[:, code] = 1.0, 1.0
        hit = predicted * actual
        ratios["precision"].append((hit, predicted))
        ratios["recall"].append((hit, actual))
        ratios["f1"].append((2 * hit, predicted + actual))
        if binary:
            ratios["positive_rate"] = [(actual, every)]
    return ratios


def _mean_ratio(
    weights: Floats, ratios: list[tuple[Floats, Floats]], *, undefined_is_zero: bool
) -> tuple[float | None, Floats | None]:
    """Return the mean of ratios, and what one labelled prediction adds to it, of shape (n_codes, n_codes)."""
    by_pair = weights.sum(axis=0)
    total, residual = 0.0, np.zeros(by_pair.shape)
    for above, below in ratios:
        denominator = float((by_pair * below).sum())
        if denominator <= 0:
            if not undefined_is_zero:
                return None, None
            continue  # a class that was never predicted has precision 0, one that never occurred recall 0
        value = float((by_pair * above).sum()) / denominator
        total += value
        residual += (above - value * below) / denominator
    return total / len(ratios), residual / len(ratios)


def _standard_error(labels: NDArray[np.int64], weights: Floats, residual: Floats, rates: ArrivalRates) -> float:
    rate = rates.rate[:, None, :]
    chance = labels * (1 - rate) / np.where(rate > 0, rate, 1.0) ** 2 * residual**2
    of_kind = (weights * residual).sum(axis=1)
    return math.sqrt(float(chance.sum()) + float((of_kind**2 * rates.variance).sum()))

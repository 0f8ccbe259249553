"""Correction for label delay: inverse-probability weights by how soon labels of the same kind arrive.

Early labels are a biased sample of all labels: where fraud is reported sooner than its absence is confirmed, the labels
of the first day overstate fraud. Cohorts past the horizon yield, for each score bin and class, the fraction G of the
final labels that had arrived by the age of the window now. A labelled prediction then represents 1 / G of its kind:

    R = Σ w a / Σ w b,  w = 1 / G(age | score, class)

for a metric that is a ratio of counts (Hájek's form, with the sum of the weights in the denominator). It estimates the
metric after all labels have arrived. It assumes that labels of one kind arrive as in the cohorts that G was fitted on,
and that within a kind the delay of a label is independent of the prediction.

The standard error has two parts: which labels have arrived is random (Poisson sampling with probabilities G), and G is
an estimate that differs between cohorts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MIN_RATE: Final = 0.05
"""With a smaller fraction of a kind's labels a few would represent all of them: there is no correction."""
MIN_LABELS: Final = 100
"""Least number of labels in cohorts past the horizon for an own rate of a score bin, and of a class."""


class ArrivalRates(NamedTuple):
    """The fraction of final labels that have arrived by an age, by score bin and class.

    Attributes
    ----------
    rate : ndarray of float64, shape (n_scores, n_codes), in [0, 1]
    variance : ndarray of float64, shape (n_scores, n_codes)
        Of ln rate.
    n_cohorts : int
    dispersion : float, at least 1
        Variance of the arrived labels between cohorts over that of binomial counts.
    """

    rate: Floats
    variance: Floats
    n_cohorts: int
    dispersion: float


class WeightedMetrics(NamedTuple):
    """Estimated metrics of a window after all its labels have arrived.

    Attributes
    ----------
    metrics, standard_errors : dict of str to float or None
        None where undefined.
    n_effective : float
        (Σw)² / Σw², the effective number of labels.
    """

    metrics: dict[str, float | None]
    standard_errors: dict[str, float | None]
    n_effective: float


def arrival_rates(by_now: NDArray[np.int64], in_the_end: NDArray[np.int64]) -> ArrivalRates | None:
    """Return the arrival rates of labels, from cohorts past the horizon.

    Parameters
    ----------
    by_now : ndarray of int64, shape (n_cohorts, n_scores, n_codes)
        First labels of each cohort at the age.
    in_the_end : ndarray of int64, shape (n_cohorts, n_scores, n_codes)
        First labels of each cohort at the horizon.

    Returns
    -------
    ArrivalRates or None
        None with fewer than two cohorts or ``MIN_LABELS`` labels. A score bin with fewer labels has the rate of its
        class, a class with fewer the overall rate.

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
    """Return the counts of each kind, pooled with others where the kind is rare."""
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
    """Return the least rate among the kinds with labels in the cohorts past the horizon.

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
    counts : ndarray of int64, shape (n_scores, n_codes, n_codes), or with a row more
        Current labels by score bin, predicted and actual class; counts below zero count as zero. The last code stands
        for unknown classes; in a row more are those predicted as another unknown class than the one that occurred.
    rates : ArrivalRates
        Above zero where there are counts.
    binary : bool
        Whether class 1 is the positive one; else precision, recall and F1 are means over the classes seen, None where
        unknown classes are among them.

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
    Half of the negatives have arrived, and all of the positives:

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
    metrics: dict[str, float | None] = dict.fromkeys(("accuracy", "precision", "recall", "f1"))
    errors: dict[str, float | None] = dict.fromkeys(metrics)
    for name, ratios in ratios_of(labels.sum(axis=0), binary=binary).items():
        value, residual = _mean_ratio(weights, ratios, undefined_is_zero=not binary)
        metrics[name] = value
        errors[name] = None if residual is None else _standard_error(labels, weights, residual, rates)
    return WeightedMetrics(metrics, errors, n_effective)


def ratios_of(confusion: NDArray[np.int64], *, binary: bool) -> dict[str, list[tuple[Floats, Floats]]]:
    """Return numerators and denominators, shape (n_codes, n_codes) each; a metric is the mean of its ratios."""
    shape, n = confusion.shape, confusion.shape[1]
    every, right = np.ones(shape), np.eye(*shape)
    codes = [1] if binary else np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1)[:n]).tolist()
    if not binary and n - 1 in codes:
        return {"accuracy": [(right, every)]}
    ratios: dict[str, list[tuple[Floats, Floats]]] = {
        "accuracy": [(right, every)],
        "precision": [],
        "recall": [],
        "f1": [],
    }
    for code in codes:
        predicted, actual = np.zeros(shape), np.zeros(shape)
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
    """Return the mean of ratios, and the influence of one labelled prediction, shape (n_codes, n_codes)."""
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

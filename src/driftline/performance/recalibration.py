"""Recalibration of a binary task's score: a map that never falls, fitted on some labelled events and tested on later
ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from driftline.profiles.calibrator import refit_calibrator
from driftline.sketches.estimates import score_middles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOST_STEPS: Final = 100
_STEP: Final = 1e-10
"""Newton's method ends when a step changes neither parameter by more than this part of it, or of 1."""


class ScoreMap(NamedTuple):
    """A map from scores to probabilities.

    Attributes
    ----------
    method : {"isotonic", "platt"}
    points : list of (float, float), or None
        Of ``isotonic``: score and probability, ascending; straight lines between, constant beyond.
    slope, intercept : float or None
        Of ``platt``: logit(probability) = slope · logit(score) + intercept.
    by_bin : ndarray of float64, shape (SCORE_BINS,)
        Probability at the middle of each score bin, within (0, 1).
    """

    method: Literal["isotonic", "platt"]
    points: list[tuple[float, float]] | None
    slope: float | None
    intercept: float | None
    by_bin: Floats


class PairedChange(NamedTuple):
    """A mean of the same events before and after a change.

    Attributes
    ----------
    before, after : float
    standard_error : float, at least 0
        Of ``after`` minus ``before``, for independent events.
    """

    before: float
    after: float
    standard_error: float


def isotonic_map(histograms: Floats) -> ScoreMap | None:
    """Return the isotonic map of labelled events; None where one of the labels never occurs.

    Parameters
    ----------
    histograms : ndarray, shape (2, SCORE_BINS)
        Labelled events by label and score bin.

    Notes
    -----
    Probabilities stay 1 / (n + 2) away from 0 and 1, n the number of events: no finite sample shows that an outcome
    is impossible, and one such outcome would make the log loss infinite.

    *Source*: Zadrozny and Elkan (2002), doi:10.1145/775047.775151, by pool adjacent violators. Deviations: each score
    is the middle of its bin; the distance from 0 and 1.

    *Oracle*: scikit-learn 1.9, ``IsotonicRegression(y_min=1/(n+2), y_max=1-1/(n+2), out_of_bounds="clip")``.
    """
    counts = np.rint(np.maximum(histograms, 0)).astype(np.int64)
    if not counts.any(axis=1).all():
        return None
    nearest = 1.0 / (int(counts.sum()) + 2)
    calibrator = refit_calibrator(counts)
    knots, values = calibrator.points
    levels = np.clip(values, nearest, 1.0 - nearest)
    by_bin = np.interp(score_middles(), knots, levels)
    points = list(zip(knots.tolist(), levels.tolist(), strict=True))
    return ScoreMap("isotonic", points, None, None, by_bin)


def platt_map(histograms: Floats) -> ScoreMap | None:
    """Return the logistic map of labelled events; None where it has no maximum likelihood, or would fall.

    Parameters
    ----------
    histograms : ndarray, shape (2, SCORE_BINS)
        Labelled events by label and score bin.

    Notes
    -----
    Maximum likelihood of a logistic regression on the logit of the score, by Newton's method, so that unchanged scores
    are one of the maps. It does not exist where a threshold separates the labels.

    *Source*: Platt (1999), "Probabilistic outputs for support vector machines". Deviations: the logit of the score in
    place of a margin; labels as they are; each score is the middle of its bin.

    *Oracle*: scikit-learn 1.9, ``LogisticRegression`` without penalty.
    """
    counts = np.maximum(histograms, 0).astype(np.float64)
    logits = bin_logits()
    filled = counts.sum(axis=0) > 0
    negative, positive, x = counts[0, filled], counts[1, filled], logits[filled]
    if not positive.any() or not negative.any() or not _overlap(negative, positive):
        return None
    fitted = _logistic_fit(x, negative, positive)
    if fitted is None:
        return None
    slope, intercept = fitted
    if slope <= 0:
        return None
    return ScoreMap("platt", None, slope, intercept, _expit(slope * logits + intercept))


def log_loss_change(histograms: Floats, by_bin: Floats) -> PairedChange:
    """Return the mean log loss of labelled events with their scores as they are, and with other probabilities.

    Parameters
    ----------
    histograms : ndarray, shape (2, SCORE_BINS)
        Some labelled events by label and score bin; each score is the middle of its bin.
    by_bin : ndarray of float64, shape (SCORE_BINS,), in (0, 1)
    """
    return _change(histograms, lambda p: (-np.log(1.0 - p), -np.log(p)), by_bin)


def brier_change(histograms: Floats, by_bin: Floats) -> PairedChange:
    """Return the mean Brier score, as :func:`log_loss_change`."""
    return _change(histograms, lambda p: (p * p, (1.0 - p) ** 2), by_bin)


def bin_logits() -> Floats:
    """Return the logit of each score bin's middle, shape (SCORE_BINS,); scores of exactly 0 and 1 are one bin beyond
    the outermost.
    """
    inner = score_middles()[1:-1]
    logits = np.log(inner / (1.0 - inner))
    width = (logits[-1] - logits[0]) / (inner.size - 1)
    return np.concatenate([[logits[0] - width], logits, [logits[-1] + width]])


def _logistic_fit(x: Floats, negative: Floats, positive: Floats) -> tuple[float, float] | None:
    """Return slope and intercept of the greatest likelihood, by Newton's method from a constant on; steps that would
    lower the likelihood are halved. None where it does not converge.
    """
    n = negative + positive

    def likelihood(at: Floats) -> float:
        logits = at[0] * x + at[1]
        return float(-(positive * np.logaddexp(0.0, -logits) + negative * np.logaddexp(0.0, logits)).sum())

    at = np.array([0.0, math.log(positive.sum() / negative.sum())])
    for _ in range(_MOST_STEPS):
        p = _expit(at[0] * x + at[1])
        rest, weight = positive - n * p, n * p * (1.0 - p)
        gradient = np.array([rest @ x, rest.sum()])
        hessian = np.array([[weight @ (x * x), weight @ x], [weight @ x, weight.sum()]])
        if not np.linalg.det(hessian) > 0:
            return None
        step, best = np.linalg.solve(hessian, gradient), likelihood(at)
        if (np.abs(step) <= _STEP * np.maximum(1.0, np.abs(at))).all():
            return float(at[0]), float(at[1])
        while likelihood(at + step) < best and (np.abs(step) > _STEP * np.maximum(1.0, np.abs(at))).any():
            step = step / 2
        at = at + step
    return None


def _overlap(negative: Floats, positive: Floats) -> bool:
    """Whether no threshold separates the labels, of bins in ascending order."""
    of_negative, of_positive = np.flatnonzero(negative), np.flatnonzero(positive)
    return bool(of_negative[-1] > of_positive[0] and of_positive[-1] > of_negative[0])


def _change(histograms: Floats, losses: Callable[[Floats], tuple[Floats, Floats]], by_bin: Floats) -> PairedChange:
    counts = np.maximum(histograms, 0).astype(np.float64)
    n = counts.sum()
    before, after = (np.stack(losses(p)) for p in (_expit(bin_logits()), by_bin))
    differences = after - before
    mean = float((counts * differences).sum() / n)
    variance = float((counts * (differences - mean) ** 2).sum() / n)
    means = [float((counts * side).sum() / n) for side in (before, after)]
    return PairedChange(means[0], means[1], math.sqrt(variance / n))


def _expit(logits: Floats) -> Floats:
    p: Floats = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return np.clip(p, np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg)

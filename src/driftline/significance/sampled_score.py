"""Whether labels of a window score less on average than those of the reference: a permutation test, far out too.

Given all labels of both sides, a window without a change is a random sample of them. The distribution of its total
score is found by a double saddlepoint, whose relative error stays small where the normal approximation, and with it any
interval by the delta method, is wrong by factors of hundreds: where few labels of a rare class decide.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct
from scipy import special

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS: Final = 60
_HALVINGS: Final = 40
_NEAR: Final = 1e-10
"""Gradient, as a part of the window's labels, at which the saddlepoint is found."""
_FURTHEST: Final = 16.0
"""Logarithm of the odds by which scores can tell a window's labels from others; beyond, nothing is told apart."""
_LEAST: Final = 1e-9
"""Signed root of the likelihood ratio below which the total is the expected one."""


class SampledScore(Struct, frozen=True):
    """Outcome of the test.

    Parameters
    ----------
    quantile : float
        Standard normal quantile of the p-value of a known dispersion; 0 where the window scores no less than expected.
    p_value : float in [0, 1]
        At most 0.5 where the window scores less, else 1.
    standard_error : float
        Of the difference of the mean scores, if nothing has changed.
    """

    quantile: float
    p_value: float
    standard_error: float


def sampled_score_test(
    window: Floats,
    reference: Floats,
    scores: Floats,
    *,
    dispersion: float = 1.0,
    degrees_of_freedom: float | None = None,
) -> SampledScore | None:
    """Test whether the mean score of a window is below that of the reference; None where one of them has no label.

    Parameters
    ----------
    window, reference : ndarray of float64, shape (C,), at least 0
        Labels by cell; effective numbers where they are weighted.
    scores : ndarray of float64, shape (C,)
        Of a label of each cell. They may be made of the sum of both sides, but of nothing that tells them apart.
    dispersion : float, at least 1
        How many times totals vary as much as those of independent labels: each label then counts for a part.
    degrees_of_freedom : float or None
        Where the dispersion was estimated: Student's distribution then stands for the normal one.

    Raises
    ------
    ParameterError
        Where the dispersion is below 1.

    Notes
    -----
    The p-value is that of a lattice whose step is the score of the most telling label: no less than that of the scores
    as they are. At an end of the range, where no finite saddlepoint is, it is that of a less extreme total.

    *Cost*: O(C), some 20 times.

    *Source*: Booth and Butler (1990), doi:10.1093/biomet/77.4.787, for randomisation distributions; Skovgaard (1987),
    doi:10.2307/3214212, for the double saddlepoint; in the form of Barndorff-Nielsen (1986),
    doi:10.1093/biomet/73.2.307.

    *Oracle*: the hypergeometric distribution, which two cells are, and random permutations.

    Examples
    --------
    >>> sides = np.array([20.0, 80.0]), np.array([50.0, 950.0])
    >>> found = sampled_score_test(*sides, np.array([0.0, 1.0]))
    >>> bool(1e-7 < found.p_value < 1e-5)
    True
    """
    if not dispersion >= 1:
        raise ParameterError("a dispersion of at least 1", dispersion, "$.dispersion")
    n, n_reference = float(window.sum()) / dispersion, float(reference.sum()) / dispersion
    if n <= 0 or n_reference <= 0:
        return None
    held = window + reference > 0
    sample, counts = window[held] / dispersion, (window + reference)[held] / dispersion
    mean = float(counts @ scores[held]) / (n + n_reference)
    low = mean - scores[held]
    variance = float(counts @ (low * low)) / (n + n_reference)
    error = math.sqrt(variance * (1 / n + 1 / n_reference))
    total = float(sample @ low)
    if total <= 0 or variance <= 0:
        return SampledScore(0.0, 1.0, error)
    scale = math.sqrt(variance)
    quantile = max(0.0, _quantile(counts, low / scale, n, total / scale))
    tail = special.ndtr(-quantile) if degrees_of_freedom is None else special.stdtr(degrees_of_freedom, -quantile)
    return SampledScore(quantile, float(tail), error)


def _quantile(counts: Floats, scores: Floats, n: float, total: float) -> float:
    """Return the normal quantile of a sample's total score above 0; scores have mean 0 and variance 1 in all."""
    odds, step = math.log(n / (float(counts.sum()) - n)), float(np.ptp(scores))
    tilt, slope = _saddlepoint(counts, scores, odds, n, total)
    at_end = slope * step >= _FURTHEST
    if at_end:  # of what is more than half a step less
        total = max(0.0, total - step / 2)
        tilt, slope = _saddlepoint(counts, scores, odds, n, total)
    logits = odds + tilt + slope * scores
    chances = special.expit(logits)
    varying = counts * chances * (1 - chances)
    gain = tilt * n + slope * total - float(counts @ (np.logaddexp(0.0, logits) - np.logaddexp(0.0, odds)))
    root = math.sqrt(max(0.0, 2 * gain))
    if root < _LEAST:
        return 0.0
    of_sample, of_both, of_total = varying.sum(), varying @ scores, varying @ (scores * scores)
    curvature = float(of_sample * of_total - of_both * of_both)
    share = n / float(counts.sum())
    usual = float(counts.sum()) * share * (1 - share)
    by_step = 2 * math.sinh(slope * step / 2) / step if at_end else -math.expm1(-slope * step) / step
    wald = by_step * math.sqrt(max(curvature, np.finfo(np.float64).tiny) / usual)
    return root + math.log(wald / root) / root


def _saddlepoint(counts: Floats, scores: Floats, odds: float, n: float, total: float) -> tuple[float, float]:
    """Return by how much log-odds of being sampled rise, and how much with the score, where n and total are expected.

    Newton's method on a concave function, with halved steps; a slope beyond what is told apart is cut.
    """
    tilt, slope = 0.0, 0.0
    most = _FURTHEST / max(float(np.ptp(scores)), np.finfo(np.float64).tiny)

    def value(by: float, per_score: float) -> float:
        return by * n + per_score * total - float(counts @ np.logaddexp(0.0, odds + by + per_score * scores))

    height = value(tilt, slope)
    for _ in range(_STEPS):
        chances = special.expit(odds + tilt + slope * scores)
        varying = counts * chances * (1 - chances)
        short, low = n - float(counts @ chances), total - float((counts * chances) @ scores)
        a, b, c = float(varying.sum()), float(varying @ scores), float(varying @ (scores * scores))
        cut = slope >= most and low > 0
        if abs(short) <= _NEAR * n and (cut or abs(low) <= _NEAR * n):
            break
        determinant = a * c - b * b
        if cut or determinant <= 0:
            step = short / a if a > 0 else 0.0, 0.0
        else:
            step = (short * c - low * b) / determinant, (low * a - short * b) / determinant
        part = 1.0
        for _ in range(_HALVINGS):
            there = tilt + part * step[0], min(slope + part * step[1], most)
            reached = value(*there)
            if reached >= height:
                break
            part /= 2
        else:
            break
        (tilt, slope), height = there, reached
    return tilt, slope

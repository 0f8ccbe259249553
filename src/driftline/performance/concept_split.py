"""Data or concept: how much of a change is that other scores came, and how much that the same have other outcomes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.cases import Part, Side, sampling_variance

if TYPE_CHECKING:
    from driftline.performance.cases import Floats
    from driftline.performance.score_cells import ScoreCells


class Ratio(NamedTuple):
    """A metric as Σ w (α + β p) / Σ w (γ + δ p), each coefficient for a negative and for a positive decision.

    w are the shares of the labels, p the rate of positive ones.
    """

    alpha: tuple[float, float]
    beta: tuple[float, float]
    gamma: tuple[float, float]
    delta: tuple[float, float]


RATIOS: Final = {
    "accuracy": Ratio((1, 0), (-1, 1), (1, 1), (0, 0)),
    "precision": Ratio((0, 0), (0, 1), (0, 1), (0, 0)),
    "recall": Ratio((0, 0), (0, 1), (0, 0), (1, 1)),
    "specificity": Ratio((1, 0), (-1, 0), (1, 1), (-1, -1)),
}
"""Metrics that decisions and rates by score determine."""


class ConceptSplit(NamedTuple):
    """A change, and the two parts that it is the sum of.

    Attributes
    ----------
    value, value_before : float
    data : Part
        Other scores and decisions, with the labels that the reference would have given them.
    concept : Part
        Other labels at the same scores.
    outside : float in [0, 1]
        Share of the labels at scores of which the reference has none: what they changed counts as data.
    """

    value: float
    value_before: float
    data: Part
    concept: Part
    outside: float

    @property
    def change(self) -> float:
        """The change of the metric."""
        return self.value - self.value_before


class _Metric(NamedTuple):
    """A metric's value, and its derivatives by the cells' shares and rates."""

    value: float
    by_share: Floats
    by_rate: Floats


def data_or_concept(
    ratio: Ratio, now: ScoreCells, before: ScoreCells, *, dispersion: float = 1.0
) -> ConceptSplit | None:
    """Split the change of a metric of a binary task into what other scores and what other outcomes explain.

    Parameters
    ----------
    ratio : Ratio
        The metric.
    now, before : ScoreCells
        By the same groups of scores.
    dispersion : float, at least 1
        How many times errors vary as much as independent ones.

    Returns
    -------
    ConceptSplit or None
        None where the metric is undefined now, before, or as expected now. ``data`` and ``concept`` add up to the
        change, to the last digits of the metric.

    Notes
    -----
    With m(w, p) the metric, w the shares of the cells and p their rates of positive labels (0 marks the side before):
    Δ = [m(w, p⁰) - m(w⁰, p⁰)] + [m(w, p) - m(w, p⁰)]. For the accuracy this is Σ (w - w⁰) e⁰ + Σ w (r - e⁰), with
    e⁰ the reference's accuracy in a cell. A cell that only the other decision had before takes that rate: a moved
    threshold is data. Where the reference has neither, the window's own rate is taken.

    *Source*: the two terms are those of covariate shift and concept drift, with the reference's rates by group of
    scores as the estimate; by group and not by the profile's calibrator, as only then the reference's estimate is what
    was observed and nothing is left over. The variance is that of the delta method, of both sides.

    *Cost*: O(cells).
    """
    here, there = _side(now), _side(before)
    if here is None or there is None:
        return None
    donors, outside = _expected_from(here.shares, there.shares)
    expected = np.where(donors < 0, here.rates, there.rates[np.maximum(donors, 0)])
    coefficients = [np.repeat(each, now.counts.shape[1]) for each in ratio]
    realised = _metric(coefficients, here.shares, here.rates)
    estimate = _metric(coefficients, here.shares, expected)
    reference = _metric(coefficients, there.shares, there.rates)
    if realised is None or estimate is None or reference is None:
        return None
    own = np.where(donors < 0, estimate.by_rate, 0.0)
    lent = np.bincount(donors[donors >= 0], weights=estimate.by_rate[donors >= 0], minlength=donors.size)
    of_window = sampling_variance(
        here,
        np.stack([estimate.by_share, realised.by_share - estimate.by_share]),
        np.stack([own, realised.by_rate - own]),
    )
    of_reference = sampling_variance(
        there, np.stack([-reference.by_share, np.zeros_like(lent)]), np.stack([lent - reference.by_rate, -lent])
    )
    errors = np.sqrt(dispersion * (of_window + of_reference))
    return ConceptSplit(
        realised.value,
        reference.value,
        Part(estimate.value - reference.value, float(errors[0])),
        Part(realised.value - estimate.value, float(errors[1])),
        outside,
    )


def _side(cells: ScoreCells) -> Side | None:
    """Return a side's cells in a row, those of negative decisions first; rates are of positive labels."""
    counts, positives = cells.counts.ravel(), cells.positives.ravel()
    whole = float(counts.sum())
    if whole <= 0:
        return None
    rates = np.divide(positives, counts, out=np.zeros_like(counts), where=counts > 0)
    sizes = counts / cells.squared_weight
    smooth = (sizes * rates + 0.5) / (sizes + 1)  # Jeffreys' prior, as for the calibrator's own error
    return Side(counts / whole, rates, smooth * (1 - smooth), counts * cells.squared_weight / whole**2)


def _expected_from(here: Floats, there: Floats) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], float]:
    """Return the cell whose rate before is expected in each cell, -1 for none, and the share of the latter."""
    n = here.size
    own, other = np.arange(n), (np.arange(n) + n // 2) % n
    donors = np.where(there > 0, own, np.where(there[other] > 0, other, -1))
    return donors, math.fsum(here[donors < 0])


def _metric(coefficients: list[Floats], shares: Floats, rates: Floats) -> _Metric | None:
    alpha, beta, gamma, delta = coefficients
    top, bottom = alpha + beta * rates, gamma + delta * rates
    whole = math.fsum(shares * bottom)
    if whole <= 0:
        return None
    value = math.fsum(shares * top) / whole
    return _Metric(value, (top - value * bottom) / whole, shares * (beta - value * delta) / whole)

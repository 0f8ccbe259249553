"""The smallest change that a test at a given significance level detects: what a false-alarm budget costs in power."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from scipy import optimize, special

from driftline.errors import ParameterError
from driftline.significance.pearson import LEAST_EXPECTED
from driftline.significance.share import share_test

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_SHIFT = 20.0
"""Largest shift searched, in standard deviations; beyond it every group but the last is empty."""


class PowerAnalysis(Struct, frozen=True, kw_only=True):
    """What decides how small a change a test detects: its significance level, the sample sizes and the power.

    Parameters
    ----------
    level : float in (0, 1]
        Significance level of the test.
    n, n_reference : int, unit events, at least 1
        Sizes of the window and of the reference.
    dispersion : float, at least 1
        λ̄, the variance of the counts over that of independent events.
    power : float in (0, 1)
        Fraction of windows with the change that the test is to detect.
    """

    level: float
    n: int
    n_reference: int
    dispersion: float = 1.0
    power: float = 0.8

    def __post_init__(self) -> None:
        """Validate the sizes, the level and the power."""
        if not 0 < self.level <= 1:
            raise ParameterError("a level above 0 and up to 1", self.level, "$.level")
        if min(self.n, self.n_reference) < 1:
            raise ParameterError("at least 1 event on both sides", min(self.n, self.n_reference), "$.n")
        if not 1 <= self.dispersion < math.inf:
            raise ParameterError("a finite dispersion of at least 1", self.dispersion, "$.dispersion")
        if not 0 < self.power < 1:
            raise ParameterError("a power between 0 and 1", self.power, "$.power")

    @property
    def unit(self) -> float:
        """λ̄ (1/n + 1/N): mean PSI per degree of freedom when nothing has changed."""
        return self.dispersion * (1 / self.n + 1 / self.n_reference)

    def degrees_of_freedom(self, n_groups: int) -> int:
        """Return the degrees of freedom of Pearson's test on those groups of equal share that can expect enough events.

        Where groups can only just expect enough, some are merged, and the loss of detail about cancels the gain in
        degrees of freedom: at n = 200 and 20 groups the test detects the resulting sizes in 70 % to 85 % of windows.
        """
        n_large_enough = int(min(self.n, self.n_reference) / LEAST_EXPECTED)
        return max(1, min(n_groups, n_large_enough) - 1)


class Detectable(Struct, frozen=True):
    """The smallest change that is detected with the power asked for.

    Parameters
    ----------
    by_test : float
        Smallest change that the test can tell from chance; infinite where there is none.
    by_test_and_gate : float
        Smallest change that makes a finding, which is significant and passes the gate too.
    """

    by_test: float
    by_test_and_gate: float


def detectable_psi(analysis: PowerAnalysis, n_groups: int, gate: float) -> Detectable:
    """Smallest population stability index that Pearson's test detects, and that passes the gate.

    Pearson's statistic of a small change has the noncentrality PSI / (λ̄ (1/n + 1/N)): both sum (q − p)² / p. The gate
    is passed where the corrected index is at least the gate, that is where the statistic is at least
    B − 1 + gate / (λ̄ (1/n + 1/N)); so gate and level are two critical values of one statistic, and the larger decides.

    Parameters
    ----------
    analysis : PowerAnalysis
    n_groups : int, at least 2
        B, groups of equal share in the reference.
    gate : float, at least 0
        Smallest bias-corrected index that matters.

    Notes
    -----
    Cost: 0.1 ms. Source: Patnaik (1949), doi:10.1093/biomet/36.1-2.202, for the power of chi-squared tests. Deviations:
    a large change moves PSI away from the noncentrality, by some per cent at n = 200; and where groups have to be
    merged, a change that cancels within a merged group is not seen at all.

    Examples
    --------
    >>> detectable = detectable_psi(PowerAnalysis(level=7e-6, n=1_000, n_reference=20_000), 20, 0.1)
    >>> round(detectable.by_test, 3), round(detectable.by_test_and_gate, 3)
    (0.056, 0.12)
    """
    _, *noncentralities = _noncentralities(analysis, n_groups, gate)
    by_test, by_gate = (analysis.unit * each for each in noncentralities)
    return Detectable(by_test, max(by_test, by_gate))


def detectable_mean_shift(analysis: PowerAnalysis, n_groups: int, gate: float) -> Detectable:
    """Smallest shift of a normal column's mean, in its standard deviations, that Pearson's test detects.

    Parameters
    ----------
    analysis : PowerAnalysis
    n_groups : int, at least 2
        B, groups of equal share in the reference.
    gate : float, at least 0
        Smallest bias-corrected population stability index that matters.

    Notes
    -----
    The shift yields the shares of the groups, and these yield the noncentralities of Pearson's statistic (on pooled
    shares) and of PSI. Cost: 5 ms. Source: as :func:`detectable_psi`.

    Examples
    --------
    >>> detectable = detectable_mean_shift(PowerAnalysis(level=7e-6, n=1_000, n_reference=20_000), 20, 0.1)
    >>> round(detectable.by_test, 2), round(detectable.by_test_and_gate, 2)
    (0.24, 0.35)
    """
    freedom, for_test, for_gate = _noncentralities(analysis, n_groups, gate)
    reference = np.full(freedom + 1, 1 / (freedom + 1))
    edges = special.ndtri(np.cumsum(reference)[:-1])

    def shares(shift: float) -> np.ndarray:
        return np.diff(special.ndtr(np.concatenate(([-np.inf], edges - shift, [np.inf]))))

    def pearson(shift: float) -> float:
        here = shares(shift)
        pooled = (analysis.n * here + analysis.n_reference * reference) / (analysis.n + analysis.n_reference)
        return float(((here - reference) ** 2 / pooled).sum()) / analysis.unit

    def psi(shift: float) -> float:
        here = np.maximum(shares(shift), 1e-12)
        return float(((here - reference) * np.log(here / reference)).sum()) / analysis.unit

    by_test = _smallest(pearson, for_test)
    return Detectable(by_test, max(by_test, _smallest(psi, for_gate)))


def detectable_share_rise(analysis: PowerAnalysis, share: float, gate: float) -> Detectable:
    """Smallest rise of a share (missing, unseen, ...) that the exact test detects, and that passes the gate.

    Parameters
    ----------
    analysis : PowerAnalysis
    share : float in [0, 1)
        The reference's share.
    gate : float, at least 0
        Smallest change of the share that matters.

    Notes
    -----
    A binary search with the test itself yields the smallest significant count k; the incomplete beta function yields
    the share whose counts reach k with the power asked for. Cost: one test for each of about log₂ n counts.

    Source: Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404, for the share that belongs to a count. Deviations:
    a dispersion above 1 divides the numbers of events.

    Examples
    --------
    >>> detectable = detectable_share_rise(PowerAnalysis(level=7e-6, n=1_000, n_reference=20_000), 0.01, 0.01)
    >>> round(detectable.by_test, 4), round(detectable.by_test_and_gate, 4)
    (0.0233, 0.0233)
    """
    if not 0 <= share < 1:
        raise ParameterError("a share of at least 0 and below 1", share, "$.share")
    n, n_reference = analysis.n, analysis.n_reference
    k_reference = round(share * n_reference)
    first = math.ceil(n * share)
    low, high = first - 1, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        result = share_test(middle, n, k_reference, n_reference, dispersion=analysis.dispersion)
        if result is not None and middle * n_reference > n * k_reference and result.p_value <= analysis.level:
            high = middle
        else:
            low = middle
    if high > n:
        return Detectable(math.inf, math.inf)
    # The least count whose share is above the reference's by the gate; n + 1 where none is.
    near = max(first, math.floor(n * (share + gate)) - 1)
    by_gate = next((k for k in range(near, n + 1) if k / n - share >= gate), n + 1)
    rises = [_share_that_reaches(k, analysis) - share for k in (high, max(high, by_gate))]
    return Detectable(rises[0], rises[1])


def _share_that_reaches(k: int, analysis: PowerAnalysis) -> float:
    """Return the share at which a window's count is at least k with the power of the analysis."""
    if k > analysis.n:
        return math.inf
    spread = analysis.dispersion
    return float(special.betaincinv(k / spread, (analysis.n - k) / spread + 1, analysis.power))


def _noncentralities(analysis: PowerAnalysis, n_groups: int, gate: float) -> tuple[int, float, float]:
    """Return Pearson's degrees of freedom, and the noncentralities that its level and the gate ask for."""
    freedom = analysis.degrees_of_freedom(n_groups)
    critical = float(special.chdtri(freedom, analysis.level)), freedom + gate / analysis.unit
    by_level, by_gate = (_noncentrality(each, freedom, analysis.power) for each in critical)
    return freedom, by_level, by_gate


def _noncentrality(critical: float, freedom: int, power: float) -> float:
    """Return the noncentrality at which a chi-squared statistic exceeds a value with a given power."""

    def power_gap(noncentrality: float) -> float:
        return float(special.chndtr(critical, freedom, noncentrality)) - (1 - power)

    if power_gap(0.0) <= 0:
        return 0.0
    high = 1.0
    while power_gap(high) > 0:
        high *= 2
    return float(optimize.brentq(power_gap, 0.0, high, xtol=1e-9))


def _smallest(of_shift: Callable[[float], float], least: float) -> float:
    """Return the smallest shift at which an increasing function reaches a value; infinite where it never does."""
    if of_shift(LARGEST_SHIFT) < least:
        return math.inf
    return float(optimize.brentq(lambda shift: of_shift(shift) - least, 0.0, LARGEST_SHIFT, xtol=1e-9))

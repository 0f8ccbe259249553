"""How small a change a test at a given level can detect: what a false-alarm budget costs in power."""

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
"""Standard deviations; a larger shift leaves every group but the last empty."""


class Comparison(Struct, frozen=True, kw_only=True):
    """A window beside a reference, and the test between them.

    Parameters
    ----------
    level : float in (0, 1]
        Of the test.
    n, n_reference : int, unit events, at least 1
        Of the window and of the reference.
    dispersion : float, at least 1
        λ̄, how many times as much as those of independent events the counts vary; 1 for independent events.
    power : float in (0, 1)
        Share of windows with the change in which the test is to come out.
    """

    level: float
    n: int
    n_reference: int
    dispersion: float = 1.0
    power: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
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
        """λ̄ (1/n + 1/N): what PSI shows on average for each degree of freedom when nothing has changed."""
        return self.dispersion * (1 / self.n + 1 / self.n_reference)

    def degrees_of_freedom(self, n_groups: int) -> int:
        """Return those of Pearson's test on groups of equal share, as many as can expect enough events.

        Where that is only just so, some groups are merged, and what is lost in detail is about what is gained in
        degrees of freedom: at n = 200 and 20 groups the sizes that follow are found in 70 % to 85 % of windows.
        """
        filled = int(min(self.n, self.n_reference) / LEAST_EXPECTED)
        return max(1, min(n_groups, filled) - 1)


class Detectable(Struct, frozen=True):
    """The smallest change that is found with the wanted power.

    Parameters
    ----------
    by_test : float
        That the test can tell from chance; infinite where no change of this kind can be.
    found : float
        That is a finding: real, and as large as matters. It differs where the gate is what decides.
    """

    by_test: float
    found: float


def detectable_psi(comparison: Comparison, n_groups: int, gate: float) -> Detectable:
    """Smallest population stability index that Pearson's test detects, and that passes the gate.

    Pearson's statistic of a small change has the noncentrality PSI / (λ̄ (1/n + 1/N)): both sum (q − p)² / p. The gate
    is passed where the corrected index is at least the gate, that is where the statistic is at least
    B − 1 + gate / (λ̄ (1/n + 1/N)); so gate and level are two critical values of one statistic, and the larger decides.

    Parameters
    ----------
    comparison : Comparison
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
    >>> detectable = detectable_psi(Comparison(level=7e-6, n=1_000, n_reference=20_000), 20, 0.1)
    >>> round(detectable.by_test, 3), round(detectable.found, 3)
    (0.056, 0.12)
    """
    freedom = comparison.degrees_of_freedom(n_groups)
    critical = float(special.chdtri(freedom, comparison.level))
    by_gate = freedom + gate / comparison.unit
    sizes = [comparison.unit * _noncentrality(each, freedom, comparison.power) for each in (critical, by_gate)]
    return Detectable(sizes[0], max(sizes))


def detectable_mean_shift(comparison: Comparison, n_groups: int, gate: float) -> Detectable:
    """Smallest shift of a normal column's mean, in its standard deviations, that Pearson's test detects.

    Parameters
    ----------
    comparison : Comparison
    n_groups : int, at least 2
        B, groups of equal share in the reference.
    gate : float, at least 0
        Smallest bias-corrected population stability index that matters.

    Notes
    -----
    The shares of the groups follow from the shift; the noncentralities of Pearson's statistic (on pooled shares) and of
    PSI follow from those. Cost: 5 ms. Source: as :func:`detectable_psi`.

    Examples
    --------
    >>> detectable = detectable_mean_shift(Comparison(level=7e-6, n=1_000, n_reference=20_000), 20, 0.1)
    >>> round(detectable.by_test, 2), round(detectable.found, 2)
    (0.24, 0.35)
    """
    freedom = comparison.degrees_of_freedom(n_groups)
    critical = float(special.chdtri(freedom, comparison.level))
    by_gate = freedom + gate / comparison.unit
    reference = np.full(freedom + 1, 1 / (freedom + 1))
    edges = special.ndtri(np.cumsum(reference)[:-1])

    def shares(shift: float) -> np.ndarray:
        return np.diff(special.ndtr(np.concatenate(([-np.inf], edges - shift, [np.inf]))))

    def pearson(shift: float) -> float:
        here = shares(shift)
        pooled = (comparison.n * here + comparison.n_reference * reference) / (comparison.n + comparison.n_reference)
        return float(((here - reference) ** 2 / pooled).sum()) / comparison.unit

    def psi(shift: float) -> float:
        here = np.maximum(shares(shift), 1e-12)
        return float(((here - reference) * np.log(here / reference)).sum()) / comparison.unit

    by_test = _smallest(pearson, _noncentrality(critical, freedom, comparison.power))
    return Detectable(by_test, max(by_test, _smallest(psi, _noncentrality(by_gate, freedom, comparison.power))))


def detectable_share_rise(comparison: Comparison, share: float, gate: float) -> Detectable:
    """Smallest rise of a share (missing, unseen, ...) that the exact test detects, and that passes the gate.

    Parameters
    ----------
    comparison : Comparison
    share : float in [0, 1)
        In the reference, of which exactly this share is counted.
    gate : float, at least 0
        Smallest change of the share that matters.

    Notes
    -----
    The smallest count k that comes out is searched for with the test itself, and the share of which it is reached with
    the wanted power follows from the incomplete beta function. Cost: one test for each of about log₂ n counts.

    Source: Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404, for the share that belongs to a count. Deviations:
    a dispersion above 1 divides the numbers of events.

    Examples
    --------
    >>> detectable = detectable_share_rise(Comparison(level=7e-6, n=1_000, n_reference=20_000), 0.01, 0.01)
    >>> round(detectable.by_test, 4), round(detectable.found, 4)
    (0.0233, 0.0233)
    """
    if not 0 <= share < 1:
        raise ParameterError("a share of at least 0 and below 1", share, "$.share")
    n, n_reference = comparison.n, comparison.n_reference
    k_reference = round(share * n_reference)
    first = math.ceil(n * share)
    low, high = first - 1, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        result = share_test(middle, n, k_reference, n_reference, dispersion=comparison.dispersion)
        if result is not None and middle * n_reference > n * k_reference and result.p_value <= comparison.level:
            high = middle
        else:
            low = middle
    if high > n:
        return Detectable(math.inf, math.inf)
    # The least count whose share is above the reference's by the gate; n + 1 where none is.
    near = max(first, math.floor(n * (share + gate)) - 1)
    by_gate = next((k for k in range(near, n + 1) if k / n - share >= gate), n + 1)
    rises = [_share_that_reaches(k, comparison) - share for k in (high, max(high, by_gate))]
    return Detectable(rises[0], rises[1])


def _share_that_reaches(k: int, comparison: Comparison) -> float:
    """Return the share at which a window's count is at least k with the wanted power."""
    if k > comparison.n:
        return math.inf
    spread = comparison.dispersion
    return float(special.betaincinv(k / spread, (comparison.n - k) / spread + 1, comparison.power))


def _noncentrality(critical: float, freedom: int, power: float) -> float:
    """Return the noncentrality at which a chi-squared statistic exceeds a value with a given power."""

    def missing(noncentrality: float) -> float:
        return float(special.chndtr(critical, freedom, noncentrality)) - (1 - power)

    if missing(0.0) <= 0:
        return 0.0
    high = 1.0
    while missing(high) > 0:
        high *= 2
    return float(optimize.brentq(missing, 0.0, high, xtol=1e-9))


def _smallest(of_shift: Callable[[float], float], wanted: float) -> float:
    """Return the shift at which a function that grows with it reaches a value; infinite where it never does."""
    if of_shift(LARGEST_SHIFT) < wanted:
        return math.inf
    return float(optimize.brentq(lambda shift: of_shift(shift) - wanted, 0.0, LARGEST_SHIFT, xtol=1e-9))

"""Times until a change is found, some of which are cut off: the Kaplan-Meier estimate, its median and restricted mean.

*Source*: E. L. Kaplan, P. Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958),
doi:10.1080/01621459.1958.10501452; R. Brookmeyer, J. Crowley, A confidence interval for the median survival time,
Biometrics 38 (1982), doi:10.2307/2530286, with log-log limits of Greenwood's variance, as R's ``survfit`` has them.
*Oracle*: :func:`scipy.stats.ecdf` of :class:`scipy.stats.CensoredData`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Z: Final = 1.959963984540054
"""Of 95 % limits."""
HALF: Final = 0.5


class Estimate(NamedTuple):
    """A number with its 95 % limits; infinity where the followed time does not show it."""

    value: float
    low: float
    high: float


class Survival:
    """The Kaplan-Meier estimate of the fraction not found after a time.

    Parameters
    ----------
    times : sequence of float, above 0
        Until a change was found, or until it was no longer followed.
    found : sequence of bool
        Whether it was.

    Attributes
    ----------
    times : ndarray of float64, shape (k,)
        At which any was found, ascending.
    fractions : ndarray of float64, shape (k,)
        Not found after each.
    """

    def __init__(self, times: Sequence[float], found: Sequence[bool]) -> None:
        at, events = np.asarray(times, dtype=np.float64), np.asarray(found, dtype=np.bool_)
        self.times: NDArray[np.float64]
        self.times, counts = np.unique(at[events], return_counts=True)
        at_risk = at.size - np.searchsorted(np.sort(at), self.times)
        self.fractions = np.cumprod(1 - counts / at_risk, dtype=np.float64)
        left = np.maximum(at_risk - counts, 1)
        self._greenwood = np.where(at_risk > counts, counts / (at_risk * left), 0.0)
        """Of each time, the term of Greenwood's sum; where none is left, the fraction is 0 without error."""

    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the 95 % log-log limits of each fraction, shape (k,) each; 0 where none is left."""
        inside = (self.fractions > 0) & (self.fractions < 1)
        logs = np.log(np.where(inside, self.fractions, 0.5))
        factor = np.exp(Z * np.sqrt(np.cumsum(self._greenwood)) / -logs)
        held = np.where(inside, self.fractions, 0.5)
        low, high = held**factor, held ** (1 / factor)
        return np.where(inside, low, self.fractions), np.where(inside, high, self.fractions)

    def median(self) -> Estimate:
        """Return the time after which half are found, with Brookmeyer's and Crowley's limits."""
        low, high = self.limits()
        return Estimate(self._first_below(self.fractions), self._first_below(low), self._first_below(high))

    def _first_below(self, curve: NDArray[np.float64]) -> float:
        below = np.flatnonzero(curve <= HALF + 1e-12)
        return float(self.times[below[0]]) if below.size else math.inf

    def restricted_mean(self, until: float) -> Estimate:
        """Return the mean of the smaller of the time and `until`, with normal limits within [0, until]."""
        ends = np.minimum(np.append(self.times, until), until)
        widths = np.diff(ends, prepend=0.0)
        areas = widths * np.append(1.0, self.fractions)
        after = np.cumsum(areas[::-1])[::-1][1:]  # area from each time on
        error = math.sqrt(float(np.sum(after**2 * self._greenwood)))
        mean = float(areas.sum())
        return Estimate(mean, max(0.0, mean - Z * error), min(until, mean + Z * error))

"""How large a change is that an e-detector found, in the unit of its direction, beside the smallest that matters.

The gates of one direction each: a mean in standard deviations, a spread as a ratio, shares as such. A share of values
is gated like a mean, in standard deviations of one event: 0.1 of them is PSI 0.01, of whichever kind the column is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from driftline.alerts.policy import CRITICAL_FACTOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.config.model import CheckSettings
    from driftline.detectors.mixture.directions import Direction

CRITICAL_SHIFT: Final = 5.0
"""Multiple of its gate from which a shift is critical: 0.5 standard deviations by default, PSI 0.25."""
_LEAST_VARIANCE: Final = 1e-4
"""Of a share: rarer groups are taken for one of ten thousand."""
_MOST_SHIFT: Final = 8.0
_MOST_LOG: Final = 3.0
"""Largest shift, and logarithm of a ratio, that is told apart."""


class ChangeSize(NamedTuple):
    """The size of a change."""

    name: str
    """``mean_shift``, ``spread_change``, ``share_shift`` or ``share_change``."""
    signed: float
    """Mean shift in standard deviations of a normal population with the same ranks, the ratio of its spreads less 1, or
    a difference of shares: of groups of values in standard deviations of one event."""
    size: float
    """The same without its sign; of spreads, the larger over the smaller less 1."""
    gate: float
    critical: float
    """Multiple of the gate from which it is critical."""
    before: float | None = None
    after: float | None = None
    """Shares, as expected and since the change."""
    deviation: float = 1.0
    """About the standard deviation of what one event says of it."""

    @property
    def multiple(self) -> float:
        """The size in multiples of the smallest that matters; with a gate of 0 every change is large."""
        return self.size / self.gate if self.gate > 0 else math.inf

    def sure(self, n: float, errors: float) -> float:
        """Return the same of a lower limit, so many standard errors below, of n independent events."""
        error = self.deviation / math.sqrt(max(n, 1.0))
        return max(0.0, self.size - errors * error) / self.gate if self.gate > 0 else math.inf


def change_of(direction: Direction, before: float, change: float, checks: CheckSettings) -> ChangeSize:
    """Return the size of a change.

    Parameters
    ----------
    direction : Direction
    before : float
        Expected mean of the direction's score.
    change : float
        Mean of the score since the change, less the expected one.
    checks : CheckSettings
        Gates: ``min_mean_shift``, ``min_spread_change`` and ``min_share_change``.
    """
    if direction.aspect == "mean":
        shift = _of_normal(direction, change, lambda cuts, by: ndtr(cuts - by), _MOST_SHIFT)
        return ChangeSize("mean_shift", shift, abs(shift), checks.min_mean_shift, CRITICAL_SHIFT)
    if direction.aspect == "spread":
        log = _of_normal(direction, change, lambda cuts, by: ndtr(cuts / math.exp(by)), _MOST_LOG)
        ratio = math.exp(log)
        size = max(ratio, 1 / ratio) - 1
        deviation = math.sqrt(0.5) * max(ratio, 1 / ratio)
        gate = checks.min_spread_change
        return ChangeSize("spread_change", ratio - 1, size, gate, CRITICAL_SHIFT, deviation=deviation)
    if not direction.grew:  # the score is that of all others
        before, change = 1 - before, -change
    after = min(max(before + change, 0.0), 1.0)
    by, now = after - before, math.sqrt(max(after * (1 - after), _LEAST_VARIANCE))
    if direction.aspect in {"missing", "unlisted"}:
        return ChangeSize("share_change", by, abs(by), checks.min_share_change, CRITICAL_FACTOR, before, after, now)
    usual = math.sqrt(max(before * (1 - before), _LEAST_VARIANCE))
    shift, gate = by / usual, checks.min_mean_shift
    return ChangeSize("share_shift", shift, abs(shift), gate, CRITICAL_SHIFT, before, after, now / usual)


def _of_normal(
    direction: Direction,
    change: float,
    below: Callable[[NDArray[np.float64], float], NDArray[np.float64]],
    most: float,
) -> float:
    """Return by how much a normal population must change for a score's mean to change by so much.

    Scores are bounded, as nobody knows how far the values of the outermost groups lie: so a shift of 2 has a mean score
    of 1.4. ``below`` gives the share of values below each cut after a change by an amount, which has the sign of the
    direction and is at most ``most``.
    """
    cuts, sign = np.array(direction.cuts), 1.0 if direction.grew else -1.0

    def lacking(by: float) -> float:
        shares = np.diff(below(cuts, sign * by), prepend=0.0, append=1.0)
        return float(shares @ direction.scores[:-1]) - change

    if lacking(0.0) >= 0:
        return 0.0
    return sign * (most if lacking(most) <= 0 else float(brentq(lacking, 0.0, most, xtol=1e-6)))

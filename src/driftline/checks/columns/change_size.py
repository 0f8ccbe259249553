"""How large a change is that an e-detector found, in the unit of its direction, beside the smallest that matters.

The gates of one direction each: a mean in standard deviations, a spread as a ratio, shares as such. A share of values
is gated like a mean, in standard deviations of one event: 0.1 of them is PSI 0.01, of whichever kind the column is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.alerts.policy import CRITICAL_FACTOR

if TYPE_CHECKING:
    from driftline.config.model import CheckSettings
    from driftline.detectors.mixture.directions import Direction

CRITICAL_SHIFT: Final = 5.0
"""Multiple of its gate from which a shift is critical: 0.5 standard deviations by default, PSI 0.25."""
_LEAST_VARIANCE: Final = 1e-4
"""Of a share: rarer groups are taken for one of ten thousand."""
_SMALL: Final = 0.05
"""Mean score, in standard deviations, over which the unit of a shift is measured."""


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
        shift, one_event = direction.size_of(change), abs(direction.size_of(_SMALL)) / _SMALL
        return ChangeSize("mean_shift", shift, abs(shift), checks.min_mean_shift, CRITICAL_SHIFT, deviation=one_event)
    if direction.aspect == "spread":
        ratio = math.exp(direction.size_of(change))
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

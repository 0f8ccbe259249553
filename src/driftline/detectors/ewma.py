"""The EWMA chart: an exponentially weighted moving average against limits around its target."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import POSITIVE, WEIGHT, check
from driftline.detectors.registry import register
from driftline.detectors.running import RunningMoments, TargetParameters


class EwmaParameters(TargetParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`Ewma`, beside :class:`~driftline.detectors.running.TargetParameters`.

    Parameters
    ----------
    weight : float in (0, 1]
        λ: the weight of the latest event.
    limit : float, greater than 0
        L: distance of the limits from the target, in standard deviations of the average.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    weight: float = 0.05
    limit: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, weight=WEIGHT, limit=POSITIVE)


class EwmaState(Struct):
    """The learnt target, and the average since."""

    baseline: RunningMoments = field(default_factory=RunningMoments)
    average: float = 0.0
    """Distance from the target, in spreads."""
    n_events: int = 0
    n_blocks: int = 0


@register("ewma")
class Ewma(Detector):
    """An EWMA chart on blocks: detects that the recent mean has left the limits around its target.

    With values standardised by target and spread, zₜ = (1 − λ) zₜ₋₁ + λ xₜ from z₀ = 0; a change is detected where::

        |zₜ| > L √(λ / (2 − λ) · (1 − (1 − λ)²ᵗ))

    `statistic` and `threshold` are the two sides, in spreads; the means are in the unit of the values, and the mean
    after the change is the average itself. The detector does not estimate the time of the change.

    Parameters
    ----------
    parameters : EwmaParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: a block of b events counts as b events of its mean; excursions inside a block are not detected, and the
    variance inside it is used in the warm-up only. Where the first events are all equal, the spread is 1.

    State: 6 numbers, below 350 bytes in a snapshot. A reset drops the learnt target and keeps only the lifetime
    counters. Cost: O(1) per block, about 2 µs. Informative: on autocorrelated values it raises many alarms.

    Source: Roberts (1959), doi:10.1080/00401706.1959.10489860; limits: Lucas and Saccucci (1990),
    doi:10.1080/00401706.1990.10484583, equation 2. Deviation: the target may be learnt.

    Oracle: ``river.stats.EWMean`` of river 0.26.1 with the limits above, with blocks of one value, detection index by
    detection index (river has no such chart).

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> detector = Ewma(EwmaParameters(weight=0.5, limit=3.0, target=0.0, spread=1.0))
    >>> values = [0.0] * 10 + [2.0] * 10
    >>> [(d.index, d.direction) for d in (detector.update(Block(1, value)) for value in values) if d][:1]
    [(12, 'up')]
    """

    snapshot_bytes = 350

    parameters: EwmaParameters
    state: EwmaState

    def _update(self, block: Block) -> Detection | None:
        state, parameters = self.state, self.parameters
        target_and_spread = state.baseline.target(parameters, block)
        if target_and_spread is None:
            return None
        target, spread = target_and_spread
        fade = (1 - parameters.weight) ** block.count
        state.average = fade * state.average + (1 - fade) * ((block.mean - target) / spread)
        state.n_events += block.count
        state.n_blocks += 1
        grown = 1 - (1 - parameters.weight) ** (2 * state.n_events)
        threshold = parameters.limit * math.sqrt(parameters.weight / (2 - parameters.weight) * grown)
        if abs(state.average) <= threshold:
            return None
        return self._detection(abs(state.average), threshold, target, target + spread * state.average)

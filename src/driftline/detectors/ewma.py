"""The chart of an exponentially weighted moving average: the recent mean, against limits around its target."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector, is_number
from driftline.detectors.registry import register
from driftline.detectors.running import Baseline, check_target
from driftline.errors import ParameterError


class EwmaParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`Ewma`.

    Parameters
    ----------
    weight : float in (0, 1]
        λ: the weight of the latest event.
    limit : float, greater than 0
        L: how many standard deviations of the average the limits lie from the target.
    warm_up : int, unit events, at least 1
        Target and spread are those of the first so many events, where they are not given.
    target : float or None, unit of the values
    spread : float or None, greater than 0, unit of the values

    Raises
    ------
    ParameterError
        A parameter outside its range, or only one of target and spread.
    """

    weight: float = 0.05
    limit: float = 4.0
    warm_up: int = 200
    target: float | None = None
    spread: float | None = None

    def __post_init__(self) -> None:
        if not is_number(self.weight, above=0, at_most=1):
            raise ParameterError("a number in (0, 1]", self.weight, "$.weight")
        if not is_number(self.limit, above=0):
            raise ParameterError("a number greater than 0", self.limit, "$.limit")
        check_target(self.target, self.spread, self.warm_up)


class EwmaState(Struct):
    """What was learnt of the target, and the average since."""

    baseline: Baseline = field(default_factory=Baseline)
    average: float = 0.0
    """In spreads from the target."""
    n_events: int = 0
    n_blocks: int = 0


@register("ewma")
class Ewma(Detector):
    """An EWMA chart on blocks: finds that the recent mean has left the limits around its target.

    With values standardised by target and spread, zₜ = (1 − λ) zₜ₋₁ + λ xₜ from z₀ = 0; a change is found where::

        |zₜ| > L √(λ / (2 − λ) · (1 − (1 − λ)²ᵗ))

    `statistic` and `threshold` are the two sides, in spreads; the means are in the unit of the values, the one after
    the change being the average itself. It has no estimate of when the change was.

    Parameters
    ----------
    parameters : EwmaParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: a block of b events enters as b events of its mean; excursions inside a block are not seen, the variance
    inside it counts for the warm-up only. Without a spread in the first events, 1 stands for it.

    State: 6 numbers, below 350 bytes in a snapshot. A reset forgets the target that was learnt, and keeps only the
    lifetime counters. Cost: O(1) per block, about 2 µs. Informative: on autocorrelated values its alarms are many.

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

    parameters_type = EwmaParameters
    state_type = EwmaState
    snapshot_bytes = 350

    parameters: EwmaParameters
    state: EwmaState

    def _update(self, block: Block) -> Detection | None:
        state, given = self.state, self.parameters
        target_and_spread = state.baseline.target(given, block)
        if target_and_spread is None:
            return None
        target, spread = target_and_spread
        kept = (1 - given.weight) ** block.count
        state.average = kept * state.average + (1 - kept) * ((block.mean - target) / spread)
        state.n_events += block.count
        state.n_blocks += 1
        reached = 1 - (1 - given.weight) ** (2 * state.n_events)
        threshold = given.limit * math.sqrt(given.weight / (2 - given.weight) * reached)
        if abs(state.average) <= threshold:
            return None
        return Detection(
            index=self.counters.n_events - 1,
            statistic=abs(state.average),
            threshold=threshold,
            mean_before=target,
            mean_after=target + spread * state.average,
            since_blocks=None,
            since_events=None,
        )

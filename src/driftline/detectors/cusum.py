"""CUSUM: cumulative deviations from a target, in both directions, that start again at zero."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector, is_number
from driftline.detectors.registry import register
from driftline.detectors.running import Baseline, check_target
from driftline.errors import ParameterError


class CusumParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`Cusum`.

    Parameters
    ----------
    allowance : float, at least 0, unit spreads
        k: deviation of an event that is tolerated; half the shift that is to be found soonest.
    threshold : float, greater than 0, unit spreads times events
        h: how far the cumulative deviation may rise.
    mode : {"up", "down", "both"}
        Which changes of the mean to report.
    warm_up : int, unit events, at least 1
        Target and spread are those of the first so many events, where they are not given.
    target : float or None, unit of the values
    spread : float or None, greater than 0, unit of the values

    Raises
    ------
    ParameterError
        A parameter outside its range, or only one of target and spread.
    """

    allowance: float = 0.5
    threshold: float = 10.0
    mode: Literal["up", "down", "both"] = "both"
    warm_up: int = 200
    target: float | None = None
    spread: float | None = None

    def __post_init__(self) -> None:
        if not is_number(self.allowance, at_least=0):
            raise ParameterError("a number of at least 0", self.allowance, "$.allowance")
        if not is_number(self.threshold, above=0):
            raise ParameterError("a number greater than 0", self.threshold, "$.threshold")
        if self.mode not in ("up", "down", "both"):
            raise ParameterError("up, down or both", self.mode, "$.mode")
        check_target(self.target, self.spread, self.warm_up)


class Excursion(Struct):
    """One direction's cumulative deviation, and what came since it was last zero."""

    deviation: float = 0.0
    n_blocks: int = 0
    n_events: int = 0
    mean: float = 0.0
    """Of the events since it was last zero, in the unit of what is added."""

    def add(self, step: float, block: Block, mean: float) -> None:
        """Add a block's step; at zero or below the excursion is over."""
        self.deviation += step
        if self.deviation <= 0:
            self.deviation, self.n_blocks, self.n_events, self.mean = 0.0, 0, 0, 0.0
            return
        self.n_blocks += 1
        self.n_events += block.count
        self.mean += (block.count / self.n_events) * (mean - self.mean)


class CusumState(Struct):
    """What was learnt of the target, and both directions."""

    baseline: Baseline = field(default_factory=Baseline)
    up: Excursion = field(default_factory=Excursion)
    down: Excursion = field(default_factory=Excursion)


@register("cusum")
class Cusum(Detector):
    """CUSUM on blocks: finds a lasting rise or fall of the mean away from its target.

    With values standardised by target and spread, per event::

        Uₜ = max(0, Uₜ₋₁ + xₜ − k),    change up   when Uₜ > h
        Dₜ = max(0, Dₜ₋₁ − xₜ − k),    change down when Dₜ > h

    The change is estimated to lie where the sum was last zero.

    Parameters
    ----------
    parameters : CusumParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: a block of b events enters as one step b (x̄ − k): what the events would have added one by one, had the sum
    not met zero inside the block. The variance inside it counts for the warm-up only. Without a spread in the first
    events, 1 stands for it.

    State: 11 numbers, below 450 bytes in a snapshot. A reset forgets the target that was learnt, and keeps only the
    lifetime counters. Cost: O(1) per block, about 3 µs. Informative: on autocorrelated values its alarms are many.
    What may page is :class:`~driftline.detectors.paging_cusum.PagingCusum`.

    Source: Page (1954), doi:10.1093/biomet/41.1-2.100, section 3. Deviation: the target may be learnt.

    Oracle: the definition S = Zₜ − min Z with Z the plain cumulative sum, in NumPy 2, with blocks of one value,
    detection index by detection index (river has no CUSUM).

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> detector = Cusum(CusumParameters(threshold=4.0, target=0.0, spread=1.0))
    >>> values = [0.0] * 10 + [1.5] * 5 + [0.0] * 3 + [-2.0] * 3
    >>> [(d.index, d.direction, d.since_events) for d in (detector.update(Block(1, v)) for v in values) if d]
    [(14, 'up', 5), (20, 'down', 3)]
    """

    parameters_type = CusumParameters
    state_type = CusumState
    snapshot_bytes = 450

    parameters: CusumParameters
    state: CusumState

    def _update(self, block: Block) -> Detection | None:
        state, given = self.state, self.parameters
        target_and_spread = state.baseline.target(given, block)
        if target_and_spread is None:
            return None
        target, spread = target_and_spread
        z = (block.mean - target) / spread
        state.up.add(block.count * (z - given.allowance), block, block.mean)
        state.down.add(block.count * (-z - given.allowance), block, block.mean)
        sides = {"up": (state.up,), "down": (state.down,), "both": (state.up, state.down)}[given.mode]
        side = max(sides, key=_deviation)
        if side.deviation <= given.threshold:
            return None
        return Detection(
            index=self.counters.n_events - 1,
            statistic=side.deviation,
            threshold=given.threshold,
            mean_before=target,
            mean_after=side.mean,
            since_blocks=side.n_blocks,
            since_events=side.n_events,
        )


def _deviation(side: Excursion) -> float:
    return side.deviation

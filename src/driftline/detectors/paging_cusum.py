"""CUSUM in budget mode: blocks against the reference's mean, with a bound on the expected number of false alarms."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.cusum_threshold import LEAST_ALLOWANCE, STANDARD_ERRORS, threshold_for
from driftline.detectors.paging import GREATEST_STEP, BlockAccumulator, PagingParameters
from driftline.detectors.registry import register
from driftline.detectors.running import Excursion


class PagingCusumState(Struct):
    """The incomplete block, and the excursions in both directions, which count merged blocks and their events."""

    gathered: BlockAccumulator = field(default_factory=BlockAccumulator)
    up: Excursion = field(default_factory=Excursion)
    down: Excursion = field(default_factory=Excursion)
    up_blocks: int = 0
    down_blocks: int = 0
    """Panes since the direction was last zero."""


@register("paging_cusum")
class PagingCusum(Detector):
    """CUSUM that may open alerts: it keeps its expected number of false alarms in the horizon below a given number.

    With x̄ the mean of a merged block of n events, N reference events and the variance ratio R::

        y = x̄ √(min(n, N) / R), clipped at ±(k + 3)      k = max(0.25, 6 √(min(n, N) / N))
        U = max(0, U + y − k)                     change up   when U > h
        D = max(0, D − y − k)                     change down when D > h

    6 √(n / N) are six standard errors of the reference's mean in the block's standard deviations. h is
    :func:`~driftline.detectors.cusum_threshold.threshold_for`: its bound averages over the errors of the reference's
    mean and of R. Blocks above the least size have a larger k and so fewer alarms. `statistic` and `threshold` are U or
    D and h. The estimated time of the change is when the sum was last zero.

    Parameters
    ----------
    parameters : PagingParameters or None
        None for the defaults, which are for independent values.

    Notes
    -----
    It assumes that only dependence between events (R) moves the block means: where the hour of the day moves them, R
    must include that. Clipping keeps heavy tails from raising alarms; it lowers the variance of y and so the false
    alarms. An alarm needs at least h / 3 merged blocks: a few with small references, about ten with large ones.

    State: 16 numbers, below 600 bytes in a snapshot. A reset keeps only the lifetime counters. Cost: O(1) per block,
    about 3 µs.

    Source: Page (1954), doi:10.1093/biomet/41.1-2.100; threshold: Siegmund (1985), doi:10.1007/978-1-4757-1862-1.
    Deviations: the clipping, and the average over the errors of reference and variance.

    Oracle: simulation, and the Markov chain of Brook and Evans (1972), doi:10.1093/biomet/59.3.539.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> detector = PagingCusum(PagingParameters(expected_alarms=0.01, horizon_blocks=8640))
    >>> blocks = [Block(100, 0.0, 1.0)] * 50 + [Block(100, 0.25, 1.0)] * 50
    >>> [(d.index, d.since_blocks, d.direction) for d in map(detector.update, blocks) if d][:1]
    [(5899, 9, 'up')]
    """

    snapshot_bytes = 600
    budgeted = True

    parameters: PagingParameters
    state: PagingCusumState

    def __init__(self, parameters: Struct | None = None) -> None:
        super().__init__(parameters)
        budget = self.parameters
        self._block_events = budget.block_events
        least = self._allowance(self._block_events)
        self._threshold = threshold_for(budget.expected_alarms, budget.n_blocks, budget.degrees_of_freedom, least)

    def _allowance(self, n_events: int) -> float:
        n = min(n_events, self.parameters.n_reference)
        return max(LEAST_ALLOWANCE, STANDARD_ERRORS * math.sqrt(n / self.parameters.n_reference))

    def _update(self, block: Block) -> Detection | None:
        state, parameters = self.state, self.parameters
        state.up_blocks += 1
        state.down_blocks += 1
        whole = state.gathered.merge(block, self._block_events, parameters.min_blocks)
        if whole is None:
            return None
        n = min(whole.count, parameters.n_reference)
        allowance = self._allowance(n)
        furthest = allowance + GREATEST_STEP
        y = min(max(whole.mean * math.sqrt(n / parameters.ratio), -furthest), furthest)
        state.up.step(y - allowance, whole)
        state.down.step(-y - allowance, whole)
        state.up_blocks = state.up_blocks if state.up.n_blocks else 0
        state.down_blocks = state.down_blocks if state.down.n_blocks else 0
        rising = state.up.deviation >= state.down.deviation
        side = state.up if rising else state.down
        if side.deviation <= self._threshold:
            return None
        since_blocks = state.up_blocks if rising else state.down_blocks
        return self._detection(side.deviation, self._threshold, 0.0, side.mean, since_blocks, side.n_events)

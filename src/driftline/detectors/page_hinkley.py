"""Page-Hinkley: cumulative deviations from the running mean, against their extreme."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import MODE, NOT_NEGATIVE, POSITIVE, WEIGHT, Mode, check, reports_rise, whole
from driftline.detectors.registry import register
from driftline.detectors.running import RunningMean


class PageHinkleyParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`PageHinkley`; the defaults are river's.

    Parameters
    ----------
    min_instances : int, unit events, at least 1
        Number of events since the last reset in which no change is reported.
    delta : float, at least 0, unit of the values
        Tolerated deviation.
    threshold : float, greater than 0, unit of the values times events
        λ: largest distance of the cumulative deviation from its extreme.
    alpha : float in (0, 1]
        Factor by which the cumulative deviation fades with every event; 1 for no fading.
    mode : {"up", "down", "both"}
        Which changes of the mean to report.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    min_instances: int = 30
    delta: float = 0.005
    threshold: float = 50.0
    alpha: float = 1 - 0.0001
    mode: Mode = "both"

    def __post_init__(self) -> None:
        check(self, min_instances=whole(1), delta=NOT_NEGATIVE, threshold=POSITIVE, alpha=WEIGHT, mode=MODE)


class _Side(RunningMean):
    """One cumulative deviation, its extreme, and the running mean at the time of the extreme."""

    deviation: float = 0.0
    extreme: float = math.inf

    @property
    def excursion(self) -> float:
        """How far the deviation is above its minimum."""
        return self.deviation - self.extreme


class PageHinkleyState(RunningMean):
    """The running mean and the two sides; the falling side has its sign turned, so that both seek a minimum."""

    up: _Side = field(default_factory=_Side)
    down: _Side = field(default_factory=_Side)


@register("page_hinkley")
class PageHinkley(Detector):
    """Page-Hinkley on blocks: detects a lasting rise or fall of the mean beyond the tolerated deviation.

    With x̄ₜ the mean of the values so far, per event::

        Uₜ = α Uₜ₋₁ + (xₜ − x̄ₜ) − δ,    change up   when Uₜ − min U > λ
        Dₜ = α Dₜ₋₁ + (xₜ − x̄ₜ) + δ,    change down when max D − Dₜ > λ

    `statistic` and `threshold` are the two sides of the inequality. The estimated time of the change is that of the
    extreme; the means before and after are those of the events since the last reset, split there. With δ far below the
    values' spread the extreme may lie long before the change, and the two means then differ by less than the change.

    Parameters
    ----------
    parameters : PageHinkleyParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: a block of b events counts as b deviations of its mean from the running mean *at its end*::

        U = αᵇ U + (x̄_block − x̄ − δ) (1 + α + ... + αᵇ⁻¹)

    which is the formula above for b = 1. Extremes and changes are searched at the ends of blocks; the variance inside
    a block is not used.

    State: 13 numbers, below 500 bytes in a snapshot and about 1 kB in memory. A reset keeps only the lifetime
    counters. Cost: O(1) per block, about 2 µs.

    At its defaults it is a *parity mode*: 186 alarms in 300,000 unchanged independent values, 1,839 at φ = 0.9.

    Source: Page (1954), doi:10.1093/biomet/41.1-2.100; Hinkley (1971), doi:10.1093/biomet/58.3.509. Deviations: the
    fading α and the minimum of events, both river's.

    Oracle: ``river.drift.PageHinkley`` of river 0.26.1, with blocks of one value, detection index by detection index.

    Examples
    --------
    >>> import random
    >>> from driftline.detectors import Block
    >>> rng = random.Random(12345)
    >>> values = rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)
    >>> detector = PageHinkley(PageHinkleyParameters(mode="up"))
    >>> changes = [d for d in (detector.update(Block(1, float(v))) for v in values) if d]
    >>> [(d.index, d.direction) for d in changes]
    [(1006, 'up')]
    """

    snapshot_bytes = 500

    parameters: PageHinkleyParameters
    state: PageHinkleyState

    def _update(self, block: Block) -> Detection | None:
        state, parameters, n = self.state, self.parameters, block.count
        state.add(block)
        deviation = block.mean - state.mean
        alpha = parameters.alpha
        fade = alpha**n
        weight = float(n) if alpha == 1 else (1 - fade) / (1 - alpha)
        self._accumulate(state.up, fade, weight * deviation, weight * parameters.delta)
        self._accumulate(state.down, fade, -weight * deviation, weight * parameters.delta)
        if state.n_events < parameters.min_instances:
            return None
        up, down = state.up, state.down
        side = up if reports_rise(parameters.mode, up.excursion, down.excursion) else down
        if side.excursion <= parameters.threshold:
            return None
        after = state.since(side)
        return self._detection(
            side.excursion, parameters.threshold, side.mean, after.mean, after.n_blocks, after.n_events
        )

    def _accumulate(self, side: _Side, fade: float, deviation: float, tolerated: float) -> None:
        """Add a deviation to one side; where that is its minimum, record the running mean."""
        side.deviation = fade * side.deviation + deviation - tolerated
        if side.deviation < side.extreme:
            side.extreme = side.deviation
            side.n_blocks, side.n_events, side.mean = self.state.n_blocks, self.state.n_events, self.state.mean

"""ADWIN in budget mode: effective event counts, and a δ that bounds the expected number of false alarms."""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct, field
from scipy.special import stdtrit

from driftline.detectors.adwin import Adwin, AdwinParameters, AdwinState
from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.paging import GREATEST_STEP, BlockAccumulator, PagingParameters
from driftline.detectors.registry import register

LOOKS = 0.5
"""False alarms per block, in units of the two-sided tail at the least bound; simulated, see docs/detectors.md."""
_LEAST_DELTA = 1e-300
_REST_BYTES = 600
_MATURE_BLOCKS = 10
"""Blocks in the window from which on its spread is accurate enough to clip the next block."""


class PagingAdwinState(Struct):
    """The incomplete block, ADWIN's window, and the blocks received and passed on since the last reset."""

    gathered: BlockAccumulator = field(default_factory=BlockAccumulator)
    adwin: AdwinState = field(default_factory=AdwinState)
    n_blocks: int = 0
    n_fed: int = 0


def delta_for(expected_alarms: float, n_blocks: float, degrees_of_freedom: float = math.inf) -> float:
    """Return the δ that keeps to the expected number of false alarms.

    A cut between two parts of the window is a change where their means differ by at least x = √(2 ln(2 ln(W) / δ))
    standard errors. With a variance known to ν degrees of freedom, the difference is a Student variable, and unchanged
    blocks raise at most :data:`LOOKS` P(abs(t) > x) alarms each, with x taken for the least window, of W = e.

    Parameters
    ----------
    expected_alarms : float, greater than 0
        Expected number of false alarms allowed in the horizon.
    n_blocks : float, at least 1
        Number of blocks within the horizon.
    degrees_of_freedom : float
        Degrees of freedom of the estimated variance ratio; infinite where it is known.

    Returns
    -------
    float in (0, 1)

    Examples
    --------
    >>> f"{delta_for(0.01, 8640):.1e}", f"{delta_for(0.01, 8640, 50):.1e}"
    ('2.9e-05', '1.3e-06')
    """
    tail = min(expected_alarms / n_blocks / LOOKS, 0.3)
    degrees = min(degrees_of_freedom, 1e10)
    x = -float(stdtrit(degrees, tail / 2))
    return min(max(2 * math.exp(-x * x / 2), _LEAST_DELTA), 0.5)


@register("paging_adwin")
class PagingAdwin(Detector):
    """ADWIN that may open alerts: detects a change of the mean against the recent past, with bounded false alarms.

    A merged block of n events counts in :class:`~driftline.detectors.adwin.Adwin` as n / R events (R the variance
    ratio) with its mean and variance, and every block is examined; δ is :func:`delta_for`. Once the window holds ten
    blocks, a block's mean is clipped at 3 of its standard deviations from the window's mean.

    Parameters
    ----------
    parameters : PagingParameters or None
        None for the defaults, which are for independent values; `n_reference` is not used.

    Notes
    -----
    It needs no reference, so it detects changes even where the reference never fitted, and a return to the reference.
    It assumes that only dependence between events (R) moves the block means: where the hour of the day moves them, R
    must include that. `since_blocks` is exact where all merged blocks consist of equally many panes.

    State: as ADWIN's, and 7 numbers. A reset keeps only the lifetime counters. Cost: as ADWIN's, per merged block.

    Source: Bifet and Gavaldà (2007), doi:10.1137/1.9781611972771.42. Deviations: those of :class:`Adwin`; effective
    event counts; δ from simulated false alarms, not from the union bound; the clipping.

    Oracle: simulation.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> detector = PagingAdwin(PagingParameters(expected_alarms=0.01, horizon_blocks=8640))
    >>> blocks = [Block(100, 0.0, 1.0)] * 50 + [Block(100, 0.5, 1.0)] * 50
    >>> [(d.index, d.since_blocks, d.direction) for d in map(detector.update, blocks) if d][:1]
    [(5399, 4, 'up')]
    """

    budgeted = True

    parameters: PagingParameters
    state: PagingAdwinState

    def __init__(self, parameters: Struct | None = None) -> None:
        super().__init__(parameters)
        budget = self.parameters
        delta = delta_for(budget.expected_alarms, budget.n_blocks, budget.degrees_of_freedom)
        self._adwin = Adwin(AdwinParameters(delta=delta, clock=1))
        self._block_events = budget.block_events

    @property
    def snapshot_limit_bytes(self) -> int:
        """Largest size of a snapshot, however long the stream."""
        return self._adwin.snapshot_limit_bytes + _REST_BYTES

    def _update(self, block: Block) -> Detection | None:
        state, parameters = self.state, self.parameters
        state.n_blocks += 1
        whole = state.gathered.merge(block, self._block_events, parameters.min_blocks)
        if whole is None:
            return None
        state.n_fed += 1
        count = max(int(whole.count / parameters.ratio), 1)
        self._adwin.state = state.adwin
        change = self._adwin.feed(Block(count, self._cut(whole.mean, count), whole.variance))
        if change is None or change.since_blocks is None or change.since_events is None:
            return None
        return msgspec.structs.replace(
            change,
            index=self.counters.n_events - 1,
            since_blocks=max(round(change.since_blocks * state.n_blocks / state.n_fed), 1),
            since_events=min(round(change.since_events * parameters.ratio), self.counters.n_events),
        )

    def _cut(self, mean: float, count: int) -> float:
        """Return a block's mean, clipped at its greatest allowed distance from the window's mean."""
        window = self.state.adwin
        if self.state.n_fed <= _MATURE_BLOCKS:
            return mean
        centre = window.total / window.n_events
        furthest = GREATEST_STEP * math.sqrt(window.squares / window.n_events / count)
        return min(max(mean, centre - furthest), centre + furthest)

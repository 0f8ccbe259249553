"""Parameters of the detectors that may open alerts, and the merging of panes into long enough blocks."""

from __future__ import annotations

import math

from msgspec import Struct

from driftline.detectors.base import Block
from driftline.detectors.cusum_threshold import LEAST_DEGREES
from driftline.detectors.parameters import POSITIVE, ParameterRange, check, whole
from driftline.detectors.running import RunningMoments

CORRELATION_TIMES = 10
"""A block holds at least the worth of this many independent events: then its mean is nearly independent of its
neighbours'."""
GREATEST_STEP = 3.0
"""A block's mean counts for at most this many of its standard deviations, so no single outlier opens an alert."""


class PagingParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of detectors that may open alerts; values must be standardised with the reference's mean and spread.

    Parameters
    ----------
    expected_alarms : float, greater than 0
        Expected number of false alarms allowed in the horizon.
    horizon_blocks : int, at least 1
        Panes in the horizon, the largest number of blocks.
    variance_ratio : float, greater than 0
        Long-run variance of the values, divided by their plain variance; below 1 it counts as 1.
    degrees_of_freedom : float, at least 20
        Degrees of freedom of the estimated variance ratio; infinite where it is known.
    n_reference : int, unit events, at least 1
        Number of reference events that the mean was estimated from.
    min_events : int, unit events, at least 1
        Panes are merged until they hold this many events, and ten times the variance ratio.
    min_blocks : int, at least 1
        Least number of panes that are merged.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    expected_alarms: float = 0.01
    horizon_blocks: int = 259_200
    variance_ratio: float = 1.0
    degrees_of_freedom: float = math.inf
    n_reference: int = 20_000
    min_events: int = 100
    min_blocks: int = 1

    def __post_init__(self) -> None:
        degrees = ParameterRange(f"at least {LEAST_DEGREES:g} degrees of freedom", lambda value: value >= LEAST_DEGREES)
        check(self, expected_alarms=POSITIVE, variance_ratio=POSITIVE, degrees_of_freedom=degrees)
        check(self, horizon_blocks=whole(1), n_reference=whole(1), min_events=whole(1), min_blocks=whole(1))

    @property
    def ratio(self) -> float:
        """The variance ratio, at least 1: an estimate below 1 must not lower a threshold."""
        return max(self.variance_ratio, 1.0)

    @property
    def n_blocks(self) -> int:
        """Largest number of merged blocks in the horizon."""
        return -(-self.horizon_blocks // self.min_blocks)

    @property
    def block_events(self) -> int:
        """Least number of events in a merged block."""
        return max(self.min_events, math.ceil(CORRELATION_TIMES * self.ratio))


class BlockAccumulator(RunningMoments):
    """Merges blocks until they are large enough for a detector.

    Examples
    --------
    >>> accumulator = BlockAccumulator()
    >>> accumulator.merge(Block(1, 0.0), 4, 1), accumulator.merge(Block(3, 4.0), 4, 1)
    (None, Block(count=4, mean=3.0, variance=3.0, counts=None))
    >>> accumulator.n_blocks
    0
    """

    n_blocks: int = 0

    def merge(self, block: Block, least_events: int, least_blocks: int) -> Block | None:
        """Add a block; once there are enough, return them as one block and start again."""
        self.add(block)
        self.n_blocks += 1
        if self.n_events < least_events or self.n_blocks < least_blocks:
            return None
        whole = Block(self.n_events, self.mean, self.squares / self.n_events)
        self.n_events, self.n_blocks, self.mean, self.squares = 0, 0, 0.0, 0.0
        return whole

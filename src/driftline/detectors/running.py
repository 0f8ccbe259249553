"""State that several detectors share: running means, and a target learnt from the first events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.detectors.parameters import FINITE, POSITIVE, check, whole
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from driftline.detectors.base import Block


class RunningMean(Struct):
    """The mean of all events since the detector began, and the number of events and blocks.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> mean = RunningMean()
    >>> mean.add(Block(1, 4.0))
    >>> mean.add(Block(3, 0.0))
    >>> mean.mean, mean.n_events, mean.n_blocks
    (1.0, 4, 2)
    """

    n_events: int = 0
    n_blocks: int = 0
    mean: float = 0.0

    def add(self, block: Block) -> None:
        """Add a block; with one value the arithmetic is that of river's ``stats.Mean``, bit by bit."""
        self.n_events += block.count
        self.n_blocks += 1
        self.mean += (block.count / self.n_events) * (block.mean - self.mean)

    def copy(self) -> RunningMean:
        """Return an independent copy."""
        return RunningMean(self.n_events, self.n_blocks, self.mean)

    def since(self, earlier: RunningMean) -> RunningMean:
        """Return the mean of the events after an earlier copy of this one; there must be some."""
        n = self.n_events - earlier.n_events
        mean = (self.n_events * self.mean - earlier.n_events * earlier.mean) / n
        return RunningMean(n, self.n_blocks - earlier.n_blocks, mean)


class Excursion(RunningMean):
    """One direction's cumulative deviation, and the mean of the events since it was last zero."""

    deviation: float = 0.0

    def step(self, size: float, block: Block) -> None:
        """Add a block's step; where the sum falls to zero or below, the excursion is over."""
        self.deviation += size
        if self.deviation > 0:
            self.add(block)
        else:
            self.deviation, self.n_blocks, self.n_events, self.mean = 0.0, 0, 0, 0.0


class TargetParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of detectors that compare with a target.

    Parameters
    ----------
    warm_up : int, unit events, at least 1
        Target and spread are learnt from this many first events, where they are not given.
    target : float or None, unit of the values
        Mean that the values should have; None to learn it.
    spread : float or None, greater than 0, unit of the values
        Their standard deviation; None to learn it.

    Raises
    ------
    ParameterError
        A parameter outside its range, or only one of target and spread.
    """

    warm_up: int = 200
    target: float | None = None
    spread: float | None = None

    def __post_init__(self) -> None:
        if (self.target is None) != (self.spread is None):
            raise ParameterError("target and spread together, or neither", (self.target, self.spread), "$.target")
        check(self, warm_up=whole(1), target=FINITE, spread=POSITIVE)


class RunningMoments(Struct):
    """The mean and the variance of the events so far.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> moments = RunningMoments()
    >>> for value in (1.0, 3.0):
    ...     moments.add(Block(1, value))
    >>> moments.mean, moments.spread
    (2.0, 1.0)
    """

    n_events: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared deviations from the mean."""

    def add(self, block: Block) -> None:
        """Add a block."""
        difference, before = block.mean - self.mean, self.n_events
        self.n_events += block.count
        self.mean += (block.count / self.n_events) * difference
        self.squares += block.count * block.variance + before * block.count / self.n_events * difference * difference

    @property
    def spread(self) -> float:
        """Standard deviation of the events; 1 where they are all equal, as in the sketches."""
        spread = math.sqrt(self.squares / self.n_events) if self.n_events else 0.0
        return spread if spread > 0 else 1.0

    def target(self, parameters: TargetParameters, block: Block) -> tuple[float, float] | None:
        """Return target and spread, as configured or learnt; None while the warm-up lasts, to which the block goes."""
        if parameters.target is not None and parameters.spread is not None:
            return parameters.target, parameters.spread
        if self.n_events < parameters.warm_up:
            self.add(block)
            return None
        return self.mean, self.spread

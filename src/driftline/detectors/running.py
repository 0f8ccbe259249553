"""What several detectors keep: a running mean, and a baseline learnt from the first events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from driftline.detectors.base import is_number
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from driftline.detectors.base import Block


class RunningMean(Struct):
    """Mean of all events since the detector began, and how many events and blocks they were.

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
        """Take in a block; with one value the arithmetic is river's ``stats.Mean``, bit by bit."""
        self.n_events += block.count
        self.n_blocks += 1
        self.mean += (block.count / self.n_events) * (block.mean - self.mean)

    def copy(self) -> RunningMean:
        """Return one that goes its own way from here."""
        return RunningMean(self.n_events, self.n_blocks, self.mean)

    def mean_since(self, earlier: RunningMean) -> float:
        """Return the mean of the events after an earlier state of this one, of which there must be some."""
        n = self.n_events - earlier.n_events
        return (self.n_events * self.mean - earlier.n_events * earlier.mean) / n


class Targeted(Protocol):
    """Parameters that may name the target and the spread, or leave them to be learnt."""

    @property
    def target(self) -> float | None:
        """Mean that the values should have."""

    @property
    def spread(self) -> float | None:
        """Their standard deviation."""

    @property
    def warm_up(self) -> int:
        """Events that both are learnt from, where they are not given."""


class Baseline(Struct):
    """Mean and spread of the first events, for detectors that were not told them.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> baseline = Baseline()
    >>> for value in (1.0, 3.0):
    ...     baseline.add(Block(1, value))
    >>> baseline.mean, baseline.spread
    (2.0, 1.0)
    """

    n_events: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared deviations from the mean."""

    def add(self, block: Block) -> None:
        """Take in a block."""
        apart = block.mean - self.mean
        before = self.n_events
        self.n_events += block.count
        self.mean += (block.count / self.n_events) * apart
        self.squares += block.count * block.variance + before * block.count / self.n_events * apart * apart

    def target(self, given: Targeted, block: Block) -> tuple[float, float] | None:
        """Return target and spread: those given, else those learnt; None where the block was taken in to learn them."""
        if given.target is not None and given.spread is not None:
            return given.target, given.spread
        if self.n_events < given.warm_up:
            self.add(block)
            return None
        return self.mean, self.spread

    @property
    def spread(self) -> float:
        """Standard deviation of the events; 1 where they are all equal, as in the sketches."""
        spread = math.sqrt(self.squares / self.n_events) if self.n_events else 0.0
        return spread if spread > 0 else 1.0


def check_target(target: float | None, spread: float | None, warm_up: int) -> None:
    """Raise where target and spread are not both given or both absent, or one is outside its range."""
    if warm_up < 1:
        raise ParameterError("a whole number of at least 1", warm_up, "$.warm_up")
    if (target is None) != (spread is None):
        raise ParameterError("target and spread together, or neither", (target, spread), "$.target")
    if target is not None and not is_number(target):
        raise ParameterError("a finite number", target, "$.target")
    if spread is not None and not is_number(spread, above=0):
        raise ParameterError("a number greater than 0", spread, "$.spread")

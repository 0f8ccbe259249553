"""What the detectors that may page have in common: what they know of the stream, and blocks long enough to trust."""

from __future__ import annotations

import math

from msgspec import Struct

from driftline.detectors.base import Block, is_number
from driftline.detectors.cusum_threshold import LEAST_DEGREES
from driftline.errors import ParameterError

CORRELATION_TIMES = 10
"""A block holds at least as many events as so many independent ones amount to: then its mean is nearly independent of
its neighbours'."""
GREATEST_STEP = 3.0
"""A block's mean adds at most so many of its standard deviations, so no single block and no outlier pages."""


class PagingParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of detectors that may page; values must be standardised with the reference's mean and spread.

    Parameters
    ----------
    expected_alarms : float, greater than 0
        False alarms that may be expected in the horizon.
    horizon_blocks : int, at least 1
        Panes in the horizon: so many blocks come at most.
    variance_ratio : float, greater than 0
        Long-run variance of the values, divided by their plain variance; below 1 it counts as 1.
    degrees_of_freedom : float, at least 20
        Of that estimate; infinite where it is known.
    n_reference : int, unit events, at least 1
        Reference events, from which the mean was taken.
    min_events : int, unit events, at least 1
        Blocks are gathered until they hold so many, and ten times the variance ratio.
    min_blocks : int, at least 1
        And so many blocks.

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
        if not is_number(self.expected_alarms, above=0):
            raise ParameterError("a number greater than 0", self.expected_alarms, "$.expected_alarms")
        if not is_number(self.variance_ratio, above=0):
            raise ParameterError("a number greater than 0", self.variance_ratio, "$.variance_ratio")
        if not self.degrees_of_freedom >= LEAST_DEGREES:
            raise ParameterError(
                f"at least {LEAST_DEGREES:g} degrees of freedom", self.degrees_of_freedom, "$.degrees_of_freedom"
            )
        for name in ("horizon_blocks", "n_reference", "min_events", "min_blocks"):
            if getattr(self, name) < 1:
                raise ParameterError("a whole number of at least 1", getattr(self, name), f"$.{name}")

    @property
    def ratio(self) -> float:
        """The variance ratio, at least 1: an estimate below is not trusted to lower a threshold."""
        return max(self.variance_ratio, 1.0)

    @property
    def n_blocks(self) -> int:
        """Gathered blocks in the horizon, at most."""
        return -(-self.horizon_blocks // self.min_blocks)

    @property
    def block_events(self) -> int:
        """Events that a gathered block holds at least."""
        return max(self.min_events, math.ceil(CORRELATION_TIMES * self.ratio))


class Gathered(Struct):
    """Blocks that are still too little to be fed.

    Examples
    --------
    >>> gathered = Gathered()
    >>> gathered.add(Block(1, 0.0), 4, 1), gathered.add(Block(3, 4.0), 4, 1)
    (None, Block(count=4, mean=3.0, variance=3.0, counts=None))
    >>> gathered.n_blocks
    0
    """

    n_events: int = 0
    n_blocks: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, block: Block, least_events: int, least_blocks: int) -> Block | None:
        """Add a block; return all that was gathered, when that is enough, and begin anew."""
        apart, before = block.mean - self.mean, self.n_events
        self.n_events += block.count
        self.n_blocks += 1
        self.mean += (block.count / self.n_events) * apart
        self.squares += block.count * block.variance + before * block.count / self.n_events * apart * apart
        if self.n_events < least_events or self.n_blocks < least_blocks:
            return None
        whole = Block(self.n_events, self.mean, self.squares / self.n_events)
        self.n_events, self.n_blocks, self.mean, self.squares = 0, 0, 0.0, 0.0
        return whole

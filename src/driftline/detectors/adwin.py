"""ADWIN: a window that grows while its mean stays the same, and is dropped when two parts of it disagree."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import PROBABILITY, check, whole
from driftline.detectors.registry import register

_Bucket: TypeAlias = tuple[int, float, float]
"""Events, sum of their values, sum of squared deviations from their mean."""

_ROWS_LIMIT = 64
"""Rows that 2⁶⁴ blocks need: more than any stream has."""
_BUCKET_BYTES = 1 + 9 + 9 + 9
_REST_BYTES = 400


class AdwinParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`Adwin`; the defaults are river's.

    Parameters
    ----------
    delta : float in (0, 1)
        Confidence: the smaller, the fewer false alarms.
    clock : int, unit events, at least 1
        Cuts are examined at each block that reaches or passes a multiple of this number of events since the reset.
    max_buckets : int, at least 2
        Buckets of one size before two are merged; more buckets place cuts more finely.
    min_window_length : int, unit events, at least 1
        Least number of events on each side of a cut.
    grace_period : int, unit events, at least 0
        No cut is examined before the window holds more than this.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    delta: float = 0.002
    clock: int = 32
    max_buckets: int = 5
    min_window_length: int = 5
    grace_period: int = 10

    def __post_init__(self) -> None:
        check(self, delta=PROBABILITY, clock=whole(1), max_buckets=whole(2))
        check(self, min_window_length=whole(1), grace_period=whole(0))


class AdwinState(Struct):
    """The window: row i holds buckets of 2ⁱ blocks each, the oldest first."""

    rows: list[list[_Bucket]] = field(default_factory=lambda: [[]])
    n_events: int = 0
    total: float = 0.0
    squares: float = 0.0


@register("adwin")
class Adwin(Detector):
    """ADWIN on blocks: detects a change of the mean of any size at any time; δ controls its false alarms.

    Every `clock` events, each boundary between two buckets cuts the window of W events into an older part of n₀ and a
    newer part of n₁. With m the least length, σ² the window's variance and δ' = ln(2 ln(W) / δ), a cut shows a change
    where::

        |mean₀ − mean₁| > √(2 r σ² δ') + ⅔ r δ',    r = 1/(n₀ − m + 1) + 1/(n₁ − m + 1)

    The cut that exceeds its bound by the largest factor is reported: `statistic` and `threshold` are the two sides
    above, in units of the values, and the estimated change lies at that cut. Then the detector restarts.

    Parameters
    ----------
    parameters : AdwinParameters or None
        None for the defaults.

    Notes
    -----
    Values: standardised and clipped, as in a profile. The bound grows with the window's variance, so one value of
    10⁹ among standardised ones would hide every change until a reset.

    Blocks: each block is one bucket, with the variance inside it; all counts (W, n₀, n₁, m, clock, grace period) are
    events. Cuts inside a block are not examined, so changes are detected at the end of a block.

    State: at most `max_buckets` buckets in each of log₂(blocks) rows, up to 28 bytes each in a snapshot and about 150
    in memory: 1.4 kB and 9 kB after 10,000 blocks with the defaults. A reset keeps only the lifetime counters. Cost:
    O(1) per block on average, and O(log blocks) per examination, about 30 µs.

    At its defaults it is a *parity mode*: on autocorrelated values its alarms are many (1,860 in 300,000 at φ = 0.9).

    Source: Bifet and Gavaldà (2007), doi:10.1137/1.9781611972771.42, algorithm ADWIN2 and equation 3.1; merged
    variance: Babcock et al. (2003), doi:10.1145/773153.773176. Deviations, all of them river's: the clock, the
    minimum length in r, and that the whole window is dropped after a change, not its older part only.

    Oracle: ``river.drift.ADWIN`` of river 0.26.1, with blocks of one value, detection index by detection index.

    Examples
    --------
    >>> import random
    >>> from driftline.detectors import Block
    >>> rng = random.Random(12345)
    >>> values = rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)
    >>> adwin = Adwin(AdwinParameters(delta=0.002))
    >>> changes = [d for d in (adwin.update(Block(1, float(v))) for v in values) if d]
    >>> [(d.index, d.since_events, d.direction) for d in changes]
    [(1023, 24, 'up')]
    """

    parameters: AdwinParameters
    state: AdwinState

    @property
    def snapshot_limit_bytes(self) -> int:
        """Largest size of a snapshot, however long the stream."""
        return _ROWS_LIMIT * (3 + (self.parameters.max_buckets + 1) * _BUCKET_BYTES) + _REST_BYTES

    def _update(self, block: Block) -> Detection | None:
        return self.feed(block)

    def feed(self, block: Block) -> Detection | None:
        """Process a usable block without counting it; for detectors that contain an ADWIN."""
        before = self.state.n_events
        self._insert(block)
        clock = self.parameters.clock
        if self.state.n_events // clock == before // clock or self.state.n_events <= self.parameters.grace_period:
            return None
        return self._examine()

    def _insert(self, block: Block) -> None:
        """Add the block as the newest bucket, and merge the oldest two buckets of each full row."""
        state, n = self.state, block.count
        inside = block.variance * n
        total = block.mean * n
        if state.n_events:
            difference = block.mean - state.total / state.n_events
            state.squares += state.n_events * n * difference * difference / (state.n_events + n)
        state.squares += inside
        state.n_events += n
        state.total += total
        state.rows[0].append((n, total, inside))
        row = 0
        while len(state.rows[row]) > self.parameters.max_buckets:
            if row + 1 == len(state.rows):
                state.rows.append([])
            state.rows[row + 1].append(_merged(*state.rows[row][:2]))
            del state.rows[row][:2]
            row += 1

    def _examine(self) -> Detection | None:
        """Return the change at the cut that exceeds its bound by the largest factor; None where no cut does."""
        state, least = self.state, self.parameters.min_window_length
        buckets = [bucket for row in reversed(state.rows) for bucket in row]
        totals = np.array([bucket[1] for bucket in buckets])
        n0 = np.cumsum([bucket[0] for bucket in buckets])[:-1].astype(np.float64)
        n1 = state.n_events - n0
        u0 = np.cumsum(totals)[:-1]
        u1 = np.subtract.accumulate(np.concatenate(([state.total], totals)))[1:-1]
        long_enough = np.flatnonzero((n0 >= least) & (n1 >= least))
        n0, n1, u0, u1 = n0[long_enough], n1[long_enough], u0[long_enough], u1[long_enough]
        log_term = math.log(2 * math.log(state.n_events) / self.parameters.delta)
        r = 1 / (n0 - least + 1) + 1 / (n1 - least + 1)
        bound = np.sqrt(2 * r * (state.squares / state.n_events) * log_term) + 2 / 3 * log_term * r
        difference = np.abs(u0 / n0 - u1 / n1)
        excess = np.where(difference > bound, difference / bound, 0.0)
        if not excess.any():
            return None
        best = int(excess.argmax())
        # The buckets' blocks, oldest first: those from the cut on came after the change.
        n_blocks = [1 << i for i in reversed(range(len(state.rows))) for _ in state.rows[i]]
        return self._detection(
            float(difference[best]),
            float(bound[best]),
            float(u0[best] / n0[best]),
            float(u1[best] / n1[best]),
            sum(n_blocks[int(long_enough[best]) + 1 :]),
            int(n1[best]),
        )


def _merged(older: _Bucket, newer: _Bucket) -> _Bucket:
    """Return the bucket of the events of two neighbours."""
    (n0, u0, v0), (n1, u1, v1) = older, newer
    difference = u0 / n0 - u1 / n1
    return n0 + n1, u0 + u1, v0 + v1 + n0 * n1 * difference * difference / (n0 + n1)

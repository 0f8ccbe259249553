"""DDM: an error rate that rises above its lowest value so far."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import POSITIVE, check, whole
from driftline.detectors.registry import register
from driftline.detectors.running import RunningMean


class DdmParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`Ddm`; the defaults are river's.

    Parameters
    ----------
    warm_start : int, unit events, at least 1
        Number of first events in which no change is reported and no lowest rate is recorded.
    drift_threshold : float, greater than 0
        Number of standard deviations that the rate may rise above its lowest value.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    warm_start: int = 30
    drift_threshold: float = 3.0

    def __post_init__(self) -> None:
        check(self, warm_start=whole(1), drift_threshold=POSITIVE)


class DdmState(Struct):
    """The error rate, and its state at the lowest rate."""

    rate: RunningMean = field(default_factory=RunningMean)
    lowest: RunningMean = field(default_factory=RunningMean)
    lowest_deviation: float = math.inf


@register("ddm")
class Ddm(Detector):
    """DDM on blocks: detects that the mean of errors in [0, 1] has risen; it does not detect a fall.

    Let p be the rate of all n events so far and s = √(p (1 − p) / n). The detector keeps the lowest p + s so far; a
    change is detected where p + s > p_min + drift_threshold · s_min.

    Parameters
    ----------
    parameters : DdmParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: the lowest point and the change are searched at the ends of blocks, not inside them.

    State: 7 numbers, below 300 bytes in a snapshot. A reset keeps only the lifetime counters. Cost: O(1) per block,
    about 1 µs. It is informative: its false alarms in a given time are not bounded, and after a warm-up without any
    error the first error is a detection (p_min = s_min = 0), as in the paper and in river.

    Source: Gama, Medas, Castillo and Rodrigues (2004), doi:10.1007/978-3-540-28645-5_29, section 3. Deviations: no
    warning level, which driftline would not use.

    Oracle: ``river.drift.binary.DDM`` of river 0.26.1, with blocks of one value, detection index by detection index.

    Examples
    --------
    >>> import random
    >>> from driftline.detectors import Block
    >>> rng = random.Random(42)
    >>> errors = rng.choices([0, 1], k=1000) + rng.choices([0, 1], k=1000, weights=[0.3, 0.7])
    >>> detector = Ddm()
    >>> [d.index for d in (detector.update(Block(1, float(error))) for error in errors) if d]
    [1334]
    """

    snapshot_bytes = 300
    domain = "unit"

    parameters: DdmParameters
    state: DdmState

    def _update(self, block: Block) -> Detection | None:
        state = self.state
        state.rate.add(block)
        rate, n = state.rate.mean, state.rate.n_events
        if n <= self.parameters.warm_start:
            return None
        deviation = math.sqrt(max(rate * (1 - rate), 0.0) / n)
        if rate + deviation <= state.lowest.mean + state.lowest_deviation:
            state.lowest, state.lowest_deviation = state.rate.copy(), deviation
        threshold = state.lowest.mean + self.parameters.drift_threshold * state.lowest_deviation
        if rate + deviation <= threshold or n == state.lowest.n_events:
            return None
        after = state.rate.since(state.lowest)
        return self._detection(
            rate + deviation, threshold, state.lowest.mean, after.mean, after.n_blocks, after.n_events
        )

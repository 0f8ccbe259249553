"""HDDM-A: the means of two parts of the stream against Hoeffding's bound on their difference."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import PROBABILITY, check
from driftline.detectors.registry import register
from driftline.detectors.running import RunningMean


class HddmAParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`HddmA`; the defaults are river's.

    Parameters
    ----------
    drift_confidence : float in (0, 1)
        The smaller, the fewer false alarms.
    two_sided_test : bool
        Whether a fall of the mean is reported as well as a rise.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    drift_confidence: float = 0.001
    two_sided_test: bool = False

    def __post_init__(self) -> None:
        check(self, drift_confidence=PROBABILITY)


class HddmAState(Struct):
    """The mean of all events, and its copies at the two cut points: lowest upper and highest lower confidence limit."""

    total: RunningMean = field(default_factory=RunningMean)
    lowest: RunningMean = field(default_factory=RunningMean)
    highest: RunningMean = field(default_factory=RunningMean)


@register("hddm_a")
class HddmA(Detector):
    """HDDM-A on blocks: detects a rise (two-sided: or a fall) of the mean of values in [0, 1], of any distribution.

    With x̄ the mean of the m events up to the cut point, and z̄ that of all n, a rise is detected where::

        z̄ − x̄ ≥ √((n − m) / (m n) · ln(2 / drift_confidence) / 2)

    Parameters
    ----------
    parameters : HddmAParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: cut points and changes are searched at the ends of blocks, not inside them. Hoeffding's bound holds for
    averages of bounded values, so it needs no distribution of a block's mean either. It holds for independent events
    and for each single evaluation, not for all of them together: the detector is informative.

    State: 9 numbers, below 400 bytes in a snapshot. A reset keeps only the lifetime counters. Cost: O(1) per block,
    about 4 µs.

    Source: Frías-Blanco et al. (2015), doi:10.1109/TKDE.2014.2345382, corollary 7 and algorithm HDDM_A-test.
    Deviations: no warning level; as in river, the factor 2 in the logarithm also for the one-sided test.

    Oracle: ``river.drift.binary.HDDMA`` of river 0.26.1, with blocks of one value, detection index by detection index.

    Examples
    --------
    >>> import random
    >>> from driftline.detectors import Block
    >>> rng = random.Random(42)
    >>> errors = rng.choices([0, 1], k=1000) + rng.choices([0, 1], k=1000, weights=[0.3, 0.7])
    >>> detector = HddmA()
    >>> [d.index for d in (detector.update(Block(1, float(error))) for error in errors) if d]
    [1206]
    """

    snapshot_bytes = 400
    domain = "unit"

    parameters: HddmAParameters
    state: HddmAState

    def _update(self, block: Block) -> Detection | None:
        state = self.state
        state.total.add(block)
        bound = self._bound(state.total)
        mean = state.total.mean
        if not state.lowest.n_events or state.lowest.mean + self._bound(state.lowest) >= mean + bound:
            state.lowest = state.total.copy()
        if not state.highest.n_events or state.highest.mean - self._bound(state.highest) <= mean - bound:
            state.highest = state.total.copy()
        rise = self._change(state.lowest, mean - state.lowest.mean)
        if rise is not None or not self.parameters.two_sided_test:
            return rise
        return self._change(state.highest, state.highest.mean - mean)

    def _bound(self, part: RunningMean) -> float:
        return math.sqrt(1.0 / (2 * part.n_events) * math.log(1.0 / self.parameters.drift_confidence))

    def _change(self, cut: RunningMean, difference: float) -> Detection | None:
        """Return the change at a cut point, where the means on both sides differ by enough."""
        total = self.state.total
        since_events = total.n_events - cut.n_events
        if not since_events:
            return None
        m = since_events / cut.n_events * (1.0 / total.n_events)
        threshold = math.sqrt(m / 2 * math.log(2.0 / self.parameters.drift_confidence))
        if difference < threshold:
            return None
        after = total.since(cut)
        return self._detection(difference, threshold, cut.mean, after.mean, after.n_blocks, after.n_events)

"""HDDM-W: as HDDM-A, with exponentially weighted means, so that recent events weigh more."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import PROBABILITY, check
from driftline.detectors.registry import register


class HddmWParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`HddmW`; the defaults are river's.

    Parameters
    ----------
    drift_confidence : float in (0, 1)
        The smaller, the fewer false alarms.
    lambda_val : float in (0, 1)
        λ: the weight of the latest event.
    two_sided_test : bool
        Whether a fall of the mean is reported as well as a rise.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    drift_confidence: float = 0.001
    lambda_val: float = 0.05
    two_sided_test: bool = False

    def __post_init__(self) -> None:
        check(self, drift_confidence=PROBABILITY, lambda_val=PROBABILITY)


class _Faded(Struct):
    """An exponentially weighted mean, and the sum of its squared weights, which determines McDiarmid's bound."""

    mean: float = 0.0
    weights: float = 1.0
    n_events: int = 0
    n_blocks: int = 0

    def add(self, block: Block, weight: float) -> None:
        """Add a block as `count` events of its mean; with one value the arithmetic is river's."""
        n, keep = block.count, 1 - weight
        faded = keep**n
        # λ + λ(1−λ) + ... over the block's events; exactly λ for one.
        share = weight if n == 1 else 1 - faded
        self.mean = block.mean if not self.n_events else share * block.mean + (faded if n > 1 else keep) * self.mean
        squared = keep**2
        if n == 1:
            self.weights = weight * weight + squared * self.weights
        else:
            self.weights = weight * weight * (1 - squared**n) / (1 - squared) + squared**n * self.weights
        self.n_events += n
        self.n_blocks += 1

    def copy(self) -> _Faded:
        return _Faded(self.mean, self.weights, self.n_events, self.n_blocks)


class _Side(Struct):
    """One cut point: the mean before and after it."""

    before: _Faded = field(default_factory=_Faded)
    after: _Faded = field(default_factory=_Faded)
    cut: float = math.inf


class HddmWState(Struct):
    """The weighted mean of all events, and its two cut points."""

    total: _Faded = field(default_factory=_Faded)
    up: _Side = field(default_factory=_Side)
    down: _Side = field(default_factory=_Side)


@register("hddm_w")
class HddmW(Detector):
    """HDDM-W on blocks: detects a rise (two-sided: or a fall) of the recent mean of values in [0, 1].

    With x̂ the exponentially weighted mean up to the cut point, ŷ the one after it, and v the sums of their squared
    weights, a rise is detected where::

        ŷ − x̂ > √((v_x + v_y) ln(1 / drift_confidence) / 2)

    Parameters
    ----------
    parameters : HddmWParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: a block of b events counts as b events of its mean; cut points and changes are searched at the ends of
    blocks. The bound holds for independent values of any distribution and for each single evaluation, not for all of
    them together: the detector is informative.

    State: 22 numbers, below 600 bytes in a snapshot. A reset keeps only the lifetime counters. Cost: O(1) per block,
    about 6 µs.

    Source: Frías-Blanco et al. (2015), doi:10.1109/TKDE.2014.2345382, corollary 13 and algorithm HDDM_W-test.
    Deviations: no warning level; as in river, the sum of squared weights starts from 1.

    Oracle: ``river.drift.binary.HDDMW`` of river 0.26.1, with blocks of one value, detection index by detection index.

    Examples
    --------
    >>> import random
    >>> from driftline.detectors import Block
    >>> rng = random.Random(42)
    >>> errors = rng.choices([0, 1], k=1000) + rng.choices([0, 1], k=1000, weights=[0.3, 0.7])
    >>> detector = HddmW()
    >>> [d.index for d in (detector.update(Block(1, float(error))) for error in errors) if d]
    [1077]
    """

    snapshot_bytes = 600
    domain = "unit"

    parameters: HddmWParameters
    state: HddmWState

    def _update(self, block: Block) -> Detection | None:
        state = self.state
        state.total.add(block, self.parameters.lambda_val)
        bound = self._bound(state.total.weights)
        self._follow(state.up, state.total.mean + bound, block)
        self._follow(state.down, bound - state.total.mean, block)
        rise = self._change(state.up, 1.0)
        if rise is not None or not self.parameters.two_sided_test:
            return rise
        return self._change(state.down, -1.0)

    def _bound(self, weights: float) -> float:
        return math.sqrt(weights * math.log(1 / self.parameters.drift_confidence) / 2)

    def _follow(self, side: _Side, cut: float, block: Block) -> None:
        """Move the cut point here where the bound is the lowest so far, else add the block to the events after it."""
        if cut < side.cut:
            side.cut, side.before, side.after = cut, self.state.total.copy(), _Faded()
        else:
            side.after.add(block, self.parameters.lambda_val)

    def _change(self, side: _Side, sign: float) -> Detection | None:
        """Return the change at a cut point, where the means on both sides differ by enough."""
        before, after = side.before, side.after
        if not after.n_events:
            return None
        threshold = self._bound(before.weights + after.weights)
        difference = sign * (after.mean - before.mean)
        if difference <= threshold:
            return None
        return self._detection(difference, threshold, before.mean, after.mean, after.n_blocks, after.n_events)

"""An e-detector for values in [0, 1]: its false-alarm bound needs neither independence nor a distribution."""

from __future__ import annotations

import math

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import PROBABILITY, ParameterRange, check, whole
from driftline.detectors.registry import register
from driftline.detectors.running import RunningMoments

_BETS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""λ as fractions of the largest bet that cannot lose everything; each bet has an e-detector."""


class EDetectorParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`EDetector`.

    Parameters
    ----------
    run_length : float, greater than 1, unit blocks
        Least expected number of blocks until a false alarm.
    highest : float in (0, 1), or None
        The largest mean that is no change. None: the mean of the first events plus four standard errors; the guarantee
        then assumes that this was learnt correctly.
    warm_up : int, unit events, at least 1
        Number of first events from which `highest` is learnt, where it is not given.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    run_length: float = 100_000.0
    highest: float | None = None
    warm_up: int = 1000

    def __post_init__(self) -> None:
        run_length = ParameterRange("a number greater than 1", lambda value: 1 < value < math.inf)
        check(self, run_length=run_length, highest=PROBABILITY, warm_up=whole(1))


class EDetectorState(Struct):
    """The learnt mean, the logarithm of each bet's e-detector, and the events since the warm-up."""

    baseline: RunningMoments = field(default_factory=RunningMoments)
    logs: list[float] = field(default_factory=lambda: [-math.inf] * len(_BETS))
    since: RunningMoments = field(default_factory=RunningMoments)


@register("e_detector")
class EDetector(Detector):
    """An e-detector on blocks: detects that the mean of values in [0, 1] exceeds a highest acceptable mean.

    For bets λ, with m the highest mean and each block's values x₁ ... x_n, n x̄ their sum::

        L = (1 + λ (1 − m))^(n x̄) (1 − λ m)^(n (1 − x̄)),    M ← (M + 1) L,    change when max M / 6 > run_length

    As long as every value's expectation, given the past, is at most m, the expectation of L is at most 1, and that of M
    grows by at most 1 per block. The same holds for the mean of the six bets' M, of which max M / 6 is a lower bound.
    So the expected number of blocks until a false alarm is at least `run_length`, and the probability of one within n
    blocks at most n / run_length, whatever the distribution and the dependence of the values. `statistic` and
    `threshold` are the logarithms of the two sides. The detector does not estimate the time of the change.

    Parameters
    ----------
    parameters : EDetectorParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: for error bits L is the product over the events; for other values it is smaller, as the logarithm is
    concave, and the guarantee still holds.

    State: 13 numbers, below 600 bytes in a snapshot. A reset drops the learnt mean and keeps only the lifetime
    counters. Cost: O(1) per block, about 5 µs.

    Source: Shin, Ramdas and Rinaldo (2022), arXiv:2203.03532, definition 2.2 (Shiryaev-Roberts e-detector), theorem
    2.4 and section 4 (bounded values). Deviations: six fixed bets; M restarts at each block, not at each event.

    Oracle: the definition, event by event, in whole products.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> detector = EDetector(EDetectorParameters(highest=0.1))
    >>> blocks = [Block(50, 0.06)] * 100 + [Block(50, 0.3)] * 5
    >>> [(d.index, d.direction) for d in map(detector.update, blocks) if d]
    [(5099, 'up'), (5199, 'up')]
    """

    snapshot_bytes = 600
    domain = "unit"

    parameters: EDetectorParameters
    state: EDetectorState

    def _update(self, block: Block) -> Detection | None:
        state, highest = self.state, self.parameters.highest
        if highest is None:
            if state.baseline.n_events < self.parameters.warm_up:
                state.baseline.add(block)
                return None
            mean, n = state.baseline.mean, state.baseline.n_events
            # Agresti and Coull: two more errors among four more events, so that no error at all is not certainty.
            learnt = (mean * n + 2) / (n + 4)
            highest = min(learnt + 4 * math.sqrt(learnt * (1 - learnt) / n), 0.999)
        state.since.add(block)
        ones, zeros = block.count * block.mean, block.count * (1 - block.mean)
        for i, bet in enumerate(_BETS):
            stake = bet / highest
            step = ones * math.log1p(stake * (1 - highest)) + zeros * math.log1p(-stake * highest)
            state.logs[i] = _log_of_one_more(state.logs[i]) + step
        statistic = max(state.logs) - math.log(len(_BETS))
        threshold = math.log(self.parameters.run_length)
        if statistic <= threshold:
            return None
        return self._detection(statistic, threshold, min(highest, state.since.mean), block.mean)


def _log_of_one_more(log: float) -> float:
    """Return ln(e^log + 1)."""
    return log + math.log1p(math.exp(-log)) if log > 0 else math.log1p(math.exp(log))

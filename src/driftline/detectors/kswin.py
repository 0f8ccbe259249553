"""KSWIN on histograms: a Kolmogorov-Smirnov test of the latest blocks against the blocks before them."""

from __future__ import annotations

import math
from itertools import accumulate

from msgspec import Struct, field

from driftline.detectors.base import Block, Detection, Detector
from driftline.detectors.parameters import PROBABILITY, ParameterRange, check, whole
from driftline.detectors.registry import register
from driftline.errors import ParameterError

MAX_COUNTS = 40
"""Largest number of groups of bins in a block's counts."""
_MAX_SLOTS = 200
_NUMBER_BYTES = 9
_REST_BYTES = 500
_EXACT_LIMIT = 10_000
"""Events on each side up to which equal sides are tested exactly; beyond, the limit distribution is as accurate."""


class KswinParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of :class:`Kswin`.

    Parameters
    ----------
    alpha : float in (0, 1)
        Significance level of each test; keep it below 0.01.
    window_size : int, unit slots, at most 200
        Number of slots: the latest, and those they are compared with.
    stat_size : int, unit slots, at least 1, below `window_size`
        Number of latest slots.
    slot_events : int, unit events, at least 1
        Events of a slot: blocks are merged until there are as many.
    min_distance : float in [0, 1)
        Smaller distances are not reported, whatever their significance.

    Raises
    ------
    ParameterError
        A parameter outside its range.
    """

    alpha: float = 0.005
    window_size: int = 40
    stat_size: int = 20
    slot_events: int = 1
    min_distance: float = 0.1

    def __post_init__(self) -> None:
        distance = ParameterRange("a number in [0, 1)", lambda value: 0 <= value < 1)
        check(self, alpha=PROBABILITY, window_size=whole(2, _MAX_SLOTS), slot_events=whole(1), min_distance=distance)
        if not 1 <= self.stat_size < self.window_size:
            raise ParameterError("a whole number of at least 1, below window_size", self.stat_size, "$.stat_size")


class _Slot(Struct, array_like=True):
    """Merged blocks: their number, their events, the sum of the values, and the events by group."""

    n_blocks: int
    n_events: int
    total: float
    counts: list[int]

    def add(self, block: Block, counts: tuple[int, ...]) -> None:
        self.n_blocks += 1
        self.n_events += block.count
        self.total += block.count * block.mean
        self.counts = [a + b for a, b in zip(self.counts, counts, strict=True)]


class KswinState(Struct):
    """The slots, oldest first; the last one may be incomplete."""

    slots: list[_Slot] = field(default_factory=list)


@register("kswin")
class Kswin(Detector):
    """KSWIN on histograms: detects a change of the distribution, not of the mean only, in the latest blocks.

    D is the greatest difference between the empirical distributions of the latest `stat_size` slots and of the slots
    before them, at the edges of the groups of bins; a change is detected where D > `min_distance` and its p-value ≤
    `alpha`. `statistic` is D and `threshold` the least D that would have been a change, to 10⁻⁶.

    Parameters
    ----------
    parameters : KswinParameters or None
        None for the defaults.

    Notes
    -----
    Blocks: count, mean and variance do not describe a distribution, so the blocks need `counts`; blocks without are
    ignored. On groups D is at most the D of the values, so the test keeps its significance level.

    State: `window_size` slots of up to 40 counts: at most 16.8 kB in a snapshot with the defaults, 3 kB when a group
    holds below 128 events a slot. A reset keeps only the lifetime counters. Cost: O(window_size · groups) per slot,
    about 150 µs with the defaults. It is informative: it tests at every slot, each time at level `alpha`.

    Source: Raab, Heusinger and Schleif (2020), doi:10.1016/j.neucom.2019.11.111, equation 8. Deviations: all slots
    before the latest are compared, not a random sample of them, so nothing is drawn; p-values are exact for equal
    sides of at most 10,000 events (Gnedenko and Korolyuk 1951), else Kolmogorov's limit with Stephens' (1970)
    correction, where the paper takes the limit's first term.

    Oracle: ``river.drift.KSWIN`` of river 0.26.1 with `window_size` = 2 `stat_size`, where its random sample is the
    whole of the older values, on values with a bin each, detection index by detection index; ``scipy.stats.ks_2samp``
    of SciPy 1.17.1.

    Examples
    --------
    >>> from driftline.detectors import Block
    >>> low, high = (5, 5, 0), (0, 5, 5)
    >>> detector = Kswin(KswinParameters(window_size=8, stat_size=4))
    >>> blocks = [Block(10, 0.5, counts=low)] * 8 + [Block(10, 1.5, counts=high)] * 8
    >>> [(d.index, d.since_blocks, d.direction) for d in map(detector.update, blocks) if d]
    [(119, 4, 'up')]
    """

    needs_counts = True

    parameters: KswinParameters
    state: KswinState

    @property
    def snapshot_limit_bytes(self) -> int:
        """Largest size of a snapshot, however long the stream."""
        return (self.parameters.window_size + 1) * (MAX_COUNTS + 4) * _NUMBER_BYTES + _REST_BYTES

    def _takes(self, block: Block) -> bool:
        counts = block.counts
        return (
            super()._takes(block)
            and counts is not None
            and len(counts) <= MAX_COUNTS
            and min(counts, default=-1) >= 0
            and sum(counts) == block.count
        )

    def _update(self, block: Block) -> Detection | None:
        parameters, slots, counts = self.parameters, self.state.slots, block.counts or ()
        if slots and len(slots[-1].counts) != len(counts):
            slots.clear()
        if not slots or slots[-1].n_events >= parameters.slot_events:
            slots.append(_Slot(0, 0, 0.0, [0] * len(counts)))
            del slots[: -parameters.window_size]
        slots[-1].add(block, counts)
        if len(slots) < parameters.window_size or slots[-1].n_events < parameters.slot_events:
            return None
        older, latest = slots[: -parameters.stat_size], slots[-parameters.stat_size :]
        n0, n1 = sum(slot.n_events for slot in older), sum(slot.n_events for slot in latest)
        distance = _distance(older, latest, n0, n1)
        if distance <= parameters.min_distance or p_value(distance, n0, n1) > parameters.alpha:
            return None
        return self._detection(
            distance,
            min(max(parameters.min_distance, _critical(parameters.alpha, n0, n1)), math.nextafter(distance, 0)),
            sum(slot.total for slot in older) / n0,
            sum(slot.total for slot in latest) / n1,
            sum(slot.n_blocks for slot in latest),
            n1,
        )


def p_value(distance: float, n0: int, n1: int) -> float:
    """Return the probability of a distance at least as large between samples of one continuous distribution.

    Parameters
    ----------
    distance : float in [0, 1]
    n0, n1 : int, at least 1
        Events on each side.

    Returns
    -------
    float in [0, 1]

    Examples
    --------
    >>> round(p_value(0.5, 10, 10), 6)
    0.167821
    """
    if n0 == n1 <= _EXACT_LIMIT:
        return _exact(n0, round(distance * n0))
    root = math.sqrt(n0 * n1 / (n0 + n1))
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.3:  # noqa: PLR2004 - the series below converges slowly there, and its sum is above 0.99999
        return 1.0
    total = 2 * sum((1 if j % 2 else -1) * math.exp(-2 * j * j * x * x) for j in range(1, 21))
    return min(max(total, 0.0), 1.0)


def _exact(n: int, steps: int) -> float:
    """Return the fraction of paths of n steps up and n down that reach ±``steps``, by reflection."""
    if steps == 0:
        return 1.0
    outside = 0.0
    for k in range(n // steps, 0, -1):
        # C(2n, n + k·steps) / C(2n, n + (k − 1)·steps), so that the alternating sum nests.
        ratio = 1.0
        for j in range(steps):
            ratio *= (n - (k - 1) * steps - j) / (n + (k - 1) * steps + j + 1)
        outside = ratio * (1 - outside)
    return min(max(2 * outside, 0.0), 1.0)


def _distance(older: list[_Slot], latest: list[_Slot], n0: int, n1: int) -> float:
    """Return the greatest difference between the two distributions, as a quotient of integers."""
    steps: list[int] = [abs(b * n1 - a * n0) for b, a in zip(_below(older), _below(latest), strict=True)]
    return max(steps) / (n0 * n1)


def _below(slots: list[_Slot]) -> list[int]:
    """Return the cumulative events by group."""
    return list(accumulate(sum(group) for group in zip(*(slot.counts for slot in slots), strict=True)))


def _critical(alpha: float, n0: int, n1: int) -> float:
    """Return the least distance whose p-value is at most ``alpha``, to 10⁻⁶ from below."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:  # noqa: PLR2004 - the resolution that the docstring states
        middle = (low + high) / 2
        low, high = (low, middle) if p_value(middle, n0, n1) <= alpha else (middle, high)
    return low

"""When predictions are made, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.simulation.scenario import Scenario

DAY_MS: Final = 86_400_000
SWING: Final = 0.6
PEAK: Final = 15 / 24
"""Traffic is greatest at 15:00 UTC."""
_STEPS_A_DAY: Final = 288
_GOLDEN: Final = 0x9E3779B97F4A7C15
_ODD: Final = 0xD1342543DE82EF95
_WORD: Final = 0xFFFFFFFFFFFFFFFF


class ArrivalTimes:
    """Event times in ascending order: event i comes in the i-th of equal shares of the traffic, at a random place."""

    def __init__(self, scenario: Scenario) -> None:
        self._start_ms = scenario.start_ms
        self._step_ms = scenario.duration_ms / scenario.n_events
        self._last_ms = scenario.end_ms - 1
        self._grid: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        if scenario.seasonal:
            n_steps = max(2, round(_STEPS_A_DAY * scenario.duration_ms / DAY_MS)) + 1
            times = np.linspace(0.0, float(scenario.duration_ms), n_steps)
            phase = 2 * np.pi * ((scenario.start_ms + times) / DAY_MS - PEAK)
            total = times / DAY_MS + SWING / (2 * np.pi) * np.sin(phase)
            share = (total - total[0]) / (total[-1] - total[0])
            self._grid = (share * scenario.n_events, times)

    def times_ms(self, first: int, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the times of events ``first`` to ``first + n - 1``, shape (n,); ``places`` in [0, 1) within shares."""
        ranks = first + np.arange(places.size) + places
        since = ranks * self._step_ms if self._grid is None else np.interp(ranks, *self._grid)
        times = self._start_ms + np.floor(since).astype(np.int64)
        return np.minimum(times, self._last_ms)


def daylight(times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far a time is from the quiet of the night, in [0, 1], shape (n,)."""
    return (1 + np.cos(2 * np.pi * (times_ms / DAY_MS - PEAK))) / 2


def identifiers(scenario: Scenario, indices: NDArray[np.int64]) -> list[str]:
    """Return the prediction ids of some events: 16 hexadecimal digits; no two of one scenario are equal.

    Notes
    -----
    *Source*: the finaliser of SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195), a bijection.
    """
    base = (scenario.seed * _GOLDEN ^ (scenario.start_ms & _WORD) * _ODD) & _WORD
    z = np.full(indices.shape, base, dtype=np.uint64) + indices.astype(np.uint64) * np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    digits = z.astype(">u8").tobytes().hex()
    return [digits[i : i + 16] for i in range(0, len(digits), 16)]

"""River's KSWIN, many values at once: two-sample tests of the last 30 values against 30 drawn from the 70 before.

*Source*: C. Raab, M. Heusinger, F.-M. Schleif, Reactive soft prototype computing for concept drift streams,
Neurocomputing 416 (2020), doi:10.1016/j.neucom.2019.11.111, as river's ``drift.KSWIN`` has it. *Oracle*: that one.

Which of the 70 are drawn depends on the seed and on how many tests there were since the beginning, never on the values,
so that the draws are made once; and for samples of equal size a p-value is a function of the largest difference alone.
"""

from __future__ import annotations

import random
import warnings
from functools import cache, partial
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from benchmarks.detection.restarting import alarms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW, LATEST = 100, 30
"""River's defaults: values of the window, and of those the latest, which are tested."""
KSWIN_DEFAULT: Final = 0.005
SEED: Final = 1
LEAST_DISTANCE: Final = 0.1
_DRAWN: Final = 160_000
_STEP, _MOST = 256, 8_192


@cache
def p_values() -> tuple[float, ...]:
    """Return the p-value of each difference, in values out of :data:`LATEST`."""
    one = np.arange(LATEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=RuntimeWarning)  # as river does
        return tuple(float(stats.ks_2samp(one, one + shift - 0.5 * (shift > 0)).pvalue) for shift in range(LATEST + 1))


def difference_at(alpha: float) -> int:
    """Return the smallest difference, in values out of :data:`LATEST`, that is a change at a level.

    Examples
    --------
    >>> difference_at(0.005), difference_at(1e-12)
    (14, 27)
    """
    held = [k for k, p_value in enumerate(p_values()) if p_value <= alpha and k / LATEST > LEAST_DISTANCE]
    return min(held, default=LATEST + 1)


@cache
def _draws() -> NDArray[np.int64]:
    rng, places = random.Random(SEED), range(WINDOW - LATEST)
    return np.array([rng.sample(places, LATEST) for _ in range(_DRAWN)], dtype=np.uint8).astype(np.int64)


def kswin_alarms(values: NDArray[np.float64], alpha: float) -> list[int]:
    """Return the positions at which KSWIN detects a change; it begins anew from there by itself."""
    assert values.size <= _DRAWN
    least = difference_at(alpha)
    ranks = np.unique(values, return_inverse=True)[1].astype(np.int32) * 2
    return alarms_of(ranks, partial(_first_alarm, least))


def _first_alarm(least: int, ranks: NDArray[np.int32]) -> int | None:
    if ranks.size < WINDOW:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(ranks, WINDOW)
    at, step = 0, _STEP
    while at < len(windows):
        over = _differences(windows[at : at + step], _draws()[at : at + step]) >= least
        if over.any():
            return at + int(over.argmax()) + WINDOW - 1
        at, step = at + step, min(2 * step, _MOST)
    return None


def _differences(windows: NDArray[np.int32], draws: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return the largest difference of the two samples' cumulated counts, shape (windows,); ranks are even."""
    both = np.empty((len(windows), 2 * LATEST), dtype=np.int32)
    both[:, :LATEST] = np.take_along_axis(windows, draws[: len(windows)], axis=1)
    both[:, LATEST:] = windows[:, -LATEST:] + 1
    both.sort(axis=1)
    steps = ((both & 1) * 2 - 1).astype(np.int8)
    heights = np.abs(np.cumsum(steps, axis=1, dtype=np.int8))
    both >>= 1
    heights[:, :-1][both[:, 1:] == both[:, :-1]] = 0  # counts are compared after all equal values
    found: NDArray[np.int8] = heights.max(axis=1)
    return found

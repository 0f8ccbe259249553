"""Detectors that are fed event by event: river's ADWIN, Page-Hinkley and DDM."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from river.drift import ADWIN
from river.drift.binary import DDM
from scipy import signal

from benchmarks.detection.restarting import alarms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind

MIN_INSTANCES, DELTA, ALPHA = 30, 0.005, 1 - 0.0001
"""River's defaults of Page-Hinkley, beside the threshold."""
ADWIN_DEFAULT: Final = 0.002
PAGE_HINKLEY_DEFAULT: Final = 50.0
DDM_DEFAULT: Final = 3.0
_FIRST_STEP: Final = 1_024


def numbers_of(kind: ColumnKind) -> NDArray[np.float64]:
    """Return the number that a detector is fed for each code: the value, of a category its place in the list."""
    if isinstance(kind.values, np.ndarray):
        return kind.values[kind.table]
    places = kind.table.astype(np.float64)
    places[places == len(kind.values) - 1] = np.nan
    return places


def standardised(kind: ColumnKind, reference: Codes, live: Codes) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the values that a column has, in standard deviations of its reference, and which events they are of."""
    table = numbers_of(kind)
    known = table[reference]
    values = (table[live] - np.nanmean(known)) / np.nanstd(known)
    held = np.flatnonzero(np.isfinite(values))
    return values[held], held


def adwin_alarms(values: NDArray[np.float64], delta: float) -> list[int]:
    """Return the positions of values at which river's ADWIN detects a change; it goes on from there by itself."""
    return _alarms(cast("Any", ADWIN)(delta=delta), values)  # river has no types


def ddm_alarms(values: NDArray[np.float64], threshold: float) -> list[int]:
    """Return the positions of errors, 1 or 0, at which river's DDM detects a change."""
    warning = min(2.0, threshold)
    return _alarms(cast("Any", DDM)(warning_threshold=warning, drift_threshold=threshold), values)


def _alarms(made: object, values: NDArray[np.float64]) -> list[int]:
    detector: Any = made
    update = detector.update
    alarms = []
    for position, value in enumerate(values.tolist()):
        update(value)
        if detector.drift_detected:
            alarms.append(position)
    return alarms


def page_hinkley_alarms(values: NDArray[np.float64], threshold: float) -> list[int]:
    """Return the positions at which river's Page-Hinkley detects a change and begins anew; many values at once."""
    return alarms_of(values, partial(_first_alarm, threshold))


def _first_alarm(threshold: float, values: NDArray[np.float64]) -> int | None:
    n_before, total, up, down = 0, 0.0, 0.0, 0.0
    least, most = np.inf, -1.0
    step = _FIRST_STEP
    while n_before < values.size:
        part = values[n_before : n_before + step]
        counts = n_before + np.arange(1, part.size + 1)
        sums = total + np.cumsum(part)
        off = part - sums / counts
        ups, _ = signal.lfilter([1.0], [1.0, -ALPHA], off - DELTA, zi=[ALPHA * up])
        downs, _ = signal.lfilter([1.0], [1.0, -ALPHA], off + DELTA, zi=[ALPHA * down])
        lows = np.minimum(np.minimum.accumulate(ups), least)
        highs = np.maximum(np.maximum.accumulate(downs), most)
        over = ((ups - lows > threshold) | (highs - downs > threshold)) & (counts >= MIN_INSTANCES)
        if over.any():
            return n_before + int(over.argmax())
        n_before, total, up, down = n_before + part.size, float(sums[-1]), float(ups[-1]), float(downs[-1])
        least, most = float(lows[-1]), float(highs[-1])
        step *= 2
    return None

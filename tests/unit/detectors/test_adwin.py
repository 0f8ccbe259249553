from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from river import drift

from driftline.detectors import Block
from driftline.detectors.adwin import Adwin, AdwinParameters
from driftline.errors import ParameterError

STABLE = 9984  # events before the shift: whole blocks of each size
RUNS = 20
RiverAdwin: Any = drift.ADWIN


def _values(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, STABLE), rng.normal(0.3, 1, 5120)])


def _delay(seed: int, size: int) -> int:
    """Return how many events after a shift of 0.3 standard deviations blocks of this size show it."""
    detector = Adwin()
    for rows in _values(seed).reshape(-1, size):
        found = detector.update(Block(size, float(rows.mean()), float(rows.var())))
        if found is not None and found.index >= STABLE:
            return found.index + 1 - STABLE
    raise AssertionError("never found")


def _delay_of_river(seed: int) -> int:
    detector = RiverAdwin()
    for i, value in enumerate(_values(seed)):
        detector.update(float(value))
        if detector.drift_detected and i >= STABLE:
            return i + 1 - STABLE
    raise AssertionError("never found")


@pytest.mark.parametrize(("size", "shortest", "longest"), [(16, 200, 340), (64, 230, 380), (256, 300, 600)])
def test_a_shift_of_0_3_standard_deviations_is_found_about_as_fast_as_event_by_event(
    size: int, shortest: int, longest: int
) -> None:
    """About 240, 304 and 496 events for blocks of 16, 64 and 256; 271 event by event."""
    delay = float(np.mean([_delay(seed, size) for seed in range(RUNS)]))
    assert shortest <= delay <= longest
    river = float(np.mean([_delay_of_river(seed) for seed in range(5)]))
    assert 200 <= river <= 350
    assert delay <= river + size


def test_the_evidence_names_the_cut_and_both_means() -> None:
    rng = np.random.default_rng(4)
    detector = Adwin()
    found = None
    for i in range(400):
        values = rng.normal(0 if i < 300 else 5, 1, 20)
        found = detector.update(Block(20, float(values.mean()), float(values.var())))
        if found is not None:
            break
    assert found is not None
    assert found.direction == "up"
    assert found.mean_before == pytest.approx(0, abs=0.1)
    assert found.mean_after == pytest.approx(5, abs=0.5)
    assert (found.index, found.since_blocks, found.since_events) == (6019, 1, 20)


def test_equal_blocks_of_unequal_sizes_hold_the_same_window() -> None:
    """However the events are cut into blocks, count, sum and squared deviations of the window are theirs."""
    values = np.random.default_rng(6).normal(3, 2, 5000)
    detector = Adwin(AdwinParameters(delta=1e-9))
    start = 0
    for size in np.random.default_rng(7).integers(1, 90, 200):
        part = values[start : start + size]
        if part.size:
            detector.update(Block(part.size, float(part.mean()), float(part.var())))
        start += size
    seen = values[:start]
    assert detector.state.n_events == seen.size
    assert detector.state.total == pytest.approx(float(seen.sum()))
    assert detector.state.squares == pytest.approx(float(((seen - seen.mean()) ** 2).sum()))


def test_the_clock_counts_events_not_blocks() -> None:
    """Blocks of 10 pass a multiple of 32 at 40, 70, 100, 130, 160: only there a change can be found."""
    found = []
    for jump in range(4, 14):
        detector = Adwin(AdwinParameters(clock=32, delta=0.5))
        for i in range(40):
            result = detector.update(Block(10, 0.0 if i < jump else 1e6, 1.0))
            if result is not None:
                found.append(result.index + 1)
                break
    assert len(found) == 10
    assert all(index // 32 > (index - 10) // 32 for index in found)


def test_nothing_is_examined_within_the_grace_period() -> None:
    detector = Adwin(AdwinParameters(clock=1, grace_period=1000))
    results = [detector.update(Block(50, 0.0 if i < 10 else 100.0, 1.0)) for i in range(21)]
    assert not any(results[:20])
    assert results[20] is not None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delta": -1}, r"Expected a number in \(0, 1\), got -1 - at `\$\.delta`"),
        ({"delta": 0.0}, r"at `\$\.delta`"),
        ({"delta": 1.0}, r"at `\$\.delta`"),
        ({"delta": float("nan")}, r"at `\$\.delta`"),
        ({"clock": 0}, r"Expected a whole number of at least 1, got 0 - at `\$\.clock`"),
        ({"max_buckets": 1}, r"Expected a whole number of at least 2, got 1 - at `\$\.max_buckets`"),
        ({"min_window_length": 0}, r"at `\$\.min_window_length`"),
        ({"grace_period": -1}, r"at `\$\.grace_period`"),
    ],
)
def test_parameters_outside_their_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        AdwinParameters(**parameters)

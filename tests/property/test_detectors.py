from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline import detectors
from driftline.detectors import Block, Detector

DETECTORS = [detectors.get(name) for name in detectors.names()]

ANY_NUMBER = st.one_of(st.floats(-300, 300), st.floats(allow_nan=True, allow_infinity=True))
BLOCKS = st.lists(
    st.builds(Block, count=st.integers(-1, 500), mean=ANY_NUMBER, variance=st.one_of(st.floats(0, 9), ANY_NUMBER)),
    max_size=60,
)


@pytest.mark.parametrize("found", DETECTORS)
@given(BLOCKS)
def test_any_blocks_leave_finite_evidence_and_counters_that_add_up(found: type[Detector], blocks: list[Block]) -> None:
    detector = found()
    results = [detector.update(block) for block in blocks]
    for result in filter(None, results):
        numbers = (result.statistic, result.threshold, result.mean_before, result.mean_after)
        assert all(map(math.isfinite, numbers))
        assert result.statistic > result.threshold
    counters = detector.counters
    assert counters.n_ignored + counters.n_blocks == len(blocks)
    assert counters.n_events == sum(block.count for block in blocks if block.usable)
    assert counters.n_detections == sum(result is not None for result in results)


@pytest.mark.parametrize("found", DETECTORS)
@given(BLOCKS, st.integers(0, 60))
def test_a_restored_detector_goes_on_as_if_nothing_had_happened(
    found: type[Detector], blocks: list[Block], at: int
) -> None:
    whole, first = found(), found()
    expected = [whole.update(block) for block in blocks]
    results = [first.update(block) for block in blocks[:at]]
    second = detectors.restore(first.snapshot())
    results += [second.update(block) for block in blocks[at:]]
    assert results == expected
    assert second.snapshot() == whole.snapshot()


@pytest.mark.parametrize("found", DETECTORS)
@given(BLOCKS)
def test_a_snapshot_stays_within_its_limit(found: type[Detector], blocks: list[Block]) -> None:
    detector = found()
    for block in blocks:
        detector.update(block)
        assert len(detector.snapshot()) <= detector.snapshot_limit_bytes

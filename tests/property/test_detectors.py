from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline import detectors
from driftline.detectors import Block, Detector

DETECTORS = [detectors.get(name) for name in (*detectors.names(), "river:ADWIN", "river:PageHinkley", "river:HDDMA")]

ANY_NUMBER = st.one_of(st.floats(-300, 300), st.floats(allow_nan=True, allow_infinity=True))


def _block(counts: tuple[int, ...], mean: float, variance: float, lost: int) -> Block:
    return Block(sum(counts) - lost, mean, variance, counts if not lost else None)


COUNTS = st.lists(st.integers(0, 200), min_size=3, max_size=3).map(lambda some: (*some, *[0] * 17))
"""Of as many groups as detectors on histograms expect by default."""
BLOCKS = st.lists(
    st.builds(
        _block,
        COUNTS,
        st.one_of(st.floats(0, 1), ANY_NUMBER),
        st.one_of(st.floats(0, 9), ANY_NUMBER),
        st.sampled_from([0] * 9 + [1]),
    ),
    max_size=60,
)


@pytest.mark.parametrize("found", DETECTORS)
@given(BLOCKS)
def test_any_blocks_leave_finite_evidence_and_counters_that_add_up(found: type[Detector], blocks: list[Block]) -> None:
    detector = found()
    results = [detector.update(block) for block in blocks]
    for result in filter(None, results):
        numbers = (result.statistic, result.threshold or 0.0, result.mean_before, result.mean_after)
        assert all(map(math.isfinite, numbers))
        assert result.statistic > (result.threshold or 0.0)
    counters = detector.counters
    assert counters.n_ignored + counters.n_blocks == len(blocks)
    taken = [
        block
        for block in blocks
        if block.usable
        and (found.domain == "real" or 0 <= block.mean <= 1)
        and (not found.needs_counts or block.counts is not None)
    ]
    assert counters.n_blocks == len(taken)
    assert counters.n_events == sum(block.count for block in taken)
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

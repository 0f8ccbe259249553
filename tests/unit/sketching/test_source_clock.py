"""Running maximum, lateness and effective time of one partition."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketching.source_clock import SourceClock


def test_an_event_is_late_when_its_pane_may_be_closed() -> None:
    clock = SourceClock(pane_ms=10, lateness_ms=20)
    arrivals = clock.advance(np.array([100, 80, 79, 120, 99]))
    assert arrivals.late.tolist() == [False, False, True, False, True]
    assert arrivals.pane_ms.tolist() == [100, 80, 100, 120, 120], "a late event is counted in the newest pane"
    assert arrivals.effective_ms.tolist() == [100, 80, 80, 120, 100], "never before the watermark"
    assert (clock.running_max_ms, clock.watermark_ms) == (120, 100)


def test_before_the_first_event_nothing_is_late() -> None:
    clock = SourceClock(10, 20)
    assert clock.watermark_ms is None
    assert clock.advance(np.array([], dtype=np.int64)).late.tolist() == []
    assert clock.watermark_ms is None
    assert clock.advance(np.array([-50])).late.tolist() == [False]
    assert clock.running_max_ms == -50


def test_a_clock_goes_on_from_a_committed_maximum() -> None:
    clock = SourceClock(10, 20, running_max_ms=1_000)
    assert clock.advance(np.array([5])).late.tolist() == [True]
    assert clock.running_max_ms == 1_000


@given(
    times=st.lists(st.integers(-1_000, 1_000), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=5),
    lateness=st.integers(0, 50),
)
def test_batches_change_nothing(times: list[int], cuts: list[int], lateness: int) -> None:
    whole, parts = SourceClock(10, lateness), SourceClock(10, lateness)
    at_once = whole.advance(np.array(times, dtype=np.int64))
    bounds = sorted({0, len(times), *(cut for cut in cuts if cut < len(times))})
    pieces = [parts.advance(np.array(times[a:b], dtype=np.int64)) for a, b in itertools.pairwise(bounds)]
    for field in ("late", "pane_ms", "effective_ms"):
        assert [x for piece in pieces for x in getattr(piece, field).tolist()] == getattr(at_once, field).tolist()
    assert whole.running_max_ms == parts.running_max_ms

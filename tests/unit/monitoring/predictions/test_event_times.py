from __future__ import annotations

import pytest
from msgspec import msgpack

from driftline.monitoring.predictions.event_times import EventTimes

PANE_MS = 10_000


def noted(n_panes: int, per_pane: int = 3) -> EventTimes:
    times = EventTimes()
    for pane in range(n_panes):
        times.add(pane * PANE_MS, per_pane)
    return times


def test_no_event_is_lost_and_spans_grow_with_the_logarithm() -> None:
    times = noted(100_000)
    assert sum(span.n_events for span in times.spans) == 300_000
    assert len(times.spans) <= 13 * 15
    starts = [span.start_ms for span in times.spans]
    assert starts == sorted(starts)


@pytest.mark.parametrize("n_back", [1, 12, 300, 20_000])
def test_a_moment_is_dated_to_a_sixth_of_how_long_ago_it_was(n_back: int) -> None:
    panes = n_back // 3
    actual = (50_000 - panes) * PANE_MS
    assert abs(noted(50_000).start_of(n_back) - actual) <= (panes / 6 + 1) * PANE_MS


def test_what_is_older_than_all_is_dated_to_the_first() -> None:
    assert noted(40).start_of(1e9) == 0


def test_it_goes_on_where_it_was_stored() -> None:
    whole, stored = noted(500), msgpack.decode(msgpack.encode(noted(300)), type=EventTimes)
    for pane in range(300, 500):
        stored.add(pane * PANE_MS, 3)
    assert stored == whole

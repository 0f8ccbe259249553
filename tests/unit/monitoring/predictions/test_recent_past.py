from __future__ import annotations

import numpy as np
import pytest

from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.recent_past import LEAST_EVENTS, RecentPast
from driftline.sketches.layout import EVENTS
from tests.support.state import changes, restore
from tests.support.windows import profile_of, table_of, window_of

PROFILE = profile_of(table_of(2_000))
PANE_MS, LENGTH_MS = 10_000, 3_600_000


def pane(number: int, n: int = 10) -> ClosedPane:
    sketch = window_of(PROFILE, table_of(n, number)).sketch
    return ClosedPane(number * PANE_MS, (number + 1) * PANE_MS, sketch, {}, frozenset())


def kept(n_panes: int, n: int = 10) -> RecentPast:
    past = RecentPast(PROFILE.layout, LENGTH_MS)
    for number in range(n_panes):
        past.add(pane(number, n))
    return past


@pytest.mark.parametrize("ago", [5, 40, 200])
def test_events_since_a_moment_are_exactly_those_of_their_panes(ago: int) -> None:
    past = kept(400)
    found = past.since((400 - ago) * PANE_MS)
    assert found is not None
    start_ms, sketch = found
    first = start_ms // PANE_MS
    assert abs(first - (400 - ago)) <= max(4, ago // 3), "as fine as the moment is near"
    expected = sum(pane(number).sketch.counts for number in range(first, 400))
    assert (sketch.counts == expected).all()


def test_spans_are_few_and_what_is_too_old_is_forgotten() -> None:
    past = kept(900)
    spans = past.tables[0]
    assert len(spans) <= 30
    assert min(spans) >= 900 * PANE_MS - LENGTH_MS - 256 * PANE_MS
    everything = past.since(0)
    assert everything is not None
    assert everything[1].counts[EVENTS] == 10 * (900 - everything[0] // PANE_MS)


def test_so_few_events_that_they_say_nothing_are_seen_with_those_before() -> None:
    found = kept(100, n=3).since(99 * PANE_MS)
    assert found is not None
    assert found[0] < 99 * PANE_MS
    assert found[1].counts[EVENTS] >= 3
    enough = kept(100, n=LEAST_EVENTS).since(99 * PANE_MS)
    assert enough is not None
    assert (enough[0], int(enough[1].counts[EVENTS])) == (99 * PANE_MS, LEAST_EVENTS)


def test_nothing_is_known_of_a_past_that_was_not_seen() -> None:
    past = RecentPast(PROFILE.layout, LENGTH_MS)
    assert past.since(0) is None
    past.add(pane(1))
    past.clear()
    assert past.since(0) is None


def test_it_goes_on_where_it_was_stored() -> None:
    first, second = kept(150), RecentPast(PROFILE.layout, LENGTH_MS)
    restore(second, changes(first))
    for number in range(150, 300):
        second.add(pane(number))
    whole, found = kept(300).since(0), second.since(0)
    assert whole is not None
    assert found is not None
    assert (whole[0], np.array_equal(whole[1].counts, found[1].counts)) == (found[0], True)

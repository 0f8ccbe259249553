from __future__ import annotations

import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.config.model import ModelSettings, RollingSettings
from driftline.events.model_key import ModelKey
from driftline.monitoring.predictions.rolling import RollingReference
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.pane_sketch import PaneSketch, count
from tests.support.state import changes, checkpoint, restore

HOUR_MS = 3_600_000
PROFILE = build_profile(ModelKey("m", ""), ReferenceTable(3, {"x": [1.0, 2.0, 3.0]}), ModelSettings(), 0, "training")
SETTINGS = RollingSettings(length=Duration(4 * HOUR_MS), gap=Duration(2 * HOUR_MS), step=Duration(2 * HOUR_MS))


def pane(value: float, n: int = 1) -> PaneSketch:
    encoded = [encode_values(PROFILE.columns[0], np.full(n, value))]
    return count(PROFILE.layout, encoded, np.zeros(n, dtype=np.int64), 1)[0]


def reference(min_events: int = 1) -> RollingReference:
    return RollingReference(PROFILE.layout, SETTINGS, min_events)


def test_a_window_is_compared_with_the_stretch_before_the_gap_and_nothing_else() -> None:
    rolling = reference()
    sketches = [pane(float(hour % 3), hour + 1) for hour in range(30)]
    for hour in range(30):
        rolling.add(hour * HOUR_MS, sketches[hour])
        for back in (0, 1, 3):
            start = hour - back
            begin = start - start % 2 - 6
            found = rolling.current(start * HOUR_MS)
            assert rolling.span(start * HOUR_MS) == (begin * HOUR_MS, (begin + 4) * HOUR_MS)
            if begin < 0:
                assert found is None, "as long as panes have not come for the whole length"
                continue
            expected = PaneSketch(PROFILE.layout)
            for known in sketches[begin : begin + 4]:
                expected.merge(known)
            assert found is not None
            assert found.pack() == expected.pack()


def test_hours_without_panes_leave_it_smaller_and_too_few_events_leave_none() -> None:
    rolling = reference(min_events=3)
    for hour in (0, 1, 2, 9, 10):
        rolling.add(hour * HOUR_MS, pane(1.0))
    found = rolling.current(6 * HOUR_MS)
    assert found is not None
    assert found.counts[0] == 3
    assert rolling.current(10 * HOUR_MS) is None, "of the hours 4 to 8 there are no events"


def test_it_remembers_a_bounded_past() -> None:
    rolling = reference()
    for hour in range(500):
        rolling.add(hour * HOUR_MS, pane(1.0))
    state = changes(rolling)
    held = [name for name, data in state.items() if data is not None]
    assert len(held) <= (2 * 4 + 2) // 2 + 3
    assert rolling.current(400 * HOUR_MS) is None, "what has been forgotten is not made up"
    # The latest step begins at 498, so the oldest block is that of 488: 490 to 494 is whole, 486 to 490 is not.
    assert rolling.current(496 * HOUR_MS) is not None
    assert rolling.current(492 * HOUR_MS) is None, "nor is a part of it taken for all"


def test_a_gradual_change_that_it_follows_stays_visible_against_the_profile() -> None:
    rolling = reference()
    for hour in range(48):
        rolling.add(hour * HOUR_MS, pane(1.0 if hour < 24 else 3.0, 5))
    found = rolling.current(47 * HOUR_MS)
    assert found is not None
    assert found.pack().counts == pane(3.0, 20).pack().counts, "the reference has moved on"
    assert PROFILE.reference.counts.tolist() != found.counts.tolist(), "and the anchor has not"


@pytest.mark.parametrize("at", [0, 1, 5, 11, 12, 23])
def test_a_restart_does_not_show(at: int) -> None:
    whole, first = reference(), reference()
    state: dict[str, bytes] = {}
    for hour in range(24):
        whole.add(hour * HOUR_MS, pane(float(hour % 3), hour + 1))
    for hour in range(at):
        first.add(hour * HOUR_MS, pane(float(hour % 3), hour + 1))
        checkpoint(first, state)
    second = reference()
    restore(second, state)
    for hour in range(at, 24):
        second.add(hour * HOUR_MS, pane(float(hour % 3), hour + 1))
    ours, theirs = second.current(23 * HOUR_MS), whole.current(23 * HOUR_MS)
    assert ours is not None
    assert theirs is not None
    assert ours.pack() == theirs.pack()

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from driftline.profiles.season import HOUR_MS, HOURS
from driftline.profiles.season_counts import season_counts
from driftline.profiles.season_weights import weights_of_events
from tests.unit.profiles.test_season import DAY_MS, MONDAY_MS, of_hours

WEEKS = np.full(HOURS, 4)
PANE_MS = 10_000


def test_weights_are_events_over_rows() -> None:
    rows = np.arange(1, HOURS + 1) * 37
    events = {0: 5, 3: 1, 100: 90_000, 167: 2**31}
    weights = weights_of_events(WEEKS, rows, events, PANE_MS)
    assert weights is not None
    assert list(weights) == [0, 3, 100, 167]
    total = sum(weights[slot] * int(rows[slot]) for slot in weights)
    for slot, n in events.items():
        exact = Fraction(n, sum(events.values()))
        assert float(Fraction(weights[slot] * int(rows[slot]), total)) == pytest.approx(float(exact), rel=1e-8)


def test_hours_without_events_do_not_count() -> None:
    assert weights_of_events(WEEKS, np.full(HOURS, 8), {4: 0, 5: 3}, PANE_MS) == {5: 1}
    assert weights_of_events(WEEKS, np.full(HOURS, 8), {4: 0}, PANE_MS) is None
    assert weights_of_events(WEEKS, np.full(HOURS, 8), {}, PANE_MS) is None


def test_an_hour_that_the_reference_never_saw_cannot_be_compared() -> None:
    weeks, rows = WEEKS.copy(), np.full(HOURS, 8)
    weeks[7] = rows[7] = 0
    assert weights_of_events(weeks, rows, {6: 5, 7: 1}, PANE_MS) is None
    assert weights_of_events(weeks, rows, {6: 5}, PANE_MS) == {6: 1}
    rows[6] = 0
    assert weights_of_events(weeks, rows, {6: 5}, PANE_MS) is None


def test_what_a_long_pane_holds_is_split_as_the_reference_is() -> None:
    rows, weeks = np.full(HOURS, 16), np.full(HOURS, 2)
    rows[1], weeks[1] = 64, 4
    weights = weights_of_events(weeks, rows, {0: 48, 2: 12}, 2 * HOUR_MS)
    # In a week 8 in the hour 0 and 16 in 1: a third and two thirds of 48, so 16 of 16 rows and 32 of 64.
    assert weights is not None
    found = {slot: weight / weights[0] for slot, weight in weights.items()}
    assert found == pytest.approx({0: 1.0, 1: 0.5, 2: 0.375, 3: 0.375})


def test_a_window_with_the_usual_traffic_gets_what_its_span_gets() -> None:
    hours = [hour + week * HOURS for week in range(2) for hour in range(24) for _ in range(1 + hour % 3)]
    profile = of_hours(hours, ["a" if hour % HOURS < 8 else "b" for hour in hours])
    usual = {hour: 5 * (1 + hour % 3) for hour in range(24)}
    by_span = season_counts(profile, 0, MONDAY_MS, MONDAY_MS + DAY_MS)
    by_events = season_counts(profile, 0, MONDAY_MS, MONDAY_MS + DAY_MS, usual, PANE_MS)
    assert by_span is not None
    assert by_events is not None
    assert (by_events.n, by_events.weeks, by_events.counts.tolist()) == (len(hours), 2, by_span.counts.tolist())


def test_a_part_of_a_day_gets_the_values_of_its_hours() -> None:
    hours = [hour + week * HOURS for week in range(2) for hour in range(24) for _ in range(10)]
    profile = of_hours(hours, ["a" if hour % HOURS < 8 else "b" for hour in hours])
    night = season_counts(profile, 0, MONDAY_MS, MONDAY_MS + DAY_MS, {0: 100, 1: 100}, PANE_MS)
    assert night is not None
    assert (night.n, night.counts.tolist()) == (40, [0, 40, 0]), "the frequent b comes first"
    # 300 events of hour 7 and 100 of hour 8: weights 3 and 1, an effective number of 80² / 200 = 32.
    morning = season_counts(profile, 0, MONDAY_MS, MONDAY_MS + DAY_MS, {7: 300, 8: 100}, PANE_MS)
    assert morning is not None
    assert (morning.n, morning.counts.tolist()) == (32, [8, 24, 0])

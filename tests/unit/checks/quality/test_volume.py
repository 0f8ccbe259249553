from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.checks.contract.check import Subject
from driftline.checks.quality.outcome import Quality
from driftline.checks.quality.volume import HOUR_MS, VolumeState, WindowVolumes, volume_p_value
from driftline.checks.quality.whole import appeared, volume, whole
from driftline.checks.references.cases import WindowCase
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.model import CheckSettings
from driftline.monitoring.predictions.volume_history import VolumeHistory
from driftline.sketches.kept_names import UNKNOWN
from driftline.sketches.layout import EVENTS, UNEXPECTED
from tests.support.state import changes, restore
from tests.support.windows import PANE_MS, independent, judged, profile_of, table_of, window_of

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.events.finding import FindingEvent

WEEK = 168
LEVEL = 1e-5
PROFILE = profile_of(table_of(5_000))
ABOUT = Quality(Subject(), CheckSettings(), alternatives=2)


def whole_findings(window: ClosedWindow) -> list[FindingEvent]:
    case = WindowCase(ReferenceView(PROFILE, independent(), PANE_MS), window, LEVEL)
    return judged(whole.examine(case), LEVEL)


def hourly(n_hours: int, seed: int, *, base: float = 20_000, noise: float = 0.05) -> np.ndarray:
    """Counts with nights, weekends, days that are busier than others, and overdispersed hours."""
    rng = np.random.default_rng((12, seed))
    hour = np.arange(n_hours)
    shape = (1.2 + np.sin(2 * np.pi * hour / 24)) * np.where((hour // 24) % 7 >= 5, 0.3, 1.0)
    day = np.exp(0.1 * rng.normal(size=n_hours // 24 + 1))[hour // 24]
    return rng.poisson(base * shape * day * np.exp(noise * rng.normal(size=n_hours))) + 2


def p_values(counts: np.ndarray) -> list[float | None]:
    watch, found = WindowVolumes(), []
    for hour, n in enumerate(counts.tolist()):
        span = (hour * HOUR_MS, (hour + 1) * HOUR_MS, n)
        reference = watch.reference(*span)
        found.append(None if reference is None else volume_p_value(reference, n, HOUR_MS))
        watch.add(*span)
    return found


def test_nights_and_weekends_are_no_change_and_the_level_holds() -> None:
    every = [p for seed in range(12) for p in p_values(hourly(7 * WEEK, seed)) if p is not None]
    assert len(every) > 12 * 5 * WEEK
    for level in (0.01, 0.001, 1e-5):
        assert np.mean(np.array(every) <= level) <= level + 3 * math.sqrt(level / (12 * 35))  # as many days, not hours


def test_it_is_silent_for_the_first_days_of_the_second_week() -> None:
    found = p_values(hourly(5 * WEEK, 0))
    assert all(p is None for p in found[: WEEK + 24])
    assert all(p is not None for p in found[WEEK + 30 :])


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_a_change_of_volume_is_found_after_four_weeks(factor: float) -> None:
    counts = hourly(5 * WEEK, 3)
    counts[-1] = max(2, int(counts[-1] * factor))
    p_value = p_values(counts)[-1]
    assert p_value is not None
    assert p_value < 1e-5


def test_an_extended_window_is_judged_by_its_true_length() -> None:
    watch = WindowVolumes()
    for hour, n in enumerate(hourly(5 * WEEK, 1, noise=0.02).tolist()):
        watch.add(hour * HOUR_MS, (hour + 1) * HOUR_MS, n)
    start = 5 * WEEK * HOUR_MS
    reference = watch.reference(start, start + 6 * HOUR_MS, 500)
    assert reference is not None
    assert volume_p_value(reference, 500, 6 * HOUR_MS) < 1e-5
    window = msgspec.structs.replace(
        window_of(PROFILE, table_of(500, 1)),
        start_ms=start,
        end_ms=start + 6 * HOUR_MS,
        extended=True,
        volume=reference,
    )
    outcome = volume(ABOUT, window)
    assert outcome is not None
    assert outcome.effect is not None
    assert outcome.effect.raw < -1
    assert outcome.statistic.value == pytest.approx(500 / 360)
    assert "had to wait for enough" in outcome.message
    (finding,) = whole_findings(window)
    assert (finding.check, finding.column, finding.baseline) == ("quality.volume", None, "earlier weeks")
    assert finding.message.startswith("events a minute ")
    assert finding.effect is not None
    assert finding.effect.gate == 0.5


def test_the_state_is_bounded_and_survives() -> None:
    one, counts = WindowVolumes(), hourly(12 * WEEK, 2)
    for hour, n in enumerate(counts[:-1].tolist()):
        one.add(hour * HOUR_MS, (hour + 1) * HOUR_MS, n)
    assert len(one.state) == 4 * WEEK + 1
    data = msgspec.msgpack.encode(one.state)
    assert len(data) < 24_000
    other = WindowVolumes.of(msgspec.msgpack.decode(data, type=VolumeState))
    span = (len(counts) * HOUR_MS, (len(counts) + 1) * HOUR_MS, int(counts[-1]))
    assert one.reference(*span) == other.reference(*span) is not None


def test_windows_within_an_hour_are_looked_at_once() -> None:
    watch = WindowVolumes()
    watch.add(0, 300_000, 50)
    watch.add(300_000, 600_000, 70)
    assert {key: entry.n for key, entry in watch.state.items()} == {0: 50}


def test_the_first_window_of_a_stream_is_none_to_compare_with() -> None:
    """It may hold ten minutes of traffic; the hour a week later must not look like six times as much."""
    watch = WindowVolumes()
    counts = hourly(3 * WEEK, 4)
    for hour, n in enumerate([int(counts[0]) // 6, *counts[1:].tolist()]):
        watch.add(hour * HOUR_MS, (hour + 1) * HOUR_MS, n)
    assert watch.state[0].whole is False
    assert watch.state[WEEK].residual is None
    residual = watch.state[2 * WEEK].residual
    assert residual is not None
    assert abs(residual) < 1
    assert all(entry.whole for hour, entry in watch.state.items() if hour)


@pytest.mark.parametrize("n", [0, 1])
def test_empty_windows_and_single_events_break_nothing(n: int) -> None:
    watch = WindowVolumes()
    watch.add(0, HOUR_MS, n)
    assert watch.reference(HOUR_MS, 2 * HOUR_MS, n) is None
    watch.add(HOUR_MS, HOUR_MS, 5)
    assert len(watch.state) == n


def test_the_book_keeps_sizes_apart_and_forgets_those_that_are_gone() -> None:
    book = VolumeHistory([HOUR_MS, 24 * HOUR_MS])
    window = window_of(PROFILE, table_of(500, 1))
    assert book.judged(window).volume is None
    assert book.judged(msgspec.structs.replace(window, kind="sliding")).volume is None
    assert book.judged(msgspec.structs.replace(window, flags=("unprofiled",))).volume is None
    pieces = changes(book)
    assert list(pieces) == [f"volume-{HOUR_MS}"]
    assert not changes(book)
    scope = restore(VolumeHistory([24 * HOUR_MS]), pieces)
    assert list(scope.changes()) == [((f"volume-{HOUR_MS}", ""), None)]
    same = VolumeHistory([HOUR_MS])
    restore(same, pieces)
    same.judged(msgspec.structs.replace(window, start_ms=window.start_ms + WEEK * HOUR_MS))
    (data,) = changes(same).values()
    assert data is not None
    assert next(entry.residual for entry in msgspec.msgpack.decode(data, type=VolumeState).values()) is None


@pytest.mark.parametrize(("n_unknown", "is_found"), [(0, False), (1, False), (4, False), (8, True), (500, True)])
def test_a_feature_that_appeared_is_a_finding_of_the_window(n_unknown: int, is_found: bool) -> None:  # noqa: FBT001
    window = window_of(PROFILE, table_of(500, 1))
    window.sketch.counts[UNEXPECTED] = n_unknown
    findings = whole_findings(window)
    assert [finding.check for finding in findings] == (["quality.appeared"] if is_found else [])
    if findings:
        assert findings[0].column is None
        assert f"{n_unknown:,} of 500 (a change" in findings[0].message


def test_the_finding_that_a_feature_appeared_names_it() -> None:
    window = window_of(PROFILE, table_of(500, 1))
    window.sketch.counts[UNEXPECTED] = 70
    window.sketch.unseen[UNKNOWN] = {3: ("age", 9), 5: ("user.new", 61), 7: ("gone", 0)}
    (finding,) = whole_findings(window)
    assert "70 of 500: 'user.new' 61, 'age' 9 (a change" in finding.message
    assert finding.unseen == {"age": 9, "user.new": 61}


def test_without_events_nothing_appeared() -> None:
    window = window_of(PROFILE, table_of(0, 1))
    assert appeared(ABOUT, PROFILE, window) is None
    assert volume(ABOUT, window) is None
    assert int(window.sketch.counts[EVENTS]) == 0

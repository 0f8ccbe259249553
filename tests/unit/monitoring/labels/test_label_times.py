"""Since when a model has had no labels: whatever is known of later ones, and in whatever order panes come."""

from __future__ import annotations

import itertools

import pytest

from driftline.monitoring.labels.label_times import LabelTimes

GAP = 60


def times_of(panes: list[int]) -> LabelTimes:
    times = LabelTimes(GAP)
    for pane_ms in panes:
        times.add(pane_ms)
    return times


def test_without_labels_there_is_no_moment() -> None:
    assert LabelTimes(GAP).silent_since(1_000) is None


@pytest.mark.parametrize("panes", [*itertools.permutations([0, 30, 50, 300, 350])])
def test_the_last_pane_before_a_long_gap_is_told_in_any_order(panes: tuple[int, ...]) -> None:
    times = times_of([*panes])
    assert times.silent_since(100) is None, "50 is less than a gap ago"
    assert times.silent_since(110) == 50
    assert times.silent_since(290) == 50
    assert times.silent_since(360) is None
    assert times.silent_since(500) == 350


@pytest.mark.parametrize("at_ms", [80, 109, 110, 200])
def test_labels_after_a_moment_change_nothing(at_ms: int) -> None:
    before, later = [0, 30, 50], [at_ms, at_ms + 20, at_ms + 500]
    assert times_of(before).silent_since(at_ms) == times_of([*later, *before]).silent_since(at_ms)


def test_what_ended_long_ago_is_forgotten() -> None:
    times = times_of([0, 1_000, 2_000, 3_000])
    times.silent_since(2_500)
    (stretches,) = times.tables
    assert stretches.value == [(2_000, 2_000), (3_000, 3_000)]  # type: ignore[attr-defined]  # a table of one value

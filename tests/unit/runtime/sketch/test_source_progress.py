"""How far partitions are read: what is idle, and who waits for whom."""

from __future__ import annotations

from driftline.config.durations import Duration
from driftline.config.settings import SketchSettings, TimeSettings
from driftline.events.source import Source
from driftline.runtime.sketch.source_progress import SourceProgress

P, L, P1 = Source("predictions", 0), Source("labels", 0), Source("predictions", 1)
IDLE_S, SKEW_MS = 10.0, 1_000


def progress(*sources: Source) -> SourceProgress:
    made = SourceProgress(TimeSettings(idle_timeout=Duration(10_000)), SketchSettings(max_skew=Duration(SKEW_MS)))
    for source in sources:
        made.start(source, 5, 0.0)
    return made


def test_a_partition_is_quiet_after_the_timeout_at_its_end() -> None:
    made = progress(P)
    assert list(made.quiet(IDLE_S + 1)) == [], "its end has not been reached: the broker may be away"
    made.at_end(P, 5)
    assert list(made.quiet(IDLE_S - 1)) == []
    assert list(made.quiet(IDLE_S)) == [(P, 5)]
    made.confirm_idle(P)
    assert list(made.quiet(IDLE_S + 1)) == [], "it is said once"
    assert made.lively() == []


def test_a_record_wakes_it() -> None:
    made = progress(P)
    made.at_end(P, 5)
    made.confirm_idle(P)
    made.read(P, 6, 20.0)
    assert made.next_offset(P) == 6
    assert made.lively() == [P]
    assert made.lively() == []
    made.at_end(P, 6)
    assert list(made.quiet(20.0 + IDLE_S)) == [(P, 6)]


def test_an_end_in_the_batch_of_the_last_records_counts() -> None:
    made = progress(P)
    made.read(P, 9, 1.0)
    made.at_end(P, 9)
    assert list(made.quiet(1.0 + IDLE_S)) == [(P, 9)]


def test_an_end_before_records_that_have_been_read_is_none() -> None:
    made = progress(P)
    made.read(P, 9, 1.0)
    made.at_end(P, 5)
    assert list(made.quiet(1.0 + IDLE_S)) == []


def test_an_end_of_a_partition_given_up_is_passed_over() -> None:
    made = progress(P)
    made.clear()
    made.at_end(P, 5)
    assert made.sources == ()


def test_the_topic_that_is_ahead_waits_for_the_other() -> None:
    made = progress(P, L)
    assert made.balance({P: 5_000, L: 5_000 - SKEW_MS}) == ([], [])
    assert made.balance({P: 5_001, L: 5_000 - SKEW_MS}) == ([P], [])
    assert made.paused == [P]
    assert made.balance({P: 5_001, L: 5_000 - SKEW_MS}) == ([], []), "it is paused once"
    assert made.balance({P: 5_001, L: 5_001}) == ([], [P])
    assert made.paused == []


def test_nobody_waits_for_one_that_has_nothing_to_say() -> None:
    made = progress(P, L, P1)
    made.at_end(L, 5)
    assert made.balance({P: 10_000, L: None, P1: 10_000}) == ([], [])
    made.read(L, 6, 1.0)
    assert made.balance({P: 10_000, L: None, P1: 10_000}) == ([P], []), "and it has no partner that P1 could wait for"
    made.at_end(L, 6)
    assert made.balance({P: 10_000, L: None, P1: 10_000}) == ([], [P])


def test_one_that_waits_is_not_quiet() -> None:
    made = progress(P, L)
    made.at_end(P, 5)
    assert made.balance({P: 10_000, L: 0}) == ([P], [])
    assert list(made.quiet(IDLE_S)) == []


def test_beginning_again_forgets() -> None:
    made = progress(P)
    made.at_end(P, 5)
    made.confirm_idle(P)
    made.start(P, 3, 7.0)
    assert made.next_offset(P) == 3
    assert made.lively() == []
    assert list(made.quiet(100.0)) == []


def test_where_rows_are_repartitioned_partitions_ahead_wait_and_joins_neither_wait_nor_idle() -> None:
    joins = Source("joins", 0)
    made = progress(P, P1, joins)
    made.at_end(joins, 5)
    assert list(made.quiet(IDLE_S)) == []
    lateness = int(TimeSettings().lateness)
    watermarks = {P: 1_000 + lateness, P1: 1_001 + lateness, joins: 1_001 + lateness}
    assert made.hold_back(watermarks, 1_000) == ([P1], [])
    assert made.hold_back(watermarks, 1_000) == ([], [])
    assert made.paused == [P1]
    assert made.hold_back(watermarks, None) == ([], [P1])

"""How far partitions are read: what is idle, and who waits for whom."""

from __future__ import annotations

from driftline.events.source import Source
from driftline.runtime.sketch.source_progress import COMMANDS_S, SourceProgress

P, L, P1 = Source("predictions", 0), Source("labels", 0), Source("predictions", 1)
IDLE_S = 10.0


def progress(*sources: Source) -> SourceProgress:
    made = SourceProgress(IDLE_S)
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


def test_a_record_wakes_it_also_where_its_new_end_comes_in_the_same_batch() -> None:
    made = progress(P)
    made.at_end(P, 5)
    made.confirm_idle(P)
    made.read(P, 10, 20.0)
    made.at_end(P, 10)
    assert made.lively() == [P]
    assert made.lively() == []


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


def test_a_partition_that_is_ahead_waits_while_its_partner_is_read() -> None:
    made = progress(P, L)
    assert made.hold_back({}) == ([], [])
    assert made.hold_back({P: L}) == ([P], [])
    assert made.paused == [P]
    assert made.hold_back({P: L}) == ([], []), "it is paused once"
    assert made.hold_back({}) == ([], [P])
    assert made.paused == []


def test_nobody_waits_for_one_that_has_nothing_to_say() -> None:
    made = progress(P, L, P1)
    made.at_end(L, 5)
    ahead: dict[Source, Source | None] = {P: L, P1: Source("labels", 1)}
    assert made.hold_back(ahead) == ([], [])
    made.read(L, 6, 1.0)
    assert made.hold_back(ahead) == ([P], []), "and P1 has no partner that it could wait for"
    made.at_end(L, 6)
    assert made.hold_back(ahead) == ([], [P])


def test_of_two_that_wait_for_each_other_only_one_is_paused() -> None:
    made = progress(P, L)
    assert made.hold_back({P: L, L: P}) == ([P], [])


def test_one_that_waits_for_all_that_are_behind_is_paused_in_any_case() -> None:
    made = progress(P, L)
    made.at_end(L, 5)
    assert made.hold_back({P: None}) == ([P], [])
    assert made.hold_back({}) == ([], [P])


def test_one_that_waits_is_not_quiet() -> None:
    made = progress(P, L)
    made.at_end(P, 5)
    assert made.hold_back({P: L}) == ([P], [])
    assert list(made.quiet(IDLE_S)) == []


def test_beginning_again_forgets() -> None:
    made = progress(P)
    made.at_end(P, 5)
    made.confirm_idle(P)
    made.start(P, 3, 7.0)
    assert made.next_offset(P) == 3
    assert made.lively() == []
    assert list(made.quiet(100.0)) == []


def test_the_pending_topic_is_never_quiet() -> None:
    joins = Source("joins", 0)
    made = progress(joins)
    made.at_end(joins, 5)
    assert list(made.quiet(IDLE_S)) == [], "its records say which inputs are idle"


def test_a_stalled_partition_is_neither_idle_nor_at_its_end() -> None:
    made = progress(P, P1)
    made.at_end(P, 5)
    made.confirm_idle(P)
    assert made.stall(P)
    assert not made.stall(P), "it is said once"
    assert made.stalled == [P]
    assert made.paused == [P]
    assert made.lively() == [P], "records have come"
    made.at_end(P, 9)
    assert list(made.quiet(100.0)) == []
    assert made.reached(P) == made.next_offset(P) == 5
    assert made.go_on(P)
    assert made.stalled == made.paused == []
    made.at_end(P, 5)
    assert list(made.quiet(100.0)) == [(P, 5)]


def test_a_stalled_partition_is_not_resumed_for_its_partner_and_the_other_way_round() -> None:
    made = progress(P, L)
    made.stall(P)
    assert made.hold_back({P: L}) == ([], []), "it is paused already"
    assert not made.go_on(P), "it waits for its partner still"
    made.stall(P)
    assert made.hold_back({}) == ([], []), "it is stalled still"
    assert made.go_on(P)


def test_a_partition_ahead_waits_for_one_that_is_stalled() -> None:
    made = progress(P, L)
    made.stall(P)
    assert made.hold_back({L: P}) == ([L], [])


def test_a_partition_that_begins_again_is_not_stalled() -> None:
    made = progress(P)
    made.stall(P)
    made.start(P, 5, 0.0)
    assert made.stalled == []


def test_how_long_an_idle_partition_has_been_quiet_is_told_in_steps() -> None:
    made = SourceProgress(IDLE_S, [30_000, 60_000])
    made.start(P, 5, 0.0)
    made.at_end(P, 5)
    assert made.idle() == []
    made.confirm_idle(P)
    assert made.idle() == [P]
    steps = [0, 30_000, 30_000, 60_000, 7 * 86_400_000]
    assert [made.quiet_ms(P, now_s) for now_s in (29.9, 30.0, 59.0, 60.0, 1e6)] == steps, "and each hour of a week"
    made.read(P, 6, 100.0)
    assert made.idle() == [], "it has been read since"


def test_inputs_wait_for_the_commands_that_are_there_at_the_start() -> None:
    made = SourceProgress(5.0)
    control = Source("control", 0)
    made.start(control, 7, 0.0)
    made.start(P, 0, 0.0)
    assert made.hold_back({}, 0.1) == ([P], [])
    made.read(control, 9, 0.2)
    assert made.hold_back({}, 0.3) == ([], [])
    made.at_end(control, 9)
    assert made.hold_back({}, 0.4) == ([], [P])
    made.read(control, 10, 0.5)
    assert made.hold_back({}, 0.6) == ([], []), "what comes later holds nothing back"
    assert [*made.quiet(100.0)] == [], "and it is never idle"


def test_commands_that_cannot_be_read_are_given_up() -> None:
    made = SourceProgress(5.0)
    control = Source("control", 0)
    made.start(control, 7, 0.0)
    made.start(P, 0, 0.0)
    assert made.hold_back({}, 1.0) == ([P], [])
    assert made.gives_up_commands(COMMANDS_S - 1) == []
    assert made.gives_up_commands(COMMANDS_S) == [control]
    assert made.gives_up_commands(COMMANDS_S + 1) == []
    assert made.hold_back({}, COMMANDS_S + 1) == ([], [P])

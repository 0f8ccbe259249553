"""Log lines of refusals: when they begin, while they last, when they have ended; and that nothing can be used."""

from __future__ import annotations

import pytest
import structlog

from driftline.events.dead_letter import OFFSET_GAP, DeadLetter
from driftline.runtime.sketch.refusal_log import ALL_REFUSED, INTERVAL_S, RefusalLog

TOPIC = "scored"


def letters(n: int, reason: str = "not_json", topic: str = TOPIC) -> list[DeadLetter]:
    return [DeadLetter(reason, f"{reason} {i}", topic, 0, i, b"") for i in range(n)]


def test_refusals_are_said_when_they_begin_while_they_last_and_when_they_have_ended() -> None:
    log = RefusalLog()
    with structlog.testing.capture_logs() as lines:
        log.note({TOPIC: 100}, letters(5), 0.0)
        for second in range(1, 2 * int(INTERVAL_S)):
            log.note({TOPIC: 100}, letters(1), float(second))
        for second in range(2 * int(INTERVAL_S), 4 * int(INTERVAL_S)):
            log.note({TOPIC: 100}, [], float(second))
    begin, last, rest, end = lines
    assert begin == {
        "event": "records are refused",
        "log_level": "warning",
        "topic": TOPIC,
        "reason": "not_json",
        "means": "the value is not JSON",
        "refused": 5,
        "share": "5.0%",
        "example": "not_json 4",
    }
    assert (last["event"], last["refused"], last["share"]) == ("records are still refused", 60, "1.0%")
    assert (rest["event"], rest["refused"]) == ("records are still refused", 59)
    assert (end["event"], end["log_level"], end["refused_in_all"]) == (
        "no more records are refused for this reason",
        "info",
        5 + 2 * int(INTERVAL_S) - 1,
    )


def test_each_reason_and_topic_has_its_own_lines() -> None:
    log = RefusalLog()
    refused = [*letters(3), *letters(2, "missing_field"), *letters(1, topic="labels")]
    with structlog.testing.capture_logs() as lines:
        log.note({TOPIC: 10, "labels": 4}, refused, 0.0)
    assert [(line["topic"], line["reason"], line["refused"], line["share"]) for line in lines] == [
        (TOPIC, "not_json", 3, "30.0%"),
        (TOPIC, "missing_field", 2, "20.0%"),
        ("labels", "not_json", 1, "25.0%"),
    ]


def test_refusals_that_return_are_said_anew() -> None:
    log = RefusalLog()
    with structlog.testing.capture_logs() as lines:
        for at_s in (0.0, 2 * INTERVAL_S):
            log.note({TOPIC: 10}, letters(1), at_s)
            log.note({TOPIC: 10}, [], at_s + 1.5 * INTERVAL_S)
    assert [line["event"].split()[0] for line in lines] == ["records", "no", "records", "no"]


def test_a_gap_of_offsets_is_no_refused_record() -> None:
    log = RefusalLog()
    with structlog.testing.capture_logs() as lines:
        log.note({TOPIC: 10}, letters(1, OFFSET_GAP), 0.0)
    assert not lines


@pytest.mark.parametrize("flush", [1, 30, ALL_REFUSED])
def test_a_topic_of_which_nothing_can_be_used_is_said_until_something_can(flush: int) -> None:
    log = RefusalLog()
    n = 0
    while n < ALL_REFUSED:
        assert log.all_refused() is None
        log.note({TOPIC: flush}, letters(flush), float(n))
        n += flush
    assert log.all_refused() == (
        f"none of the last {n} records of `{TOPIC}` could be used; not_json (the value is not JSON), such as: not_json "
        f"{flush - 1}"
    )
    log.note({"labels": 500}, [], 500.0)
    assert log.all_refused() is not None, "labels say nothing of predictions"
    log.note({TOPIC: 50}, letters(49), 501.0)
    assert log.all_refused() is None


def test_a_worker_that_gave_its_partitions_up_is_responsible_for_nothing() -> None:
    log = RefusalLog()
    log.note({TOPIC: 500}, letters(500), 0.0)
    log.forget()
    assert log.all_refused() is None

"""Batches of records become events with times, or dead letters that say where they stood."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.config.input_settings import LabelFields
from driftline.events import dead_letter as reasons
from driftline.events.label import LabelDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.sketching.intake import take_in_labels

NOW_MS = 1_772_366_400_000
MAX_FUTURE_MS = 600_000
YEAR_2100_MS = 4_102_444_800_000
DECODE = LabelDecoder(LabelFields())


def batch(*records: tuple[bytes | None, int]) -> RecordBatch:
    values, stamps = [value for value, _ in records], [stamp for _, stamp in records]
    return RecordBatch(Source("labels", 2), "truth", values, list(range(40, 40 + len(records))), stamps)


def at(ts: object) -> bytes:
    return f'{{"prediction_id": "a", "ts": {ts}}}'.encode()


def test_events_keep_their_offsets_and_refusals_their_places() -> None:
    taken = take_in_labels(
        batch((at(5), NOW_MS), (b"{", NOW_MS), (None, NOW_MS), (at(7), NOW_MS)), DECODE, MAX_FUTURE_MS
    )
    assert [*taken.events.ts_ms] == [5, 7]
    assert taken.times_ms.tolist() == [5, 7]
    assert taken.offsets.tolist() == [40, 43]
    assert [(x.reason, x.topic, x.partition, x.offset, x.value) for x in taken.refused] == [
        (reasons.NOT_JSON, "truth", 2, 41, b"{"),
        (reasons.EMPTY, "truth", 2, 42, b""),
    ]
    assert taken.refused[1].message == "Expected a JSON object, got an empty record - at `$` (truth-2@42)"


def test_the_dead_letter_of_json_behind_a_frame_holds_the_frame_too() -> None:
    framed = batch((at(5), NOW_MS), (b"{", NOW_MS))._replace(raw_values=[b"\x00" + at(5), b"\x00{"])
    (letter,) = take_in_labels(framed, DECODE, MAX_FUTURE_MS).refused
    assert letter.value == b"\x00{"
    assert letter.offset == 41


def test_a_batch_without_events() -> None:
    taken = take_in_labels(batch((b"{", NOW_MS)), DECODE, MAX_FUTURE_MS)
    assert taken.events.prediction_ids == ()
    assert taken.times_ms.dtype == taken.offsets.dtype == np.int64


@pytest.mark.parametrize(
    ("value", "stamp", "time_ms"),
    [
        (at(NOW_MS + MAX_FUTURE_MS), NOW_MS, NOW_MS + MAX_FUTURE_MS),
        (at(0), NOW_MS, 0),
        (at("null"), NOW_MS, NOW_MS),
        (at("null"), 0, 0),
        (at(YEAR_2100_MS), -1, YEAR_2100_MS),  # no Kafka timestamp to hold it against
    ],
)
def test_event_time(value: bytes, stamp: int, time_ms: int) -> None:
    assert take_in_labels(batch((value, stamp)), DECODE, MAX_FUTURE_MS).times_ms.tolist() == [time_ms]


@pytest.mark.parametrize(
    ("value", "stamp", "reason"),
    [
        (at(NOW_MS + MAX_FUTURE_MS + 1), NOW_MS, reasons.FUTURE),
        (at(YEAR_2100_MS), NOW_MS, reasons.FUTURE),
        (at("null"), -1, reasons.MISSING_FIELD),
        (at(NOW_MS // 1000), -1, reasons.IMPLAUSIBLE_TIME),
        (at(NOW_MS // 1000), NOW_MS, reasons.IMPLAUSIBLE_TIME),
        (at(NOW_MS * 1000), NOW_MS, reasons.IMPLAUSIBLE_TIME),
        (at("null"), 1 << 62, reasons.INVALID_VALUE),
    ],
)
def test_times_that_are_refused(value: bytes, stamp: int, reason: str) -> None:
    (letter,) = take_in_labels(batch((value, stamp)), DECODE, MAX_FUTURE_MS).refused
    assert letter.reason == reason
    assert letter.message.endswith("at `$.ts` (truth-2@40)")

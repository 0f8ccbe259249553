from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.field_places import FromHeader, FromKey, Where
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.record_forms import MAX_WAITING_RECORDS, Pair
from driftline.config.settings import Settings
from driftline.events import dead_letter as reasons
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.flush_record import decode
from driftline.profiles.profiles import Profiles
from driftline.runtime.sketch.offset_metadata import CommittedTimes, from_metadata, to_metadata
from driftline.sketching.halves import SeenHalves
from driftline.sketching.pairing import Pairing
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from driftline.events.dead_letter import DeadLetter
    from driftline.sketching.joins.waiting.pending import PendingStores

P0 = Source("predictions", 0)
PAIR = Pair(id="/id", request=Where("/kind", equals="in"), response=Where("/kind", equals="out"))

Stream = list[tuple[int, int, bytes | None]]
"""Offset, Kafka timestamp and value of each record."""


def half(kind: str, of: object, **more: object) -> bytes:
    return json.dumps({"kind": kind, "id": of, **more}).encode()


def batch(stream: Stream) -> RecordBatch:
    return RecordBatch(
        P0, "served", [value for *_, value in stream], [each[0] for each in stream], [each[1] for each in stream]
    )


def stream_of(*values: bytes | None, stamp_ms: int = 1_000) -> Stream:
    return [(offset, stamp_ms + offset, value) for offset, value in enumerate(values)]


class Outcome:
    """What came of the records: events as (offset, request, response), and dead letters as (reason, offset)."""

    def __init__(self) -> None:
        self.events: list[tuple[int, Any, Any, int]] = []
        self.letters: list[DeadLetter] = []
        self.n_skipped = self.n_fresh = 0

    @property
    def refused(self) -> list[tuple[str, int]]:
        return [(letter.reason, letter.offset) for letter in self.letters]

    def add(self, pairing: Pairing, records: RecordBatch) -> None:
        paired = pairing.add(records)
        self.letters += [letter for _, letter in paired.refused]
        self.n_skipped += len(paired.skipped)
        self.n_fresh += 0 if paired.fresh is None else len(paired.fresh.offsets)
        if paired.pairs is not None:
            for offset, document, stamp in zip(
                paired.pairs.offsets, paired.pairs.documents or (), paired.pairs.timestamps_ms, strict=True
            ):
                assert isinstance(document, dict)
                self.events.append((offset, document["request"], document["response"], stamp))


def whole(stream: Stream, pair: Pair = PAIR) -> Outcome:
    pairing, outcome = Pairing(pair), Outcome()
    pairing.assign(P0)
    if stream:
        outcome.add(pairing, batch(stream))
    return outcome


def test_a_request_and_its_response_are_one_event_whichever_came_first() -> None:
    found = whole(stream_of(half("in", 1, x=2), half("out", "b"), half("out", 1, y=3), half("in", "b")))
    assert found.events == [
        (2, {"kind": "in", "id": 1, "x": 2}, {"kind": "out", "id": 1, "y": 3}, 1_000),
        (3, {"kind": "in", "id": "b"}, {"kind": "out", "id": "b"}, 1_003),
    ]
    assert found.letters == []


def test_headers_and_keys_tell_halves_apart() -> None:
    pair = Pair(FromKey(""), Where(header="kind", equals="q"), Where(header="kind", equals="a"))
    pairing = Pairing(pair)
    assert pairing.asks_for == {"keys", "headers"}
    pairing.assign(P0)
    records = RecordBatch(
        P0,
        "served",
        [b'{"x": 1}', b'{"y": 2}', b"{}"],
        [0, 1, 2],
        [-1, -1, -1],
        keys=[b"k", b"k", b"k"],
        headers=[{"kind": b"q", "from": b"q", "model": b"m"}, {"kind": b"a", "from": b"a", "cost": b"1"}, {}],
    )
    paired = pairing.add(records)
    assert paired.skipped == [2]
    assert paired.pairs is not None
    assert paired.pairs.documents == [{"request": {"x": 1}, "response": {"y": 2}}]
    assert paired.pairs.keys == [b"k"]
    assert paired.pairs.headers == [{"kind": b"q", "from": b"q", "model": b"m", "cost": b"1"}]


def test_records_that_become_part_of_no_event_are_reported() -> None:
    found = whole(
        stream_of(
            half("in", "a"),
            half("in", "a"),
            b"{broken",
            half("in", None),
            half("other", "a"),
            None,
            b"[1]",
            half("out", "a"),
        )
    )
    assert [offset for offset, *_ in found.events] == [7]
    assert found.refused == [
        (reasons.UNPAIRED, 1),
        (reasons.NOT_JSON, 2),
        (reasons.INVALID_TYPE, 3),
        (reasons.INVALID_TYPE, 6),
    ]
    assert found.letters[0].message == (
        "Expected one request of the id `a`, got another while offset 0 waits (served-0@1)"
    )
    assert found.letters[0].value == half("in", "a")
    assert found.n_skipped == 2


def test_a_half_whose_other_does_not_come_is_given_up_by_records_or_by_time() -> None:
    pair = Pair(PAIR.id, PAIR.request, PAIR.response, max_records=2, max_wait=Duration(1_000))
    found = whole(stream_of(half("in", "a"), half("other", ""), half("other", ""), half("out", "a")), pair)
    assert found.refused == [(reasons.UNPAIRED, 0)]
    assert found.events == []
    assert found.letters[0].message == (
        "Expected the response of the request `a` within 2 records and 1s, got none (served-0@0)"
    )
    in_time: Stream = [(0, 5_000, half("out", "a")), (1, 6_000, half("in", "a"))]
    assert [offset for offset, *_ in whole(in_time, pair).events] == [1]
    too_late: Stream = [(0, 5_000, half("out", "a")), (1, 6_001, half("in", "a"))]
    assert whole(too_late, pair).refused == [(reasons.UNPAIRED, 0)]
    without_times: Stream = [(0, -1, half("out", "a")), (1, 6_001, half("in", "a"))]
    assert [offset for offset, *_ in whole(without_times, pair).events] == [1]


def test_a_gap_gives_up_what_can_no_longer_be_read() -> None:
    pairing = Pairing(PAIR)
    pairing.assign(P0, SeenHalves(9, (3, 7)))
    letters = pairing.skip(P0, "served", 0, 5)
    assert [(letter.reason, letter.offset) for letter in letters] == [(reasons.OFFSET_GAP, 3)]
    assert pairing.seen(P0) == SeenHalves(9, (7,))
    outcome = Outcome()
    outcome.add(pairing, batch([(9, 0, half("out", "x"))]))
    assert outcome.refused == [(reasons.OFFSET_GAP, 7)], "a record that is not there any more is not awaited for ever"
    assert pairing.skip(P0, "served", 0, 50_000)[0].reason == reasons.UNPAIRED
    assert pairing.seen(P0) == SeenHalves(50_000)


def random_stream(seed: int, n: int) -> Stream:
    rng = random.Random(seed)
    values: list[bytes | None] = []
    for _ in range(n):
        kind, of = rng.choice(["in", "out", "in", "out", "other"]), rng.randrange(max(2, n // 4))
        values.append(rng.choice([half(kind, of, n=len(values))] * 12 + [None, b"{", half(kind, None)]))
    offset = stamp = 0
    stream = []
    for value in values:
        offset += rng.choice([1, 1, 1, 3])
        stamp += rng.choice([0, 10, 400])
        stream.append((offset, stamp, value))
    return stream


@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), max_size=30), st.integers(1, 30), st.integers(1, 4_000))
def test_crashes_and_handovers_change_nothing(seed: int, steps: list[int], max_records: int, wait_ms: int) -> None:
    """After each step a commit, an abort or a successor follows; the result is that of one go."""
    pair = Pair(PAIR.id, PAIR.request, PAIR.response, max_records=max_records, max_wait=Duration(wait_ms))
    stream = random_stream(seed, 40)
    rng = random.Random(seed)
    committed, final = (0, to_metadata(CommittedTimes(seen=SeenHalves(0)))), Outcome()
    pairing, provisional = Pairing(pair), Outcome()
    pairing.assign(P0)
    at = 0

    def commit() -> None:
        nonlocal committed, provisional
        seen = pairing.seen(P0)
        assert seen is not None
        assert seen.next_offset - seen.start <= max_records + 3, "what is read again is bounded"
        committed = (seen.start, to_metadata(CommittedTimes(7, 8, seen)))
        pairing.committed()
        final.events += provisional.events
        final.letters += provisional.letters
        final.n_skipped += provisional.n_skipped
        final.n_fresh += provisional.n_fresh
        provisional = Outcome()

    def read_again() -> int:
        return next((number for number, (offset, *_) in enumerate(stream) if offset >= committed[0]), len(stream))

    for step in steps:
        n = rng.randint(1, 9)
        if stream[at : at + n]:
            provisional.add(pairing, batch(stream[at : at + n]))
            at += n
        if step == 0:
            commit()
        elif step == 1:  # a transaction that failed
            pairing.aborted()
            provisional, at = Outcome(), read_again()
        elif step == 2:  # a crash: the successor knows what is committed
            pairing, provisional, at = Pairing(pair), Outcome(), read_again()
            pairing.assign(P0, from_metadata(committed[1]).seen)
    if stream[at:]:
        provisional.add(pairing, batch(stream[at:]))
    commit()
    expected = whole(stream, pair)
    assert final.events == expected.events
    assert [(each.reason, each.offset, each.message, each.value) for each in final.letters] == [
        (each.reason, each.offset, each.message, each.value) for each in expected.letters
    ]
    assert final.n_skipped == expected.n_skipped
    assert final.n_fresh == len(stream)


def test_the_metadata_of_an_offset_fit_whatever_waits() -> None:
    rng = random.Random(5)
    for waiting in (
        tuple(range(10, 10 + MAX_WAITING_RECORDS)),
        tuple(sorted({10, *rng.sample(range(10, 10 + MAX_WAITING_RECORDS), MAX_WAITING_RECORDS // 2)})),
    ):
        seen = SeenHalves(10 + MAX_WAITING_RECORDS + 1, waiting)
        times = CommittedTimes(1_800_000_000_000, 1_800_000_000_000, seen)
        metadata = to_metadata(times)
        assert len(metadata) < 4_096 - 100
        assert from_metadata(metadata) == times


@pytest.mark.parametrize(
    "metadata", ["", "v9:1", "v1:5", "v2:5:6", "v3:5:6:1:2:not base64", "v3:5:6:1:2:AAAA", "v3:5:6:1:x:eJwDAAAAAAE="]
)
def test_metadata_of_others_say_nothing_of_halves(metadata: str) -> None:
    assert from_metadata(metadata).seen is None


def test_an_id_of_another_type_or_in_a_header() -> None:
    assert Pairing(PAIR).id_of(half("in", 5)) == "5"
    assert Pairing(PAIR).id_of(b"{") is None
    assert Pairing(Pair(FromHeader("id"), PAIR.request, PAIR.response)).id_of(half("in", 5)) is None


def test_batches_do_not_change_what_is_counted_of_records_and_of_refusals() -> None:
    """What the sketch stage says of a paired topic is the same however its records are cut."""
    fields = PredictionFields(
        prediction_id="/request/id",
        model="/request/model",
        model_version="/request/version",
        ts="/request/ts",
        features="/request/x",
        prediction="/response/y",
        score="/response/p",
        segments="/request/s",
    )
    pair = Pair(PAIR.id, PAIR.request, PAIR.response, max_records=6)
    settings = Settings(predictions=PredictionInput(topic="served", fields=fields, pair=pair))
    stamps = [1_000_000 + number * 400_000 for number in range(60)]
    rng = random.Random(2)
    stream: Stream = []
    for offset, stamp in enumerate(stamps):
        kind, of = rng.choice(["in", "out"]), rng.randrange(8)
        stream.append((offset, stamp, rng.choice([half(kind, of, model="m"), half(kind, of, model="m"), b"{"])))

    def spans(size: int) -> list[Any]:
        sketcher = Sketcher(settings, Profiles([]), 1, no_stores)
        sketcher.assign(P0, None)
        for start in range(0, len(stream), size):
            sketcher.add(batch(stream[start : start + size]))
        flush = sketcher.flush()
        assert flush is not None
        marks = [mark for records in flush.panes.values() for value in records for mark in decode(value, "p").intake]
        return [*marks, [(letter.reason, letter.offset) for letter in flush.dead_letters], flush.n_read]

    assert spans(1) == spans(7) == spans(60)
    assert {reason for reason, _ in spans(60)[-2]} == {reasons.UNPAIRED, reasons.NOT_JSON}
    assert spans(60)[-1] == {"served": 60}


def no_stores(_partition: int, _table: object) -> PendingStores:
    raise AssertionError("nothing is joined without labels")

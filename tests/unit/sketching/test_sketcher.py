"""The sketch stage as the worker drives it: what a flush holds, and what an abort leaves."""

from __future__ import annotations

import json

import msgspec
import numpy as np

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import ModelSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.dead_letter import OFFSET_GAP, DeadLetter
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.record_batch import RecordBatch
from driftline.events.source import LABEL_STREAM, Source, Watermark
from driftline.events.source_numbers import SourceNumbers, TopicPart
from driftline.panes.flush_record import decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketching.flush import Flush, Position
from driftline.sketching.joins.waiting.digests import digests_of
from driftline.sketching.pane_counters import KEPT_FLUSHES
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

START_MS = 1_772_366_400_000
P0, L0 = Source("predictions", 0), Source("labels", 0)
SETTINGS = Settings(
    kafka=KafkaSettings(panes_partitions=3), labels=LabelInput(), time=TimeSettings(lateness=Duration(20_000))
)
PROFILE = build_profile(
    ModelKey("risk", ""),
    ReferenceTable(10, {"x": np.arange(10.0)}, prediction=[0, 1] * 5),
    ModelSettings(),
    START_MS - 1_000_000,
    "training",
)


def sketcher() -> Sketcher:
    book = Profiles()
    book.add(PROFILE)
    made = Sketcher(SETTINGS, book, 1, MemoryStores)
    made.assign(P0, None)
    made.assign(L0, None)
    return made


def predictions(*times_ms: int, first: int = 0, model: str = "risk") -> RecordBatch:
    values: list[bytes | None] = [
        json.dumps({"prediction_id": f"p{first + i}", "model": model, "ts": ts, "prediction": 1}).encode()
        for i, ts in enumerate(times_ms)
    ]
    return RecordBatch(P0, "scored", values, list(range(first, first + len(values))), [-1] * len(values))


def labels(*ids: str) -> RecordBatch:
    values: list[bytes | None] = [
        json.dumps({"prediction_id": key, "label": 1, "ts": START_MS}).encode() for key in ids
    ]
    return RecordBatch(L0, "truth", values, list(range(len(values))), [-1] * len(values))


def taken(made: Sketcher) -> Flush:
    flush = made.flush()
    assert flush is not None
    return flush


def test_a_new_assignment_is_announced_once() -> None:
    made = sketcher()
    flush = taken(made)
    assert flush.positions == {}
    assert sorted(flush.panes) == [0, 1, 2]
    for (record,) in flush.panes.values():
        marks = decode(record, "test").watermarks
        assert marks == [Watermark(L0, 1, None, idle=False), Watermark(P0, 1, None, idle=False)]
    made.committed()
    assert made.flush() is None


def test_a_flush_holds_deltas_changelog_positions_and_watermarks() -> None:
    made = sketcher()
    made.add(predictions(START_MS, START_MS + 100_000, START_MS))
    made.add(labels("p0", "p9"))
    flush = taken(made)
    assert (flush.n_events, flush.n_late, made.n_waiting) == (2, 1, 5)
    assert flush.positions == {
        P0: Position(3, START_MS + 100_000, START_MS + 100_000),
        L0: Position(2, START_MS, START_MS),
    }
    assert list(flush.pending) == [0]
    records = {partition: decode(record, "test") for partition, (record,) in flush.panes.items()}
    mine = panes_partition(PROFILE.key, 3)
    assert [delta.pane_ms - START_MS for delta in records[mine].panes] == [0, 100_000]
    assert [delta.key for delta in records[mine].joins] == [PROFILE.key] * len(records[mine].joins)
    others = [record for n, record in records.items() if n != mine]
    assert {delta.key for record in others for delta in record.panes} == set()
    assert {delta.key for record in others for delta in record.joins} == {LABEL_STREAM}
    assert {mark.source: mark.time_ms for mark in records[mine].watermarks} == {
        P0: START_MS + 80_000,
        L0: START_MS - 20_000,
    }
    made.committed()
    assert made.n_waiting == 0
    assert made.flush() is None
    assert len(made.joins.joiners[0].predictions) == 3
    assert len(made.joins.joiners[0].labels.waiting) == 1


def test_an_aborted_flush_is_said_again_word_for_word() -> None:
    made = sketcher()
    made.committed()
    made.add(predictions(START_MS))
    taken(made)
    made.committed()
    later = predictions(START_MS + 50_000, START_MS, first=1)
    made.add(later)
    made.add(labels("p0", "p1"))
    first = taken(made)
    made.aborted()
    assert made.watermark_ms(P0) == START_MS - 20_000, "the clock goes back too"
    made.add(later)
    made.add(labels("p0", "p1"))
    assert taken(made) == first


def test_a_gap_is_a_dead_letter_and_a_position() -> None:
    made = sketcher()
    made.add(predictions(START_MS))
    letter = DeadLetter(OFFSET_GAP, "gone", "scored", 0, 1, b"")
    made.skip(P0, 7, letter)
    flush = taken(made)
    assert flush.dead_letters == [letter]
    assert flush.positions[P0] == Position(7, START_MS, START_MS)
    made.aborted()
    assert taken(made).dead_letters == [], "what was not committed is found again"


def test_an_idle_mark_is_said_and_taken_back() -> None:
    made = sketcher()
    taken(made)
    made.committed()
    for idle in (True, False):
        made.mark_idle(P0, idle=idle)
        (record,) = taken(made).panes[0]
        assert {mark.source: mark.idle for mark in decode(record, "test").watermarks} == {P0: idle, L0: False}
        made.committed()
        made.mark_idle(P0, idle=idle)
        assert made.flush() is None


def test_what_is_given_up_is_forgotten() -> None:
    made = sketcher()
    made.add(predictions(START_MS))
    made.revoke()
    assert made.joins.joiners == {}
    assert made.watermark_ms(P0) is None
    assert made.flush() is None, "of no partition there is anything to say"
    made.assign(P0, START_MS)
    flush = taken(made)
    assert (flush.n_events, flush.positions) == (0, {})
    assert made.watermark_ms(P0) == START_MS - 20_000


def test_each_of_two_models_that_share_an_id_has_a_prediction_of_its_own() -> None:
    book = Profiles()
    profiles = [
        build_profile(ModelKey(name, ""), ReferenceTable(4, {}, prediction=[0, 1] * 2), ModelSettings(), 0, "training")
        for name in ("a", "b")
    ]
    for profile in profiles:
        book.add(profile)
    made = Sketcher(SETTINGS, book, 1, MemoryStores)
    made.assign(P0, None)
    records = [predictions(START_MS, model=name).values[0] for name in ("b", "a", "a", "b")]
    values = [None if v is None else v.replace(b'"p0"', b'"%d"' % (i // 2)) for i, v in enumerate(records)]
    made.add(RecordBatch(P0, "scored", values, [0, 1, 2, 3], [-1] * 4))
    made.flush()
    held = made.joins.joiners[0].predictions.get(digests_of(["0", "1"]))
    assert sorted(held.records["offset"].tolist()) == [0, 1, 2, 3]


def test_model_keys_that_come_and_go_leave_nothing_behind() -> None:
    made = sketcher()
    for offset in range(3 * KEPT_FLUSHES):
        made.add(predictions(START_MS, first=offset, model=f"model-{offset}"))
        taken(made)
        made.committed()
    assert len(made._counters) <= KEPT_FLUSHES + 2


def test_a_partition_that_is_read_again_after_an_abort_is_not_idle() -> None:
    made = sketcher()
    made.mark_idle(P0, idle=True)
    taken(made)
    made.aborted()
    made.add(predictions(START_MS))
    marks = decode(taken(made).panes[0][-1], "test").watermarks
    assert [mark.idle for mark in marks] == [False, False]


def test_a_label_that_waited_meets_its_prediction_again_when_blocks_are_restored_in_parts() -> None:
    """The watermarks known at the restart are those behind the last block, by which all waiting is over."""
    first = sketcher()
    changelog: list[bytes] = []
    for batch in (labels("p0"), predictions(START_MS), predictions(START_MS + 10**9, first=1)):
        first.add(batch)
        changelog += taken(first).pending[0]
        first.committed()
    book = Profiles()
    book.add(PROFILE)
    second = Sketcher(SETTINGS, book, 1, MemoryStores)
    second.assign(P0, START_MS + 10**9)
    second.assign(L0, START_MS + 10**9)
    for offset, block in enumerate(changelog):
        second.joins.restore(0, block, offset, "test")
        second.joins.restored(0, offset + 1, whole=False)
    second.joins.restored(0, len(changelog), whole=True)
    held = second.joins.joiners[0].predictions.get(digests_of(["p0"]))
    assert held.records["n_labels"].tolist() == [1]


def test_each_flush_says_whose_numbers_are_whose_and_which_are_read_no_more() -> None:
    book = Profiles()
    book.add(PROFILE)
    parts = [TopicPart("predictions", topic, 0, 1) for topic in ("gone", "scored")]
    numbers = SourceNumbers({"scored": "predictions"}, {"scored": 1}, parts)
    settings = msgspec.structs.replace(SETTINGS, labels=None)
    made = Sketcher(settings, book, numbers.n_partitions, MemoryStores, numbers=numbers)
    source = numbers.source("scored", 0)
    made.assign(source, None)
    made.add(predictions(START_MS)._replace(source=source, number=0, values=[b"{"], offsets=[4]))
    flush = taken(made)
    records = [decode(record, "test") for part in flush.panes.values() for record in part]
    assert all(each.places == parts for each in records)
    assert {mark for each in records for mark in each.watermarks} == {
        Watermark(Source("predictions", 0), 2, None, idle=True, gone=True),
        Watermark(Source("predictions", 1), 2, None, idle=False),
    }
    assert [(mark.source.partition, mark.gone) for each in records for mark in each.intake] == [(1, False), (0, True)]
    (letter,) = flush.dead_letters
    assert (letter.topic, letter.partition, letter.offset) == ("scored", 0, 4)
    assert "(scored-0@4)" in letter.message
    assert source not in numbers.absent
    assert made.watermarks_ms().keys() == {source}, "no figures of what is not read"

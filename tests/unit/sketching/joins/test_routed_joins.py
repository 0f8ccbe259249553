"""Joins over the pending topic: what is held back, what is refused, and how far the joins are said to have come."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.config.settings import Settings
from driftline.errors import FormatError
from driftline.events.source import Kind, Source, Watermark
from driftline.panes.watermarks import Watermarks
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.join_entry import LABEL, NUMBER, JoinRows
from driftline.sketching.joins.joiner import Joiner
from driftline.sketching.joins.pending_block import decode_block, encode_marks
from driftline.sketching.joins.profile_table import ProfileTable
from driftline.sketching.joins.reorder_buffer import ReorderBuffer
from driftline.sketching.joins.routing import ROUTED, destinations, places
from driftline.sketching.joins.waiting.digests import digests_of
from tests.support.pending import MemoryStores

NONE = JoinRows(digests_of([]), np.zeros(0, dtype=LABEL))


def labels(*times: int, partition: int = 0) -> JoinRows:
    records = np.zeros(len(times), dtype=LABEL)
    records["time_ms"] = records["effective_ms"] = times
    records["offset"], records["kind"] = places(partition, np.arange(len(times))), NUMBER
    return JoinRows(digests_of([f"id-{time}" for time in times]), records)


def mark(kind: Kind, partition: int, n: int, time_ms: int | None, *, idle: bool = False) -> Watermark:
    return Watermark(Source(kind, partition), n, time_ms, idle=idle)


class Fed:
    """A feed of joins whose labels' order can be looked at."""

    def __init__(self, resume: bytes = b"") -> None:
        table = ProfileTable(Settings())
        self.stores = MemoryStores()
        self.feed = ReorderBuffer(1, 4, Joiner(ROUTED, table, JoinCounter(1_000, table), self.stores), 100, resume)
        self.given: list[int] = []
        self.feed.joiner.add_labels = self._note  # type: ignore[method-assign]  # what the join is given is watched

    def _note(self, rows: JoinRows) -> None:
        self.given += rows.records["effective_ms"].tolist()

    def take(self, offset: int, rows: JoinRows, *marks: Watermark) -> list[int]:
        self.feed.take(offset, NONE, rows, marks)
        self.feed.settle()
        given, self.given = self.given, []
        return given


def test_rows_wait_for_all_partitions_of_their_topic() -> None:
    fed = Fed()
    assert fed.take(0, labels(500, 150), mark("labels", 0, 2, 480)) == []
    assert fed.take(1, labels(160, 90, partition=1)) == []
    assert fed.take(2, NONE, mark("labels", 1, 2, 250)) == [90, 150, 160]
    assert fed.feed.n_rows == 1
    assert fed.feed.watermark() == Watermark(Source("joins", 1), 4, None, idle=False), "nothing is known of predictions"
    assert fed.take(3, NONE, mark("predictions", 0, 1, 377)) == []
    assert fed.feed.watermark() == Watermark(Source("joins", 1), 4, 200, idle=False, certain_ms=200)


def test_what_an_idle_partition_brings_too_late_is_given_as_it_comes() -> None:
    fed = Fed()
    marks = mark("labels", 0, 2, 300), mark("labels", 1, 2, 10, idle=True)
    assert fed.take(0, labels(150), *marks, mark("predictions", 0, 1, 900)) == [150]
    assert (fed.feed.watermark().time_ms, fed.feed.watermark().certain_ms) == (300, 0), "the idle one may be missed"
    assert fed.take(1, labels(20, 350, partition=1)) == [20]


def test_a_feed_goes_on_from_what_it_kept_with_the_rows_that_waited() -> None:
    fed = Fed()
    fed.take(0, labels(50))
    fed.take(1, labels(150, 450), mark("labels", 0, 1, 210))
    fed.feed.commit()
    again = Fed(fed.stores.resume)
    assert (again.feed.state.first_offset, again.feed.state.next_offset) == (1, 2)
    assert again.take(1, labels(150, 450), mark("labels", 0, 1, 210)) == [], "one was given before, one waits"
    assert again.take(2, NONE, mark("labels", 0, 1, 500)) == [450]


def test_after_an_abort_the_same_blocks_are_given_again() -> None:
    fed = Fed()
    fed.take(0, labels(150))
    fed.feed.commit()
    assert fed.take(1, labels(140), mark("labels", 0, 1, 200)) == [140, 150]
    fed.feed.rollback()
    assert fed.take(1, labels(140), mark("labels", 0, 1, 200)) == [140, 150]


def test_ids_are_spread_evenly_over_any_number_of_partitions() -> None:
    counts = np.bincount(destinations(digests_of([f"p-{i}" for i in range(7_000)]), 7))
    assert counts.size == 7
    assert np.abs(counts - 1_000).max() < 150


def test_blocks_that_were_divided_otherwise_are_refused() -> None:
    block = encode_marks(4, [])
    assert decode_block(block, "t", 4).n_rows == 0
    for n_partitions, expected in ((5, "by ids between 5"), (0, "of a single input")):
        with pytest.raises(FormatError, match=expected):
            decode_block(block, "t-0@3", n_partitions)


def test_joins_close_by_what_they_say_where_inputs_are_repartitioned() -> None:
    marks = Watermarks(with_labels=True, routed=True)
    marks.update([mark("predictions", 0, 1, 900), mark("labels", 0, 1, 800)])
    marks.update([Watermark(Source("joins", 0), 2, 700, idle=False, certain_ms=300)])
    assert [marks.joins] == [None], "one partition of them has not been heard of"
    marks.update([Watermark(Source("joins", 1), 2, 600, idle=False, certain_ms=500)])
    assert [marks.joins, marks.certain_joins, marks.predictions] == [600, 300, 900]

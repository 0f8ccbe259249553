"""Brings repartitioned predictions and labels into an order that nothing but themselves decides.

Blocks of several input partitions lie in the pending topic in whatever order the flushes were committed. A row is held
back until the watermark of its topic, the least of all partitions', has passed its effective time: then no row can come
that belongs before it. Rows are given to the join in the order of effective time, partition and offset. Only rows of
partitions that had been declared idle can come after their turn; they are given as they come.

What was given, and what is held back, is a function of the blocks up to an offset: restoring is reading them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from driftline.events.source import Source, Watermark
from driftline.panes.watermarks import TopicState
from driftline.sketching.joins.join_entry import JoinRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.sketching.joins.joiner import Joiner

Side = Literal["predictions", "labels"]


class ReorderState(Struct, array_like=True):
    """How far the blocks have been taken in; kept with the pending stores."""

    next_offset: int = 0
    """Of the first block that was not."""
    first_offset: int = 0
    """Of the first block with rows that are held back: read again from there."""
    predictions: TopicState = msgspec.field(default_factory=TopicState)
    labels: TopicState = msgspec.field(default_factory=TopicState)


class _Part(NamedTuple):
    """Rows of one block that are held back, and where it stands."""

    offset: int
    rows: JoinRows


_Slices = dict[int, list[_Part]]


class ReorderBuffer:
    """Feeds the join of one partition of the pending topic.

    Rows are given in slices of event time as long as ``slice_ms``; ``resume`` is what :meth:`commit` kept in the
    pending stores, empty at first.

    Notes
    -----
    *State*: the rows held back, in memory, about 100 bytes each: as many as come while the input partition that is
    furthest behind makes up for the lateness and for its distance to the others.
    """

    def __init__(self, partition: int, n_partitions: int, joiner: Joiner, slice_ms: int, resume: bytes = b"") -> None:
        self.joiner = joiner
        self._source = Source("joins", partition)
        self._n_partitions = n_partitions
        self._slice_ms = slice_ms
        self.state = msgspec.msgpack.decode(resume, type=ReorderState) if resume else ReorderState()
        self._slices: dict[Side, _Slices] = {"predictions": {}, "labels": {}}
        self._committed = self._snapshot()

    # --- blocks -------------------------------------------------------------------------------------------------------

    def take(self, offset: int, predictions: JoinRows, labels: JoinRows, marks: Iterable[Watermark]) -> None:
        """Take in one block; of one that was taken in before, hold back what the join was not given."""
        again = offset < self.state.next_offset
        self._hold("predictions", offset, predictions, again=again)
        self._hold("labels", offset, labels, again=again)
        if again:
            return
        self.state.next_offset = offset + 1
        for mark in marks:
            self._topic(mark.source.kind).take(mark)
        self.state.predictions.settle()
        self.state.labels.settle()

    def _hold(self, side: Side, offset: int, rows: JoinRows, *, again: bool) -> None:
        if not rows.records.size:
            return
        until_ms = self._until_ms(side)
        times = rows.records["effective_ms"]
        if until_ms is not None and times.min() < until_ms:
            late = times < until_ms
            if not again:
                self.settle()
                self._give(side, rows.chosen(late))
            rows = rows.chosen(~late)
        slices = rows.records["effective_ms"] // self._slice_ms
        for number in np.unique(slices).tolist():
            part = rows.chosen(slices == number)
            self._slices[side].setdefault(number, []).append(_Part(offset, part))

    def settle(self) -> None:
        """Give the join what nothing can come before any more."""
        for side in ("predictions", "labels"):
            until_ms = self._until_ms(side)
            if until_ms is None:
                continue
            slices, first = self._slices[side], until_ms // self._slice_ms
            due = [part.rows for number in sorted(slices) if number < first for part in slices[number]]
            if due:
                self._give(side, JoinRows.together(due))
                self._slices[side] = {number: parts for number, parts in slices.items() if number >= first}

    def _give(self, side: Side, rows: JoinRows) -> None:
        ordered = rows.chosen(np.lexsort((rows.records["offset"], rows.records["effective_ms"])))
        if side == "predictions":
            self.joiner.add_predictions(ordered)
        else:
            self.joiner.add_labels(ordered)

    def _topic(self, kind: str) -> TopicState:
        return self.state.predictions if kind == "predictions" else self.state.labels

    def _until_ms(self, side: Side) -> int | None:
        """Return the effective time that all rows before have been given, as soon as :meth:`settle` is called."""
        return self._floor(self._topic(side).reached_ms)

    def _floor(self, time_ms: int | None) -> int | None:
        return None if time_ms is None else time_ms - time_ms % self._slice_ms

    # --- the end of a flush -------------------------------------------------------------------------------------------

    def watermark(self) -> Watermark:
        """Return how far the joins have come."""
        until = _least(self._until_ms("predictions"), self._until_ms("labels"))
        certain = _least(*(self._floor(topic.certain_ms()) for topic in (self.state.predictions, self.state.labels)))
        return Watermark(self._source, self._n_partitions, until, idle=False, certain_ms=certain)

    def inputs(self) -> Iterator[int]:
        """Yield the watermark of each input partition that has one and is not idle."""
        for topic in (self.state.predictions, self.state.labels):
            for number, time_ms in topic.times_ms.items():
                if number not in topic.idle and time_ms is not None:
                    yield time_ms

    @property
    def n_rows(self) -> int:
        """Rows that wait for their turn."""
        return sum(part.rows.records.size for part in self._parts())

    def _parts(self) -> Iterator[_Part]:
        return (part for slices in self._slices.values() for parts in slices.values() for part in parts)

    def count_orphans(self) -> None:
        """Count labels whose prediction can no longer come."""
        self.joiner.count_orphans(self._until_ms("predictions"))

    def commit(self, *, counted: bool = True) -> None:
        """Keep what was given, with what is needed to go on; nothing was counted where it was restored."""
        self.state.first_offset = min((part.offset for part in self._parts()), default=self.state.next_offset)
        self._committed = self._snapshot()
        times = self._until_ms("predictions"), self._until_ms("labels")
        commit = self.joiner.commit if counted else self.joiner.restored
        commit(self.state.next_offset, *times, self._committed[0])

    def rollback(self) -> None:
        """Go back to the last commit."""
        state, slices = self._committed
        self.state = msgspec.msgpack.decode(state, type=ReorderState)
        self._slices = _copy(slices)
        self.joiner.rollback()

    def _snapshot(self) -> tuple[bytes, dict[Side, _Slices]]:
        return msgspec.msgpack.encode(self.state), _copy(self._slices)


def _copy(sides: dict[Side, _Slices]) -> dict[Side, _Slices]:
    return {side: {number: [*parts] for number, parts in slices.items()} for side, slices in sides.items()}


def _least(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else min(one, other)

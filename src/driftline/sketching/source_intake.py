"""Counts the records of one source partition, and those that were refused, in spans of the records' own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.times import LATEST_MS
from driftline.panes.intake_record import FirstRefused, IntakeMark, IntakeSpan, OriginRecords, SeenId
from driftline.sketches.origin_table import kept_values
from driftline.sketching.source_clock import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.dead_letter import DeadLetter
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Source
    from driftline.sketches.origin_parts import Dimension

    Ints = NDArray[np.int64]

_MESSAGE: Final = 400
"""Characters of an example's message that are kept, beside its place: an alert is read by people."""
_ID: Final = 80
"""Characters of an id that are kept."""


class _Span:
    __slots__ = ("first", "high", "low", "n_read", "origins", "refused")

    def __init__(self, low: int) -> None:
        self.n_read = 0
        self.refused: dict[str, int] = {}
        self.low = self.high = low
        self.first: FirstRefused | None = None
        self.origins: dict[str, dict[str, list[int]]] = {}
        """Dimension to value to records, refused ones, and the offset of the first of these, -1 without one."""

    def note_origins(self, origins: tuple[Dimension, ...], refused: Sequence[tuple[int, int]]) -> None:
        """Count n records by where they come from, and the refused ones, given by their number and offset."""
        for dimension in origins:
            values = self.origins.setdefault(dimension.name, {})
            present, counts = np.unique(dimension.codes, return_counts=True)
            for code, n in zip(present.tolist(), counts.tolist(), strict=True):
                values.setdefault(dimension.texts[code], [0, 0, -1])[0] += n
            for number, offset in refused:
                tally = values[dimension.texts[int(dimension.codes[number])]]
                tally[1] += 1
                tally[2] = offset if tally[2] < 0 else min(tally[2], offset)

    def by_origin(self) -> dict[str, dict[str, OriginRecords]]:
        """Return the records by where they come from."""
        return {
            name: {
                value: OriginRecords(n, n_refused, None if first < 0 else first)
                for value, (n, n_refused, first) in kept_values(name, values).items()
            }
            for name, values in self.origins.items()
        }


class SourceIntake:
    """What was read of one source partition since the last flush.

    A record's span is that of the greatest time up to it: Kafka's timestamp where it has one, else the event time.
    Records before the first one with a time are in no span.

    Parameters
    ----------
    size_ms : int
        Length of a span.
    reached_ms : int or None
        The greatest time so far, from the metadata of the committed offset.

    Notes
    -----
    *State*: a few numbers a span that the flush touched, and one message. *Cost*: two passes over a batch's timestamps;
    a few more where a record was refused, or a span began.
    """

    def __init__(self, size_ms: int, reached_ms: int | None = None) -> None:
        self._size_ms = size_ms
        self._reached_ms = self._committed_ms = reached_ms
        self._spans: dict[int, _Span] = {}
        self._seen: SeenId | None = None
        self._told = False

    @property
    def reached_ms(self) -> int | None:
        """The greatest time of a record so far."""
        return self._reached_ms

    def advance_to(self, time_ms: int) -> None:
        """Let the clock be here, where no record brought it."""
        self._reached_ms = time_ms

    def add(
        self,
        batch: RecordBatch,
        times_ms: Ints,
        offsets: Ints,
        refused: Sequence[DeadLetter],
        refused_at: Sequence[int] | None = None,
        origins: tuple[Dimension, ...] = (),
    ) -> None:
        """Count a batch, given the event times and offsets of its usable records, and what became of the others.

        ``refused_at`` are the offsets of the records with which others were refused, where those are not their own.
        ``origins`` say where the records come from.
        """
        stamps = batch.timestamps_ms
        newest = max(stamps)
        if not refused and min(stamps) >= 0 and newest <= LATEST_MS:
            before = stamps[0] if self._reached_ms is None else max(self._reached_ms, stamps[0])
            reached = max(before, newest)
            start = reached - reached % self._size_ms
            if before >= start:
                self._count(start, len(stamps), batch.offsets[0], batch.offsets[-1])
                self._spans[start].note_origins(origins, ())
                self._reached_ms = reached
                return
        at = [letter.offset for letter in refused] if refused_at is None else refused_at
        letters = [*zip(at, refused, strict=True)]
        self._add_each(np.array(stamps, dtype=np.int64), batch, times_ms, offsets, letters, origins)

    def _add_each(
        self,
        stamps: Ints,
        batch: RecordBatch,
        times_ms: Ints,
        offsets: Ints,
        refused: Sequence[tuple[int, DeadLetter]],
        origins: tuple[Dimension, ...],
    ) -> None:
        every = np.array(batch.offsets, dtype=np.int64)
        own = np.full(every.size, BEGINNING, dtype=np.int64)
        own[np.searchsorted(every, offsets)] = times_ms
        own = np.where((stamps >= 0) & (stamps <= LATEST_MS), stamps, own)
        start = BEGINNING if self._reached_ms is None else self._reached_ms
        reached = np.maximum.accumulate(np.maximum(own, start))
        spans = reached - reached % self._size_ms
        known = np.flatnonzero(reached > BEGINNING)
        if not known.size:
            return
        self._reached_ms = int(reached[-1])
        starts, firsts, counts = np.unique(spans[known], return_index=True, return_counts=True)
        for span, first, n in zip(starts.tolist(), (known[0] + firsts).tolist(), counts.tolist(), strict=True):
            self._count(span, n, batch.offsets[first], batch.offsets[first + n - 1])
        places = np.searchsorted(every, [at for at, _ in refused]).tolist()
        for (_, letter), place in zip(refused, places, strict=True):
            if reached[place] > BEGINNING:
                self._refuse(self._spans[int(spans[place])], letter)
        if origins:
            letters = [(place, letter.offset) for (_, letter), place in zip(refused, places, strict=True)]
            for span, first, n in zip(starts.tolist(), (known[0] + firsts).tolist(), counts.tolist(), strict=True):
                within_span = tuple(each._replace(codes=each.codes[first : first + n]) for each in origins)
                within = [(place - first, offset) for place, offset in letters if first <= place < first + n]
                self._spans[span].note_origins(within_span, within)

    def _count(self, start_ms: int, n: int, low: int, high: int) -> None:
        span = self._spans.get(start_ms)
        if span is None:
            span = self._spans[start_ms] = _Span(low)
        span.n_read += n
        span.high = high

    @staticmethod
    def _refuse(span: _Span, letter: DeadLetter) -> None:
        span.refused[letter.reason] = span.refused.get(letter.reason, 0) + 1
        if span.first is None:
            place = f" ({letter.topic}-{letter.partition}@{letter.offset})"
            text = _cut(letter.message.removesuffix(place), _MESSAGE)
            span.first = FirstRefused(letter.offset, f"{text}{place}")

    def see(self, ids: Sequence[str], effective_ms: Ints, offsets: Ints) -> None:
        """Keep the first id that is seen at all; n of them, n >= 1, in the order of their offsets."""
        if self._seen is None:
            self._seen = SeenId(int(offsets[0]), int(effective_ms[0]), _cut(ids[0], _ID))

    def mark(self, source: Source, n_partitions: int, *, idle: bool) -> IntakeMark:
        """Return what the next flush says."""
        spans = [
            IntakeSpan(
                start,
                span.n_read,
                dict(sorted(span.refused.items())),
                (span.low, span.high),
                span.first,
                span.by_origin(),
            )
            for start, span in sorted(self._spans.items())
        ]
        return IntakeMark(source, n_partitions, self._reached_ms, idle, spans, None if self._told else self._seen)

    def committed(self) -> None:
        """Make what was read final."""
        self._committed_ms = self._reached_ms
        self._told = self._seen is not None
        self._spans.clear()

    def aborted(self) -> None:
        """Forget what was read since the last commit."""
        self._reached_ms = self._committed_ms
        self._seen = self._seen if self._told else None
        self._spans.clear()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

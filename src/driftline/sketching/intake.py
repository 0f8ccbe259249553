"""From records to events: decoding, event time, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.dead_letter import DeadLetter
from driftline.events.label import LabelColumns
from driftline.events.prediction import PredictionColumns, in_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.events.label import Label, LabelDecoder
    from driftline.events.prediction import Prediction, PredictionDecoder
    from driftline.events.record_batch import RecordBatch


_RUN: Final = 1_000
"""Records decoded together; one that is to be refused sends as many through the decoder twice."""

Event = TypeVar("Event", "Prediction", "Label")
Columns = TypeVar("Columns", PredictionColumns, LabelColumns)
Events = TypeVar("Events")


class Intake(NamedTuple, Generic[Events]):
    """The events of a batch, n of them, and the records that held none; every array has the shape (n,)."""

    events: Events
    """A list of them, or their columns."""
    times_ms: NDArray[np.int64]
    offsets: NDArray[np.int64]
    refused: list[DeadLetter]


def take_in(batch: RecordBatch, decode: Callable[[bytes], Event], max_future_ms: int) -> Intake[list[Event]]:
    """Decode a batch; a record that cannot be used becomes a dead letter."""
    events, times, offsets, refused = [], [], [], []
    raw_values = batch.values if batch.raw_values is None else batch.raw_values
    for value, raw, offset, stamp in zip(batch.values, raw_values, batch.offsets, batch.timestamps_ms, strict=True):
        try:
            event = decode(value)  # type: ignore[arg-type]  # None is a dead letter
            times.append(_event_time(event.ts_ms, stamp, max_future_ms))
        except EventError as error:
            refused.append(_dead_letter(error, batch, offset, raw))
            continue
        events.append(event)
        offsets.append(offset)
    return Intake(events, np.array(times, dtype=np.int64), np.array(offsets, dtype=np.int64), refused)


def take_in_predictions(batch: RecordBatch, decode: PredictionDecoder, max_future_ms: int) -> Intake[PredictionColumns]:
    """Decode a batch as :func:`take_in` does: run by run, and record by record only where one is to be refused."""
    return _by_runs(batch, decode, decode.columns, PredictionColumns, max_future_ms)


def take_in_labels(batch: RecordBatch, decode: LabelDecoder, max_future_ms: int) -> Intake[LabelColumns]:
    """Decode a batch of labels as :func:`take_in_predictions` does."""
    return _by_runs(batch, decode, decode.columns, LabelColumns, max_future_ms)


def _by_runs(
    batch: RecordBatch,
    decode: Callable[[bytes], Any],
    columns: Callable[[list[bytes | None]], Columns | None],
    kind: type[Columns],
    max_future_ms: int,
) -> Intake[Columns]:
    parts: list[Intake[Columns]] = []
    for start in range(0, len(batch.values), _RUN):
        run = slice(start, start + _RUN)
        part = batch.part(run)
        taken = _take_run(part, columns(part.values), max_future_ms)
        if taken is None:
            events, times, offsets, refused = take_in(part, decode, max_future_ms)
            taken = Intake(kind.of(events), times, offsets, refused)
        parts.append(taken)
    if len(parts) == 1:
        return parts[0]
    return Intake(
        kind.joined([part.events for part in parts]),
        np.concatenate([part.times_ms for part in parts]),
        np.concatenate([part.offsets for part in parts]),
        [letter for part in parts for letter in part.refused],
    )


def _take_run(batch: RecordBatch, events: Columns | None, max_future_ms: int) -> Intake[Columns] | None:
    """Return the events of records of which none is to be refused, or None."""
    if events is None:
        return None
    offsets = np.array(batch.offsets, dtype=np.int64)
    if None in events.ts_ms:
        try:
            at = zip(events.ts_ms, batch.timestamps_ms, strict=True)
            times = np.array([_event_time(ts, stamp, max_future_ms) for ts, stamp in at], dtype=np.int64)
        except EventError:
            return None
        return Intake(events, times, offsets, [])
    times = np.array(events.ts_ms, dtype=np.int64)
    stamps = np.array(batch.timestamps_ms, dtype=np.int64)
    if ((stamps >= 0) & (stamps < times - max_future_ms)).any():
        return None
    return Intake(events, times, offsets, [])


def _dead_letter(error: EventError, batch: RecordBatch, offset: int, value: bytes | None) -> DeadLetter:
    message = f"{error} ({batch.topic}-{batch.source.partition}@{offset})"
    return DeadLetter(error.reason, message, batch.topic, batch.source.partition, offset, value or b"")


def _event_time(ts_ms: int | None, stamp_ms: int, max_future_ms: int) -> int:
    """Return the event time of a record.

    Raises
    ------
    EventError
        When it is too far past the record's Kafka timestamp: everything after it would be late. Or when the Kafka
        timestamp has to serve, and is none that windows can be made of.
    """
    if ts_ms is None:
        if stamp_ms < 0:
            message = "Expected a field `ts` or a Kafka timestamp, got neither - at `$.ts`"
            raise EventError(reasons.MISSING_FIELD, message)
        return in_range(stamp_ms)
    if 0 <= stamp_ms < ts_ms - max_future_ms:
        message = (
            f"Expected a time at most {max_future_ms} ms after the record's own {stamp_ms}, got {ts_ms} - at `$.ts`"
        )
        raise EventError(reasons.FUTURE, message)
    return ts_ms

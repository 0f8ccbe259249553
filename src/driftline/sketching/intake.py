"""From records to events: decoding, event time, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, Union

import numpy as np

from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.dead_letter import DeadLetter
from driftline.events.label import LabelColumns
from driftline.events.prediction import PredictionColumns
from driftline.events.time_columns import are_plausible
from driftline.events.times import in_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.label import LabelDecoder
    from driftline.events.prediction import PredictionDecoder
    from driftline.events.record_batch import RecordBatch
    from driftline.events.record_reader import Mapped


_RUN: Final = 1_000
"""Records decoded together; one that is odd sends as many through the decoder twice."""
_FEW: Final = 50
"""Of these, the ones that are looked at closely with an odd one."""

Decoder = Union["PredictionDecoder", "LabelDecoder"]

Columns = TypeVar("Columns", PredictionColumns, LabelColumns)
Events = TypeVar("Events")


class Intake(NamedTuple, Generic[Events]):
    """The events of a batch, n of them, and the records that held none; every array has the shape (n,)."""

    events: Events
    """Their columns."""
    times_ms: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """Of their records, ascending; events of one record share it."""
    refused: list[DeadLetter]
    skipped: Sequence[int] = ()
    """Offsets of the records that are not meant, by the configured ``where``."""


def no_intake(kind: type[Columns]) -> Intake[Columns]:
    """Return the intake of no records."""
    nothing = np.empty(0, dtype=np.int64)
    return Intake(kind.of([]), nothing, nothing, [])


def take_in_predictions(batch: RecordBatch, decode: PredictionDecoder, max_future_ms: int) -> Intake[PredictionColumns]:
    """Decode a batch run by run; a record that cannot be used becomes a dead letter."""
    return _by_runs(batch, decode, PredictionColumns, max_future_ms)


def take_in_labels(batch: RecordBatch, decode: LabelDecoder, max_future_ms: int) -> Intake[LabelColumns]:
    """Decode a batch of labels as :func:`take_in_predictions` does."""
    return _by_runs(batch, decode, LabelColumns, max_future_ms)


def _by_runs(batch: RecordBatch, decode: Decoder, kind: type[Columns], max_future_ms: int) -> Intake[Columns]:
    parts: list[Intake[Columns]] = []
    for start in range(0, len(batch.values), _RUN):
        part = batch if len(batch.values) <= _RUN else batch.part(slice(start, start + _RUN))
        parts += _take(part, decode, kind, max_future_ms, _FEW)
    if len(parts) == 1:
        return parts[0]
    return Intake(
        kind.joined([part.events for part in parts]),
        np.concatenate([part.times_ms for part in parts]),
        np.concatenate([part.offsets for part in parts]),
        [letter for part in parts for letter in part.refused],
        [offset for part in parts for offset in part.skipped],
    )


def _take(
    batch: RecordBatch, decode: Decoder, kind: type[Columns], max_future_ms: int, few: int
) -> list[Intake[Columns]]:
    """Return the events of records in parts: where one is odd, the others near it are looked at closely too."""
    typed = decode.is_typed and batch.documents is None
    columns: Any = decode.columns(batch.values) if typed else None
    taken = _take_run(batch, columns, max_future_ms)
    if taken is not None:
        return [taken]
    n = len(batch.values)
    if typed and n > few:
        parts = (batch.part(slice(start, start + few)) for start in range(0, n, few))
        return [each for part in parts for each in _take(part, decode, kind, max_future_ms, few)]
    return [_take_closely(batch, decode.closely(batch), kind, max_future_ms)]


def _take_closely(batch: RecordBatch, found: Mapped, kind: type[Columns], max_future_ms: int) -> Intake[Columns]:
    """Return the events of records of which some may be refused."""
    events, problems = kind(*found.columns), dict(found.problems)
    owners = np.array(found.owners, dtype=np.int64)
    stamps = np.array(batch.timestamps_ms, dtype=np.int64)[owners]
    times = None if None in events.ts_ms else np.array(events.ts_ms, dtype=np.int64)
    if times is None or _too_far(times, stamps, max_future_ms):
        kept, times = _timely(events.ts_ms, found.owners, batch.timestamps_ms, max_future_ms, problems)
        events, owners = events.chosen(kept), owners[kept]
    offsets = np.array(batch.offsets, dtype=np.int64)[owners]
    refused = [_dead_letter(problem, batch, record) for record, problem in sorted(problems.items())]
    skipped = [batch.offsets[record] for record in found.skipped]
    return Intake(events, times, offsets, refused, skipped)


def _timely(
    ts_ms: Sequence[int | None],
    owners: Sequence[int],
    stamps_ms: Sequence[int],
    max_future_ms: int,
    problems: dict[int, EventError],
) -> tuple[list[int], NDArray[np.int64]]:
    """Return which events have a time that can be used, and these times; why not is noted under the record's number."""
    times: list[int] = []
    kept: list[int] = []
    for event, (ts, owner) in enumerate(zip(ts_ms, owners, strict=True)):
        try:
            times.append(_event_time(ts, stamps_ms[owner], max_future_ms))
            kept.append(event)
        except EventError as error:
            problems.setdefault(owner, error)
    return kept, np.array(times, dtype=np.int64)


def _too_far(times_ms: NDArray[np.int64], stamps_ms: NDArray[np.int64], max_future_ms: int) -> bool:
    """Whether one of the times is too far past its record's Kafka timestamp."""
    return bool(((stamps_ms >= 0) & (stamps_ms < times_ms - max_future_ms)).any())


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
    if _too_far(times, stamps, max_future_ms) or not are_plausible(times, stamps):
        return None
    return Intake(events, times, offsets, [])


def _dead_letter(error: EventError, batch: RecordBatch, record: int) -> DeadLetter:
    offset, value = batch.offsets[record], (batch.values if batch.raw_values is None else batch.raw_values)[record]
    message = f"{error} ({batch.place}@{offset})"
    return DeadLetter(error.reason, message, batch.topic, batch.partition, offset, value or b"")


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

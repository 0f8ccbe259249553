"""From parsed records of any shape to columns of predictions and of labels, by a configured mapping.

A mapper is made once of the configuration. It takes a batch field by field: what stands there in all records first, and
then what that means for the event. Only an id, a model or a time that cannot be read refuses a prediction.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from driftline.config.field_places import FeaturesAt, FromHeader, LatencyAt, ScoreAt, TimeAt
from driftline.errors import EventError
from driftline.events.dead_letter import EMPTY, INVALID_TYPE
from driftline.events.documents import ABSENT, ROW, Documents, location, path_of, readable
from driftline.events.feature_objects import FeatureObjects
from driftline.events.field_columns import Column, Records, column_of, in_rows
from driftline.events.identity import MAX_ID, MAX_NAME, identifier, model_name, plain_texts, read_each, version_name
from driftline.events.json_type import name_of
from driftline.events.operation_fields import operation_places, operation_rows, without_absent
from driftline.events.outcomes import plain_outcomes, predictions, scores, true_outcome, weight_of
from driftline.events.plain_mapping import pointers_of
from driftline.events.table_reader import TableReader
from driftline.events.time_columns import whole_times
from driftline.events.times import TimeForm, read_time
from driftline.events.where import matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import Place, Where
    from driftline.config.record_forms import TableAt
    from driftline.config.settings import LabelFields, PredictionFields
    from driftline.events.record_batch import RecordBatch

_NO_SEGMENTS: Final = b""
_NOT_FEATURES: Final = frozenset(("segments", "latency_ms", "error"))
"""Fields of the public schema that are no features, where the record itself is the features object."""


class Mapped(NamedTuple):
    """What n records hold."""

    columns: tuple[Sequence[Any], ...]
    """The fields of m events, m values each."""
    owners: Sequence[int]
    """The record of each event, shape (m,)."""
    problems: dict[int, EventError]
    """Why records, or rows in them, were refused, by the number of the record."""
    skipped: Sequence[int]
    """The numbers of the records that are not meant, or have an empty list of rows."""


class Read(NamedTuple):
    """The events of a batch before their fields are looked at."""

    records: Records
    owners: Sequence[int]
    """The record of each event."""
    rows: Sequence[int] | None
    """The number of each event in its record, where records hold many."""
    problems: dict[int, EventError]
    """By the number of the record."""
    skipped: Sequence[int]

    def at(self, column: Column) -> Callable[[int], str]:
        """Return where a field of an event stands, for messages."""
        return lambda event: column.at(None if self.rows is None else self.rows[event])


class RecordReader:
    """Takes batches apart into events: chooses the records that are meant, and the rows in them."""

    def __init__(
        self, rows: str | None, where: Where | None, *, lists: bool, tables: Sequence[str | TableAt] = ()
    ) -> None:
        self._rows = None if rows is None else path_of(rows, None)
        self._tables = TableReader(tables)
        self._matches = None if where is None else matcher(where)
        self._lists = lists or self._rows is not None

    def __call__(self, batch: RecordBatch, documents: Sequence[object], problems: dict[int, EventError]) -> Read:
        """Return the events of a batch, given its parsed values and why some could not be parsed."""
        numbers: Sequence[int] = range(len(documents))
        documents = readable(documents, batch.values, problems, lists=self._lists)
        skipped: Sequence[int] = ()
        if self._matches is not None:
            meant = self._matches(documents, batch.headers)
            for number in [number for number, error in problems.items() if error.reason == EMPTY]:
                del problems[number]  # a record without a value has no field that says that it is meant
            skipped = [number for number in numbers if not meant[number] and number not in problems]
            numbers = [number for number in numbers if meant[number]]
        numbers = [number for number in numbers if number not in problems] if problems else numbers
        chosen = _chosen(numbers, len(batch.values))
        chosen_documents = chosen(documents)
        tables, odd = self._tables(chosen_documents)
        problems.update((numbers[record], error) for record, error in odd.items())
        walked = Documents(chosen_documents, self._rows, tables)
        records = Records(
            walked,
            batch.topic,
            chosen(batch.timestamps_ms),
            None if batch.keys is None else chosen(batch.keys),
            None if batch.headers is None else chosen(batch.headers),
        )
        if walked.owners is None:
            return Read(records, numbers, None, problems, skipped)
        for number, rows in zip(numbers, walked.row_lists, strict=True):
            if not isinstance(rows, list) and number not in problems:
                at = location(self._rows or ())
                got = "a record without it" if rows is ABSENT else name_of(rows)
                problems[number] = EventError(INVALID_TYPE, f"Expected a list of rows, got {got} - at `{at}`")
        empty = [number for number, rows in zip(numbers, walked.row_lists, strict=True) if rows == []]
        skipped = sorted([*skipped, *(number for number in empty if number not in problems)])
        return Read(records, [numbers[owner] for owner in walked.owners], walked.numbers, problems, skipped)


def _chosen(numbers: Sequence[int], n: int) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(numbers) == n:
        return lambda values: values
    return lambda values: [values[number] for number in numbers]


class TimeReader:
    """Reads the times of events; None where the record has none."""

    def __init__(self, place: str | TimeAt, rows: str | None) -> None:
        at = TimeAt(pointer=place) if isinstance(place, str) else place
        self.column = _time_column(at, rows)
        self._form = TimeForm(at.unit, at.format, self.column.configured)

    def __call__(self, read: Read, problems: dict[int, EventError]) -> Sequence[int | None]:
        """Return times in epoch milliseconds; why one cannot be read is noted under the event's number."""
        values = self.column.take(read.records)
        stamps = read.records.documents.spread(read.records.stamps_ms)
        whole = whole_times(values, self._form.unit, stamps)
        if whole is not None:
            return whole
        at = read.at(self.column)
        times: list[int | None] = []
        for event, (value, stamp) in enumerate(zip(values, stamps, strict=True)):
            try:
                absent = value is None or value is ABSENT
                times.append(None if absent else read_time(value, self._form, stamp, at(event)))
            except EventError as error:
                problems.setdefault(event, error)
                times.append(None)
        return times


def _time_column(at: TimeAt, rows: str | None) -> Column:
    if at.pointer is not None:
        return column_of(at.pointer, rows)
    return column_of(FromHeader(at.header or ""))


class IdReader:
    """Reads the ids of events; those of rows without ids of their own are numbered."""

    def __init__(self, place: Place, rows: str | None) -> None:
        self._column = column_of(place, rows)
        self._numbered = rows is not None and not in_rows(self._column)

    def __call__(self, read: Read, problems: dict[int, EventError]) -> Sequence[str]:
        """Return ids as text; why one cannot be read is noted under the event's number."""
        ids = self._column.take(read.records)
        if not plain_texts(ids, 1, MAX_ID):
            ids = read_each(ids, identifier, read.at(self._column), problems)
        if not self._numbered or read.rows is None:
            return ids
        return [f"{prediction_id}#{row}" for prediction_id, row in zip(ids, read.rows, strict=True)]


class PredictionFieldsMapper:
    """Maps the fields of predictions: ids, models, versions, times, features, outcomes, scores and segments.

    Parameters
    ----------
    fields : PredictionFields
        Where each field stands.
    with_segments : bool
        Whether anybody asks for segments; they are left empty otherwise.
    """

    def __init__(self, fields: PredictionFields, *, with_segments: bool) -> None:
        rows = fields.rows
        self._ids, self._times = IdReader(fields.prediction_id, rows), TimeReader(fields.ts, rows)
        self._model, self._version = column_of(fields.model, rows), column_of(fields.model_version, rows)
        self._prediction = column_of(fields.prediction, rows)
        self._score_at = fields.score if isinstance(fields.score, ScoreAt) else None
        self._score = column_of(fields.score if isinstance(fields.score, str) else fields.score.pointer, rows)
        features = fields.features if isinstance(fields.features, FeaturesAt) else FeaturesAt(fields.features)
        self._features = column_of(features.pointer, rows)
        whole = fields.features == "" and rows is None
        others = frozenset() if whole else names_mapped_in_features(fields)
        self._as_features = FeatureObjects(features, others | set(features.without))
        self._segments = _segment_columns(fields, rows) if with_segments else None
        self._operations = {
            name: column_of(place.pointer if isinstance(place, LatencyAt) else place, rows)
            for name, place in operation_places(fields).items()
        }

    def __call__(self, read: Read, problems: dict[int, EventError]) -> tuple[Sequence[Any], ...]:
        """Return the fields in the order of :class:`~driftline.events.prediction.PredictionColumns`, m values each.

        Why an event is refused is noted under its number.
        """
        if not read.records.documents.n:
            return ((),) * 9
        ids = self._ids(read, problems)
        models = self._model.take(read.records)
        if not plain_texts(models, 1, MAX_NAME):
            models = read_each(models, model_name, read.at(self._model), problems)
        versions = self._version.take(read.records)
        if not plain_texts(versions, 0, MAX_NAME):
            versions = read_each(versions, version_name, read.at(self._version), problems)
        times = self._times(read, problems)
        features = self._as_features(self._features.take(read.records), read.at(self._features), problems)
        outcomes = predictions(self._prediction.take(read.records))
        found = self._score.take(read.records)
        probabilities = scores(found) if self._score_at is None else scores(found, self._score_at)
        columns = {name: without_absent(column.take(read.records)) for name, column in self._operations.items()}
        told = operation_rows(columns, read.records.documents.n)
        return ids, models, versions, times, features, outcomes, probabilities, self._segments_of(read), told

    def _segments_of(self, read: Read) -> Sequence[bytes]:
        if self._segments is None:
            return (_NO_SEGMENTS,) * read.records.documents.n
        if isinstance(self._segments, Column):
            return [_json(value) for value in self._segments.take(read.records)]
        names = [*self._segments]
        columns = [column.take(read.records) for column in self._segments.values()]
        return [
            _json({name: value for name, value in zip(names, values, strict=True) if value is not ABSENT})
            for values in zip(*columns, strict=True)
        ]


class LabelFieldsMapper:
    """Maps the fields of labels: ids, outcomes, times and weights."""

    def __init__(self, fields: LabelFields) -> None:
        rows = fields.rows
        self._ids, self._times = IdReader(fields.prediction_id, rows), TimeReader(fields.ts, rows)
        self._label = column_of(fields.label, rows)
        self._weight = None if fields.weight is None else column_of(fields.weight, rows)

    def __call__(self, read: Read, problems: dict[int, EventError]) -> tuple[Sequence[Any], ...]:
        """Return the fields in the order of :class:`~driftline.events.label.LabelColumns`, m values each.

        Why an event is refused is noted under its number.
        """
        if not read.records.documents.n:
            return ((),) * 4
        ids = self._ids(read, problems)
        labels = self._label.take(read.records)
        if not plain_outcomes(labels):
            labels = read_each(labels, true_outcome, read.at(self._label), problems)
        times = self._times(read, problems)
        weights: Sequence[float | None] = (None,) * len(ids)
        if self._weight is not None:
            weights = read_each(self._weight.take(read.records), weight_of, read.at(self._weight), problems)
        return ids, labels, times, weights


def mapped(read: Read, columns: tuple[Sequence[Any], ...], problems: dict[int, EventError]) -> Mapped:
    """Return the events of a batch without those that were refused, of which each record keeps the first problem."""
    if not problems:
        return Mapped(columns, read.owners, read.problems, read.skipped)
    kept = [event for event in range(len(read.owners)) if event not in problems]
    refused: dict[int, list[EventError]] = {}
    for event, error in sorted(problems.items()):
        refused.setdefault(read.owners[event], []).append(error)
    found = dict(read.problems)
    n_rows = None if read.rows is None else Counter(read.owners)
    for owner, errors in refused.items():
        found[owner] = errors[0] if n_rows is None else _of_rows(errors, n_rows[owner])
    return Mapped(
        tuple([column[event] for event in kept] for column in columns),
        [read.owners[event] for event in kept],
        found,
        read.skipped,
    )


def _of_rows(errors: list[EventError], n_rows: int) -> EventError:
    """Return the problem of a record of which some rows were refused."""
    return EventError(errors[0].reason, f"{errors[0]}; {len(errors)} of its {n_rows} rows are refused")


def _segment_columns(fields: PredictionFields, rows: str | None) -> Column | dict[str, Column]:
    if isinstance(fields.segments, str):
        return column_of(fields.segments, rows)
    return {name: column_of(place, rows) for name, place in fields.segments.items()}


def _json(value: object) -> bytes:
    """Return an object of segments as JSON; empty bytes where it is none, or cannot be written."""
    if not isinstance(value, dict):
        return _NO_SEGMENTS
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (RecursionError, ValueError, TypeError):  # nested too deeply, or half of a surrogate pair
        return _NO_SEGMENTS


def names_mapped_in_features(fields: PredictionFields) -> frozenset[str]:
    """Return the names in the features object that lead to other mapped fields, and are no features.

    Values of segments that are mapped one by one stay features.

    Examples
    --------
    >>> from driftline.config.settings import PredictionFields
    >>> sorted(names_mapped_in_features(PredictionFields(features="/row", ts="/row/at", score="/row/out/p")))
    ['at', 'out']
    """
    features = fields.features if isinstance(fields.features, FeaturesAt) else FeaturesAt(fields.features)
    base = path_of(features.pointer, fields.rows)
    names = set(_NOT_FEATURES) if base == () else set()
    for name in fields.__struct_fields__:
        if name in ("features", "rows", "tables") or (name == "segments" and not isinstance(fields.segments, str)):
            continue
        for pointer in pointers_of(getattr(fields, name)):
            path = path_of(pointer, fields.rows)
            if len(path) > len(base) and path[: len(base)] == base and path[len(base)] is not ROW:
                names.add(str(path[len(base)]))
    return frozenset(names)

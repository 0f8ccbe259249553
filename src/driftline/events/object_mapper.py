"""From parsed records of any shape to columns of predictions and of labels, by a configured mapping.

A mapper is made once of the configuration. It takes a batch field by field: what stands there in all records first, and
then what that means for the event. Only an id, a model or a time that cannot be read refuses a prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.config.field_places import FeaturesAt, FromHeader, LatencyAt, ScoreAt, TimeAt
from driftline.errors import EventError
from driftline.events.documents import ABSENT
from driftline.events.feature_objects import FeatureObjects
from driftline.events.field_columns import Column, column_of, in_rows
from driftline.events.identity import MAX_ID, MAX_NAME, identifier, model_name, plain_texts, read_each, version_name
from driftline.events.operation_fields import operation_places, operation_rows, without_absent
from driftline.events.outcomes import plain_outcomes, predictions, scores, true_outcome, weight_of
from driftline.events.time_columns import whole_times
from driftline.events.times import TimeForm, read_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.field_places import Place
    from driftline.config.input_settings import LabelFields, PredictionFields
    from driftline.events.record_reader import Read

_NO_SEGMENTS: Final = b""


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
        self._as_features = FeatureObjects(features)
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

"""Label events: the true outcome of a prediction, perhaps much later."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from driftline.errors import EventError
from driftline.events.dead_letter import MISSING_FIELD
from driftline.events.documents import parsed_values
from driftline.events.field_columns import asks_for
from driftline.events.identity import ids_as_text
from driftline.events.mapping import MappedDecoder
from driftline.events.object_mapper import LabelFieldsMapper, Mapped, RecordReader, mapped
from driftline.events.outcomes import ClassOrNumber, is_weight
from driftline.events.plain_mapping import is_plain, record_pointers
from driftline.events.prediction import AnyIdentifier, Identifier, Timestamp, epoch_times
from driftline.events.record_batch import one_record
from driftline.events.times import implausible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.field_places import Where
    from driftline.config.settings import LabelFields
    from driftline.events.record_batch import RecordBatch


class LabelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A label event with the default field names; the public schema."""

    prediction_id: Identifier
    label: ClassOrNumber | None = None
    """A second label for the same prediction corrects the first; null retracts it."""
    weight: float | None = None
    """Weight of the label, at least 0; read if the mapping names it."""
    ts: Timestamp | None = None
    """RFC 3339 or epoch milliseconds; the record's Kafka timestamp if absent."""


class Label(NamedTuple):
    """What one record says."""

    prediction_id: str
    label: ClassOrNumber | None
    ts_ms: int | None
    weight: float | None = None


class LabelColumns(NamedTuple):
    """What n records say; attributes as in :class:`Label`, each of n values."""

    prediction_ids: Sequence[str]
    labels: Sequence[ClassOrNumber | None]
    ts_ms: Sequence[int | None]
    weights: Sequence[float | None]

    def chosen(self, rows: Sequence[int]) -> LabelColumns:
        """Return some of the rows."""
        return LabelColumns(*([column[row] for row in rows] for column in self))  # type: ignore[arg-type]

    @classmethod
    def joined(cls, parts: Sequence[LabelColumns]) -> LabelColumns:
        """Return the records of all parts, one part after the other."""
        return cls(*([*chain.from_iterable(columns)] for columns in zip(*parts, strict=True)))

    @classmethod
    def of(cls, events: Sequence[Label]) -> LabelColumns:
        """Return events by column."""
        return cls(*zip(*events, strict=True)) if events else cls((), (), (), ())


class LabelDecoder:
    """Decodes label records by a field mapping, as :class:`~driftline.events.prediction.PredictionDecoder` does."""

    def __init__(self, fields: LabelFields, *, where: Where | None = None) -> None:
        self._typed = _typed(fields) if is_plain(fields, where) else None
        lists = any(pointer[1:2].isdecimal() for pointer in record_pointers(fields))
        self._read = RecordReader(fields.rows, where, lists=lists, tables=fields.tables)
        self._map = LabelFieldsMapper(fields)
        self.asks_for = asks_for([where, *(getattr(fields, name) for name in fields.__struct_fields__)])
        """Which of ``keys`` and ``headers`` batches must have."""
        self.is_typed = self._typed is not None
        """Whether plain JSON is decoded in one typed pass."""

    def __call__(self, value: bytes | None) -> Label:
        """Decode one record in JSON that has no key and no headers; of many rows, the first.

        Raises
        ------
        EventError
            With the reason code for the dead letter.
        """
        columns = self.columns((value,))
        if columns is None or implausible(columns.ts_ms[0]):
            found = self.closely(one_record("labels", value))
            for problem in found.problems.values():
                raise problem
            if not found.owners:
                raise EventError(MISSING_FIELD, "Expected a label, got a record without one - at `$`")
            columns = LabelColumns(*found.columns)
        return Label(*next(zip(*columns, strict=True)))

    def columns(self, values: Sequence[bytes | None]) -> LabelColumns | None:
        """Decode n records of JSON together, n >= 1; None where they need a closer look."""
        columns = None if self._typed is None else self._typed.columns(values)
        if columns is None:
            return None
        ids, labels, ts, *weighted = columns
        weights: Sequence[float | None] = weighted[0] if weighted else (None,) * len(ids)
        if weighted and not all(map(is_weight, weights)):
            return None
        if float in set(map(type, labels)) and not all(
            math.isfinite(label) for label in labels if type(label) is float
        ):
            return None
        try:
            return LabelColumns(ids_as_text(ids), labels, epoch_times(ts), weights)
        except EventError:
            return None

    def closely(self, batch: RecordBatch) -> Mapped:
        """Decode a batch of records of any kind; the columns are those of :class:`LabelColumns`."""
        documents, unreadable = parsed_values(batch)
        read = self._read(batch, documents, unreadable)
        problems: dict[int, EventError] = {}
        return mapped(read, self._map(read, problems), problems)


def _typed(fields: LabelFields) -> MappedDecoder:
    types: dict[str, tuple[Any, object, bool]] = {
        "prediction_id": (fields.prediction_id, AnyIdentifier, True),
        "label": (fields.label, ClassOrNumber, False),
        "ts": (fields.ts, Timestamp, False),
    }
    if fields.weight is not None:
        types["weight"] = (fields.weight, float | None, False)
    return MappedDecoder(types)

"""Label events: the true outcome of a prediction, perhaps much later."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from driftline.errors import EventError
from driftline.events.event_decoder import EventDecoder, Form
from driftline.events.identity import ids_as_text
from driftline.events.object_mapper import LabelFieldsMapper
from driftline.events.outcomes import ClassOrNumber, is_weight
from driftline.events.plain_mapping import is_plain
from driftline.events.prediction import CLASS, IDENTIFIER, TIME, Identifier, Timestamp, epoch_times
from driftline.events.record_reader import in_order
from driftline.events.retractions import Retractions
from driftline.events.typed_decoder import FieldType, TypedDecoder
from driftline.native.record_columns import FieldKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import Where
    from driftline.config.input_settings import LabelFields, LabelInput
    from driftline.events.record_batch import RecordBatch
    from driftline.events.record_reader import Mapped


_WEIGHT: Final = FieldType(float | None, FieldKind.NUMBER)


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


class LabelDecoder(EventDecoder[LabelColumns, Label]):
    """Decodes label records by a field mapping, as :class:`~driftline.events.event_decoder.EventDecoder` says.

    Parameters
    ----------
    fields : LabelFields
        Where each field stands.
    where : Where, optional
        Which records are labels; all of them by default.
    retract : bool
        Whether a record with a key and a null value takes back the label of the id in the key.
    """

    def __init__(self, fields: LabelFields, *, where: Where | None = None, retract: bool = False) -> None:
        typed = _typed_labels(fields) if is_plain(fields, where) else None
        self._retractions = Retractions(fields.prediction_id) if retract else None
        super().__init__(
            Form("labels", "label", LabelColumns, Label),
            fields,
            where,
            typed,
            LabelFieldsMapper(fields),
            also=() if self._retractions is None else (self._retractions.place,),
        )

    @classmethod
    def of(cls, labels: LabelInput) -> LabelDecoder:
        """Return the decoder of a configured topic."""
        return cls(labels.fields, where=labels.where, retract=labels.tombstones == "retract")

    def closely(self, batch: RecordBatch) -> Mapped:
        """Decode a batch of records of any kind, tombstones among them."""
        taken = None if self._retractions is None else self._retractions(batch)
        if taken is None:
            return super().closely(batch)
        numbers, retracted = taken
        others = sorted({*range(len(batch.values))}.difference(numbers))
        return in_order([(numbers, retracted), (others, super().closely(batch.chosen(others)))])


def _typed_labels(fields: LabelFields) -> Callable[[Sequence[bytes | None]], LabelColumns | None]:
    """Return what decodes JSON whose fields stand under plain pointers, in one typed pass."""
    decode = _typed(fields).columns

    def columns(values: Sequence[bytes | None]) -> LabelColumns | None:
        found = decode(values)
        if found is None:
            return None
        ids, labels, ts, *weighted = found
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

    return columns


def _typed(fields: LabelFields) -> TypedDecoder:
    types: dict[str, tuple[Any, FieldType, bool]] = {
        "prediction_id": (fields.prediction_id, IDENTIFIER, True),
        "label": (fields.label, CLASS, False),
        "ts": (fields.ts, TIME, False),
    }
    if fields.weight is not None:
        types["weight"] = (fields.weight, _WEIGHT, False)
    return TypedDecoder(types)

"""Label events: what turned out to be true of a prediction, perhaps much later."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_VALUE
from driftline.events.mapping import MappedDecoder
from driftline.events.prediction import ClassOrNumber, Identifier, Timestamp, epoch_ms, epoch_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import LabelFields


class LabelEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A label event in the field names that need no mapping; the public schema."""

    prediction_id: Identifier
    label: ClassOrNumber | None = None
    """A second label for the same prediction corrects the first; null takes it back."""
    ts: Timestamp | None = None
    """RFC 3339 or epoch milliseconds; the record's Kafka timestamp where it is absent."""


class Label(NamedTuple):
    """What one record says."""

    prediction_id: str
    label: ClassOrNumber | None
    ts_ms: int | None


class LabelColumns(NamedTuple):
    """What n records say; attributes as in :class:`Label`, each of n values."""

    prediction_ids: Sequence[str]
    labels: Sequence[ClassOrNumber | None]
    ts_ms: Sequence[int | None]

    @classmethod
    def joined(cls, parts: Sequence[LabelColumns]) -> LabelColumns:
        """Return the records of all parts, one part after the other."""
        return cls(*([*chain.from_iterable(columns)] for columns in zip(*parts, strict=True)))

    @classmethod
    def of(cls, events: Sequence[Label]) -> LabelColumns:
        """Return events by column."""
        return cls(*zip(*events, strict=True)) if events else cls((), (), ())


class LabelDecoder:
    """Decodes label records by a field mapping."""

    def __init__(self, fields: LabelFields) -> None:
        self._decode = MappedDecoder(
            {
                "prediction_id": (fields.prediction_id, Identifier, True),
                "label": (fields.label, ClassOrNumber, False),
                "ts": (fields.ts, Timestamp, False),
            }
        )

    def __call__(self, value: bytes) -> Label:
        """Decode one record.

        Raises
        ------
        EventError
            With the reason code for the dead letter.
        """
        prediction_id, label, ts = self._decode(value)
        if type(label) is float and not math.isfinite(label):
            raise EventError(INVALID_VALUE, f"Expected a class or a finite number, got {label!r} - at `$.label`")
        return Label(str(prediction_id), label, None if ts is None else epoch_ms(ts))

    def columns(self, values: Sequence[bytes | None]) -> LabelColumns | None:
        """Decode n records together, n >= 1, as calls one by one would; None where one of them is to be refused."""
        columns = self._decode.columns(values)
        if columns is None:
            return None
        ids, labels, ts = columns
        if float in set(map(type, labels)) and not all(
            math.isfinite(label) for label in labels if type(label) is float
        ):
            return None
        try:
            return LabelColumns(ids if set(map(type, ids)) == {str} else [*map(str, ids)], labels, epoch_times(ts))
        except EventError:
            return None

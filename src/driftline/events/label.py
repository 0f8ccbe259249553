"""Label events: what turned out to be true of a prediction, perhaps much later."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_VALUE
from driftline.events.mapping import MappedDecoder
from driftline.events.prediction import ClassOrNumber, Identifier, Timestamp, epoch_ms

if TYPE_CHECKING:
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

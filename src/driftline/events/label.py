"""Label events: the true outcome of a prediction, perhaps much later."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_VALUE
from driftline.events.mapping import MappedDecoder
from driftline.events.prediction import ClassOrNumber, Identifier, Timestamp, epoch_ms, epoch_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import LabelFields


LARGEST_WEIGHT: Final = float(1 << 20)
"""Of a label: what is kept of it are whole multiples of 2⁻¹⁰ up to 2³⁰ of them."""


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

    @classmethod
    def joined(cls, parts: Sequence[LabelColumns]) -> LabelColumns:
        """Return the records of all parts, one part after the other."""
        return cls(*([*chain.from_iterable(columns)] for columns in zip(*parts, strict=True)))

    @classmethod
    def of(cls, events: Sequence[Label]) -> LabelColumns:
        """Return events by column."""
        return cls(*zip(*events, strict=True)) if events else cls((), (), (), ())


class LabelDecoder:
    """Decodes label records by a field mapping."""

    def __init__(self, fields: LabelFields) -> None:
        types: dict[str, tuple[str, object, bool]] = {
            "prediction_id": (fields.prediction_id, Identifier, True),
            "label": (fields.label, ClassOrNumber, False),
            "ts": (fields.ts, Timestamp, False),
        }
        if fields.weight is not None:
            types["weight"] = (fields.weight, float | None, False)
        self._decode = MappedDecoder(types)

    def __call__(self, value: bytes) -> Label:
        """Decode one record.

        Raises
        ------
        EventError
            With the reason code for the dead letter.
        """
        prediction_id, label, ts, *weights = self._decode(value)
        if type(label) is float and not math.isfinite(label):
            raise EventError(INVALID_VALUE, f"Expected a class or a finite number, got {label!r} - at `$.label`")
        weight = weights[0] if weights else None
        if not _is_weight(weight):
            raise EventError(INVALID_VALUE, f"Expected a weight in [0, 2²⁰], got {weight!r} - at `$.weight`")
        return Label(str(prediction_id), label, None if ts is None else epoch_ms(ts), weight)

    def columns(self, values: Sequence[bytes | None]) -> LabelColumns | None:
        """Decode n records together, n >= 1, as calls one by one would; None where one of them is to be refused."""
        columns = self._decode.columns(values)
        if columns is None:
            return None
        ids, labels, ts, *weighted = columns
        weights: Sequence[float | None] = weighted[0] if weighted else (None,) * len(ids)
        if weighted and not all(map(_is_weight, weights)):
            return None
        if float in set(map(type, labels)) and not all(
            math.isfinite(label) for label in labels if type(label) is float
        ):
            return None
        try:
            return LabelColumns(
                ids if set(map(type, ids)) == {str} else [*map(str, ids)], labels, epoch_times(ts), weights
            )
        except EventError:
            return None


def _is_weight(weight: float | None) -> bool:
    return weight is None or 0.0 <= weight <= LARGEST_WEIGHT

"""Prediction events: one prediction of one model, with the features it was made from."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from driftline.config.field_places import Constant, FeaturesAt
from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_TYPE
from driftline.events.documents import ROW, path_of
from driftline.events.event_decoder import EventDecoder, Form
from driftline.events.identity import MAX_ID, MAX_NAME, ids_as_text, versions_as_text
from driftline.events.mapping import pointer_parts
from driftline.events.object_mapper import PredictionFieldsMapper
from driftline.events.operation_fields import operation_places, operation_rows
from driftline.events.outcomes import MAX_CLASS, ClassOrNumber, Score, scores
from driftline.events.plain_mapping import is_plain, pointers_of, record_pointers
from driftline.events.times import epoch_ms, in_range
from driftline.events.typed_decoder import FieldType, TypedDecoder
from driftline.native.record_columns import FieldKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.field_places import Where
    from driftline.config.input_settings import PredictionFields
    from driftline.events.features import Features
    from driftline.events.operation_fields import OperationRow
    from driftline.events.unusable import Unusable

Timestamp = datetime | int | float
Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | int
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Version = Annotated[str, Meta(max_length=MAX_NAME)] | int
AnyIdentifier = Identifier | float
_AnyVersion = Version | float
_AnyScore = Score | str | list[float]
"""What producers write beside what the public schema asks for, and what costs nothing to read."""

IDENTIFIER: Final = FieldType(AnyIdentifier, FieldKind.IDENTIFIER, MAX_ID)
TIME: Final = FieldType(Timestamp, FieldKind.TIME)
CLASS: Final = FieldType(ClassOrNumber, FieldKind.CLASS, MAX_CLASS)
_NAME: Final = FieldType(Name, FieldKind.NAME, MAX_NAME)
_VERSION: Final = FieldType(_AnyVersion, FieldKind.VERSION, MAX_NAME)
_SCORE: Final = FieldType(_AnyScore, FieldKind.SCORE)
_OBJECT: Final = FieldType(msgspec.Raw, FieldKind.OBJECT)
_JSON: Final = FieldType(msgspec.Raw, FieldKind.RAW)
_SCALAR: Final = FieldType(Any, FieldKind.SCALAR)

_NO_FEATURES: Final = msgspec.Raw(b"")
_NOT_FEATURES: Final = frozenset(("segments", "latency_ms", "error"))
"""Fields of the public schema that are no features, where the record itself is the features object."""
_FIRST_BYTE: Final = itemgetter(slice(0, 1))


class PredictionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction event with the default field names; the public schema."""

    prediction_id: Identifier
    """Unique for as long as labels are accepted; also the record's key."""
    model: Name
    model_version: Version = ""
    ts: Timestamp | None = None
    """RFC 3339 or epoch milliseconds; the record's Kafka timestamp if absent."""
    features: dict[str, float | str | bool | None] = msgspec.field(default_factory=dict)
    prediction: ClassOrNumber | None = None
    score: Score | None = None
    """A probability (binary) or a map of class to probability (multiclass)."""
    segments: dict[str, str] = msgspec.field(default_factory=dict)
    """Values that assign the event to segments, such as a country; configured segments get their own performance."""
    latency_ms: float | None = None
    """Time that the model took, in milliseconds."""
    error: str | None = None
    """Why the model failed, if it did; such an event may have neither a prediction nor a score."""


class Prediction(NamedTuple):
    """What one record says; ``features`` are an object or JSON that was checked for syntax, ``segments`` JSON.

    Both may be empty.
    """

    prediction_id: str
    model: str
    version: str
    ts_ms: int | None
    features: Features
    prediction: ClassOrNumber | Unusable | None
    score: Score | Unusable | None
    segments: bytes | msgspec.Raw = b""
    operations: OperationRow | None = None
    """Latency, error and further numbers as they came; None where there are none."""


class PredictionColumns(NamedTuple):
    """What n records say; attributes as in :class:`Prediction`, each of n values."""

    prediction_ids: Sequence[str]
    models: Sequence[str]
    versions: Sequence[str]
    ts_ms: Sequence[int | None]
    features: Sequence[Features]
    predictions: Sequence[ClassOrNumber | Unusable | None]
    scores: Sequence[Score | Unusable | None]
    segments: Sequence[bytes | msgspec.Raw]
    operations: Sequence[OperationRow | None]

    def chosen(self, rows: Sequence[int]) -> PredictionColumns:
        """Return some of the rows."""
        return PredictionColumns(*([column[row] for row in rows] for column in self))  # type: ignore[arg-type]

    @classmethod
    def joined(cls, parts: Sequence[PredictionColumns]) -> PredictionColumns:
        """Return the records of all parts, one part after the other."""
        return cls(*([*chain.from_iterable(columns)] for columns in zip(*parts, strict=True)))

    @classmethod
    def of(cls, events: Sequence[Prediction]) -> PredictionColumns:
        """Return events by column."""
        return cls(*zip(*events, strict=True)) if events else cls((), (), (), (), (), (), (), (), ())


class PredictionDecoder(EventDecoder[PredictionColumns, Prediction]):
    """Decodes prediction records by a field mapping, as :class:`~driftline.events.event_decoder.EventDecoder` says.

    Parameters
    ----------
    fields : PredictionFields
        Where each field stands.
    with_segments : bool
        Whether anybody asks for segments; they are left empty otherwise.
    where : Where, optional
        Which records are predictions; all of them by default.
    """

    def __init__(self, fields: PredictionFields, *, with_segments: bool = False, where: Where | None = None) -> None:
        super().__init__(
            Form("predictions", "prediction", PredictionColumns, Prediction),
            fields,
            where,
            _TypedPredictions(fields, with_segments=with_segments).columns if is_plain(fields, where) else None,
            PredictionFieldsMapper(fields, with_segments=with_segments),
            unread=() if with_segments else ("segments",),
        )


class _TypedPredictions:
    """Decodes JSON whose fields stand under plain pointers, in one typed pass."""

    def __init__(self, fields: PredictionFields, *, with_segments: bool) -> None:
        types: dict[str, tuple[Any, FieldType, bool]] = {"prediction_id": (fields.prediction_id, IDENTIFIER, True)}
        if isinstance(fields.model, str):
            types["model"] = (fields.model, _NAME, True)
        if isinstance(fields.model_version, str):
            types["model_version"] = (fields.model_version, _VERSION, False)
        types["ts"] = (fields.ts, TIME, False)
        types["prediction"] = (fields.prediction, CLASS, False)
        types["score"] = (fields.score, _SCORE, False)
        self._with_segments = with_segments
        if with_segments:
            types["segments"] = (fields.segments, _JSON, False)
        operations = operation_places(fields)
        self._operations = [*operations]
        for name, place in operations.items():
            types[f"operations/{name}"] = (pointers_of(place)[0], _SCALAR, False)
        self._whole = fields.features == ""
        if not self._whole:
            types["features"] = (fields.features, _OBJECT, False)
        self._decode = TypedDecoder(types)
        self._model = str(fields.model.value) if isinstance(fields.model, Constant) else None
        self._version = str(fields.model_version.value) if isinstance(fields.model_version, Constant) else None

    def columns(self, values: Sequence[bytes | None]) -> PredictionColumns | None:
        """Decode n records together, n >= 1; None where one of them needs a closer look."""
        columns = self._decode.columns(values)
        if columns is None:
            return None
        features = values if self._whole else columns.pop()
        first = len(columns) - len(self._operations)
        told = operation_rows(dict(zip(self._operations, columns[first:], strict=True)), len(values))
        del columns[first:]
        segments = columns.pop() if self._with_segments else (b"",) * len(values)
        ids, *middle, ts, predictions, found = columns
        names = iter(middle)
        models = (self._model,) * len(values) if self._model is not None else next(names)
        versions = (self._version,) * len(values) if self._version is not None else next(names)
        try:
            return PredictionColumns(
                ids_as_text(ids),
                models,
                versions_as_text(versions),
                epoch_times(ts),
                features if self._whole else _objects(features),  # type: ignore[arg-type]  # None is not decoded
                predictions,
                scores(found),
                [segment or b"" for segment in segments] if self._with_segments else segments,
                told,
            )
        except EventError:
            return None


def fields_beside(fields: PredictionFields, more: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the names in a features object that are no features.

    They are the other mapped fields in it and those that the configuration leaves out; where the record itself is the
    features object, ``more`` too.

    Examples
    --------
    >>> from driftline.config.input_settings import PredictionFields
    >>> sorted(fields_beside(PredictionFields(features="/row", ts="/row/at", score="/row/out/p")))
    ['at', 'out']
    """
    if fields.features == "" and fields.rows is None:
        return mapped_root_names(fields) | more
    features = fields.features if isinstance(fields.features, FeaturesAt) else FeaturesAt(fields.features)
    base = path_of(features.pointer, fields.rows)
    names = {*features.without, *(_NOT_FEATURES if base == () else ())}
    for name in fields.__struct_fields__:
        if name in ("features", "rows", "tables") or (name == "segments" and not isinstance(fields.segments, str)):
            continue
        for pointer in pointers_of(getattr(fields, name)):
            path = path_of(pointer, fields.rows)
            if len(path) > len(base) and path[: len(base)] == base and path[len(base)] is not ROW:
                names.add(str(path[len(base)]))
    return frozenset(names)


def mapped_root_names(fields: PredictionFields) -> frozenset[str]:
    """Return the top-level names that are no features when the record itself is the features object."""
    parts = [pointer_parts(pointer.removeprefix("row:")) for pointer in record_pointers(fields)]
    return frozenset(part[0] for part in parts if part) | _NOT_FEATURES


def _object(features: msgspec.Raw) -> msgspec.Raw:
    """Return the features if they are a JSON object; null counts as none."""
    first = bytes(memoryview(features)[:1])
    if first == b"{":
        return features
    if first == b"n":
        return _NO_FEATURES
    shown = bytes(memoryview(features)[:40])
    raise EventError(INVALID_TYPE, f"Expected an object, got {shown!r} - at `$.features`")  # a closer look says more


def epoch_times(values: Sequence[Timestamp | None]) -> Sequence[int | None]:
    """Return times as :func:`epoch_ms` does, or raise what it raises for one of them."""
    if set(map(type, values)) == {int}:
        in_range(min(values))  # type: ignore[type-var]  # integers all
        in_range(max(values))  # type: ignore[type-var]
        return values  # type: ignore[return-value]
    return [None if value is None else epoch_ms(value) for value in values]


def _objects(values: Sequence[msgspec.Raw | None]) -> list[bytes]:
    """Return features as :func:`_object` does, or raise what it raises for one of them."""
    try:
        features = [*map(bytes, values)]  # type: ignore[arg-type]  # None raises TypeError
    except TypeError:  # the object around them is absent
        features = []
    if set(map(_FIRST_BYTE, features)) == {b"{"}:
        return features
    return [bytes(_object(value)) if value else b"" for value in values]

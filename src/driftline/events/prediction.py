"""Prediction events: one prediction of one model, with the features it was made from."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from driftline.config.settings import Constant
from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_TYPE, INVALID_VALUE
from driftline.events.mapping import MappedDecoder, pointer_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import PredictionFields
    from driftline.events.features import Features

MAX_ID: Final = 1_024
"""Characters of a prediction id; ids are remembered until their labels have come."""
MAX_NAME: Final = 256
"""Characters of a model's name and version."""
MAX_CLASS: Final = 1_024
"""Characters of a class."""
EARLIEST_MS: Final = -30_610_224_000_000
LATEST_MS: Final = 253_370_764_799_999
"""The years 1000 to 9998: a window that holds an event begins and ends in years of four digits."""

Timestamp = datetime | int | float
Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | int
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Version = Annotated[str, Meta(max_length=MAX_NAME)] | int
ClassOrNumber = (
    Annotated[str, Meta(max_length=MAX_CLASS)] | Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)] | float | bool
)
"""Whole numbers of 64 bits: what is remembered of them is MessagePack, which has no larger ones."""
Score = float | dict[str, float]
Milliseconds = TypeVar("Milliseconds", int, float)


_NO_FEATURES: Final = msgspec.Raw(b"")
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
    """Latency of the model; accepted, but not used by this version."""
    error: str | None = None
    """Error of the model; accepted, but not used by this version."""


class Prediction(NamedTuple):
    """What one record says; ``features`` and ``segments`` are JSON that was checked for syntax, or empty; features may
    be a dictionary where the record was not JSON.
    """

    prediction_id: str
    model: str
    version: str
    ts_ms: int | None
    features: Features
    prediction: ClassOrNumber | None
    score: Score | None
    segments: bytes | msgspec.Raw = b""


class PredictionColumns(NamedTuple):
    """What n records say; attributes as in :class:`Prediction`, each of n values."""

    prediction_ids: Sequence[str]
    models: Sequence[str]
    versions: Sequence[str]
    ts_ms: Sequence[int | None]
    features: Sequence[Features]
    predictions: Sequence[ClassOrNumber | None]
    scores: Sequence[Score | None]
    segments: Sequence[bytes | msgspec.Raw]

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
        return cls(*zip(*events, strict=True)) if events else cls((), (), (), (), (), (), (), ())


class PredictionDecoder:
    """Decodes prediction records by a field mapping.

    Parameters
    ----------
    fields : PredictionFields
        Where each field stands.
    with_segments : bool
        Whether anybody asks for segments; they are left empty otherwise.
    """

    def __init__(self, fields: PredictionFields, *, with_segments: bool = False) -> None:
        types: dict[str, tuple[str, object, bool]] = {"prediction_id": (fields.prediction_id, Identifier, True)}
        if isinstance(fields.model, str):
            types["model"] = (fields.model, Name, True)
        if isinstance(fields.model_version, str):
            types["model_version"] = (fields.model_version, Version, False)
        types["ts"] = (fields.ts, Timestamp, False)
        types["prediction"] = (fields.prediction, ClassOrNumber, False)
        types["score"] = (fields.score, Score, False)
        self._with_segments = with_segments
        if with_segments:
            types["segments"] = (fields.segments, msgspec.Raw, False)
        self._whole = fields.features == ""
        if not self._whole:
            types["features"] = (fields.features, msgspec.Raw, False)
        self._decode = MappedDecoder(types)
        self._model = fields.model.value if isinstance(fields.model, Constant) else None
        self._version = fields.model_version.value if isinstance(fields.model_version, Constant) else None

    def __call__(self, value: bytes) -> Prediction:
        """Decode one record.

        Raises
        ------
        EventError
            With the reason code for the dead letter.
        """
        prediction_id, *middle, ts, prediction, score, segments, features = self._fields_of(value)
        if features and not self._whole:
            features = _object(features)
        names = iter(middle)
        model = self._model if self._model is not None else next(names)
        version = self._version if self._version is not None else next(names)
        return Prediction(
            str(prediction_id),
            model,
            "" if version is None else str(version),
            None if ts is None else epoch_ms(ts),
            features,
            prediction,
            None if score is None else _probabilities(score),
            segments or b"",
        )

    def _fields_of(self, value: bytes) -> tuple[Any, ...]:
        """Return the decoded fields, with segments and features last, whether they are among them or not."""
        decoded = self._decode(value)
        if self._whole:
            decoded = (*decoded, value)
        return decoded if self._with_segments else (*decoded[:-1], b"", decoded[-1])

    def columns(self, values: Sequence[bytes | None]) -> PredictionColumns | None:
        """Decode n records together, n >= 1, as calls one by one would; None where one of them is to be refused."""
        columns = self._decode.columns(values)
        if columns is None:
            return None
        features = values if self._whole else columns.pop()
        segments = columns.pop() if self._with_segments else (b"",) * len(values)
        ids, *middle, ts, predictions, scores = columns
        names = iter(middle)
        models = (self._model,) * len(values) if self._model is not None else next(names)
        versions = (self._version,) * len(values) if self._version is not None else next(names)
        try:
            return PredictionColumns(
                ids if set(map(type, ids)) == {str} else [*map(str, ids)],
                models,
                versions if set(map(type, versions)) == {str} else ["" if v is None else str(v) for v in versions],
                epoch_times(ts),
                features if self._whole else _objects(features),  # type: ignore[arg-type]  # None is not decoded
                predictions,
                _all_probabilities(scores),
                [segment or b"" for segment in segments] if self._with_segments else segments,
            )
        except EventError:
            return None


def mapped_root_names(fields: PredictionFields) -> frozenset[str]:
    """Return the top-level names that are no features when the record itself is the features object."""
    pointers = (getattr(fields, name) for name in fields.__struct_fields__)
    parts = [pointer_parts(pointer) for pointer in pointers if isinstance(pointer, str)]
    return frozenset(part[0] for part in parts if part) | {"segments", "latency_ms", "error"}


def epoch_ms(ts: Timestamp) -> int:
    """Return milliseconds since the epoch; a date without an offset is UTC.

    Examples
    --------
    >>> epoch_ms(datetime(1970, 1, 1, 0, 0, 1))
    1000
    """
    if isinstance(ts, datetime):
        aware = ts if ts.tzinfo is not None else ts.replace(tzinfo=UTC)
        return in_range(round(aware.timestamp() * 1000))
    return round(in_range(ts))


def in_range(time_ms: Milliseconds) -> Milliseconds:
    """Return an event time that windows can be made of.

    Raises
    ------
    EventError
        When it is outside the years 1000 to 9998, or not a number.
    """
    if not EARLIEST_MS <= time_ms <= LATEST_MS:
        message = f"Expected epoch milliseconds of the years 1000 to 9998, got {time_ms!r} - at `$.ts`"
        raise EventError(INVALID_VALUE, message)
    return time_ms


def _object(features: msgspec.Raw) -> msgspec.Raw:
    """Return the features if they are a JSON object; null counts as none."""
    first = bytes(memoryview(features)[:1])
    if first == b"{":
        return features
    if first == b"n":
        return _NO_FEATURES
    shown = bytes(memoryview(features)[:40])
    raise EventError(INVALID_TYPE, f"Expected `object`, got {shown!r} - at `$.features`")


def _probabilities(score: Score) -> Score | None:
    """Return the score, or None where it is an empty map."""
    values = score.values() if isinstance(score, dict) else (score,)
    for value in values:
        if not 0.0 <= value <= 1.0:
            raise EventError(INVALID_VALUE, f"Expected a probability in [0, 1], got {value!r} - at `$.score`")
    return None if score == {} else score


def epoch_times(values: Sequence[Timestamp | None]) -> Sequence[int | None]:
    """Return times as :func:`epoch_ms` does, or raise what it raises for one of them."""
    if set(map(type, values)) == {int}:
        in_range(min(values))  # type: ignore[type-var]  # integers all
        in_range(max(values))  # type: ignore[type-var]
        return values  # type: ignore[return-value]
    return [None if value is None else epoch_ms(value) for value in values]


def _objects(values: Sequence[msgspec.Raw]) -> list[bytes]:
    """Return features as :func:`_object` does, or raise what it raises for one of them."""
    features = [*map(bytes, values)]
    if set(map(_FIRST_BYTE, features)) == {b"{"}:
        return features
    return [bytes(_object(value)) if value else b"" for value in values]


def _all_probabilities(scores: Sequence[Score | None]) -> Sequence[Score | None]:
    """Return scores as :func:`_probabilities` does, or raise what it raises for one of them."""
    if set(map(type, scores)) == {float}:
        outside = [score for score in scores if not 0.0 <= score <= 1.0]  # type: ignore[operator]  # floats all
        if not outside:
            return scores
    return [None if score is None else _probabilities(score) for score in scores]


def untold_score(score: Score | None, positive: str | None) -> float | None:
    """Return one probability where the task is not known yet: of two classes that of the second by name, if
    ``positive`` is none of them.

    Examples
    --------
    >>> untold_score({"yes": 0.3, "no": 0.7}, None), untold_score({"yes": 0.3, "no": 0.7}, "no")
    (0.3, 0.7)
    """
    if isinstance(score, dict) and len(score) == 2 and positive not in score:  # noqa: PLR2004  # binary
        return score[max(score)]
    return one_score(score, positive)


def one_score(score: Score | None, positive: str | None) -> float | None:
    """Return one probability: of the positive class where it is among the classes, otherwise the greatest.

    Examples
    --------
    >>> one_score({"no": 0.7, "yes": 0.3}, "yes"), one_score({"a": 0.7, "b": 0.3}, None), one_score(0.2, "yes")
    (0.3, 0.7, 0.2)
    """
    if not isinstance(score, dict):
        return score
    return score[positive] if positive is not None and positive in score else max(score.values())

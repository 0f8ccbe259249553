"""Rows of tables as events: which column is which field of a record, and what a cell of text stands for."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.events.mapping import pointer_parts
from driftline.runtime.files.number_words import word_meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

Fields: TypeAlias = PredictionFields | LabelFields

METADATA_FIELD: Final = "kafka"
"""Field of a line that says where its record stood."""

_METADATA_COLUMNS: Final = frozenset(
    f"{METADATA_FIELD}.{name}" for name in ("partition", "offset", "timestamp", "tombstone")
)
_OBJECTS: Final = frozenset({"features", "segments"})
_OF_THE_EVENT: Final = frozenset({"prediction_id", "model", "model_version"})
"""Fields that are names: their cells stay text, or the id 007 would become 7."""
_BESIDE: Final = frozenset({"label", "segments", "latency_ms", "error"})
"""Columns beside the mapped ones that are no features of a prediction, as in references."""
_INDEX: Final = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name."""
_NUMBER: Final = re.compile(r"(?!-?0\d)-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE: Final = re.compile(r"-?(0|[1-9]\d*)")
_BEGINNINGS: Final = frozenset("-.0123456789")
"""Of numbers; those that are not written in ASCII begin in further ways."""
_DIGITS_OF_64_BITS: Final = 18
_TRUTH: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class _Column(NamedTuple):
    """What becomes of the cells of a column."""

    place: tuple[str, ...]
    """Names of the members that lead to it in an event; none where it is left out."""
    is_object: bool = False
    """Whether JSON in its text is read."""
    keeps_null: bool = False
    """Whether an empty cell is null in the event, rather than absent: a feature is missing, a label retracted."""


class RowShape:
    """Where the cells of a table's columns go in an event.

    A column that is called as a mapped field is that field: ``/meta/model`` is the column ``meta.model`` or
    ``meta/model``, or an object in the column ``meta``. All other columns of predictions are features, unless there is
    a column of features, and but for ``label``, ``segments``, ``latency_ms``, ``error`` and an index of pandas. Columns
    called ``kafka.partition``, ``kafka.offset`` and ``kafka.timestamp`` say where the record stood.

    Parameters
    ----------
    columns : sequence of str
    fields : PredictionFields or LabelFields
        Where each field stands in a record.

    Attributes
    ----------
    keeps_text : list of bool
        Of each column, whether cells of text stay text: ids and names of models.

    Examples
    --------
    >>> shape = RowShape(["prediction_id", "model", "age", "kafka.offset"], PredictionFields())
    >>> shape.event(["p-1", "loan", 41, 7])
    {'prediction_id': 'p-1', 'model': 'loan', 'features': {'age': 41}, 'kafka': {'offset': 7}}
    """

    def __init__(self, columns: Sequence[str], fields: Fields) -> None:
        pointers = {name: getattr(fields, name) for name in fields.__struct_fields__}
        pointers |= {f"operations.{name}": at for name, at in pointers.pop("operations", {}).items()}
        parts = {name: pointer_parts(at) for name, at in pointers.items() if isinstance(at, str)}
        names = {text: name for name, path in parts.items() for text in ("/".join(path), ".".join(path)) if path}
        roots = {path[0] for path in parts.values() if path}
        features = parts.get("features", ())
        self._features = features
        self._takes_others = isinstance(fields, PredictionFields) and not (features and features[0] in columns)
        self.keeps_text = [names.get(column) in _OF_THE_EVENT for column in columns]
        self._names = columns
        self._columns = [self._column(column, names.get(column), parts, roots) for column in columns]
        self._runs = [*_runs(self._columns)]

    def _column(
        self, column: str, name: str | None, parts: Mapping[str, tuple[str, ...]], roots: AbstractSet[str]
    ) -> _Column:
        if name is not None:
            return _Column(parts[name], is_object=name in _OBJECTS, keeps_null=name == "label")
        if column in _METADATA_COLUMNS:
            return _Column((METADATA_FIELD, column.partition(".")[2]))
        if _INDEX.fullmatch(column):
            return _Column(())
        if column in roots or column == METADATA_FIELD:
            return _Column((column,), is_object=True)
        if self._takes_others and column not in _BESIDE:
            return _Column((*self._features, column), keeps_null=True)
        return _Column((column,))

    @property
    def says_where(self) -> bool:
        """Whether a column may say where the record stood."""
        return any(column.place[:1] == (METADATA_FIELD,) for column in self._columns)

    def doubled(self) -> str | None:
        """Return a column that leads to the same place as one before it; None where there is none."""
        seen = set()
        for name, column in zip(self._names, self._columns, strict=True):
            if column.place and column.place in seen:
                return name
            seen.add(column.place)
        return None

    def event(self, row: Sequence[object]) -> dict[str, Any]:
        """Return the event of a row, whose cells stand in the order of the columns."""
        event: dict[str, Any] = {}
        for first, stop, place, names in self._runs:
            if names:
                _inner(event, place).update(zip(names, row[first:stop], strict=True))
                continue
            column, value = self._columns[first], row[first]
            if column.place and (value is not None or column.keeps_null):
                inner = _inner(event, column.place[:-1])
                inner[column.place[-1]] = _object(value) if column.is_object else value
        return event


class _Run(NamedTuple):
    """Columns side by side whose cells go into one object, whatever they hold; or one column of another kind."""

    first: int
    stop: int
    place: tuple[str, ...]
    names: tuple[str, ...]
    """Of the members; none for a single column."""


def _runs(columns: Sequence[_Column]) -> Iterator[_Run]:
    start = 0
    for place, columns_of_run in groupby(columns, _place_of_plain):
        run = [*columns_of_run]
        if place is None:
            yield from (_Run(at, at + 1, (), ()) for at in range(start, start + len(run)))
        else:
            yield _Run(start, start + len(run), place, tuple(column.place[-1] for column in run))
        start += len(run)


def _place_of_plain(column: _Column) -> tuple[str, ...] | None:
    return column.place[:-1] if column.place and column.keeps_null and not column.is_object else None


def _inner(event: dict[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    """Return the object at a place, which is made where it is not there."""
    for part in place:
        if not isinstance(event.setdefault(part, {}), dict):  # another column has no object in its cell
            event[part] = {}
        event = event[part]
    return event


def _object(value: object) -> object:
    """Return what a cell holds as JSON text, where it does."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def name_cell(text: str) -> object:
    """Return what a cell of a column of names stands for: nothing, or the text."""
    return text or None


def cell(text: str) -> object:
    """Return what a cell of text stands for: nothing, a number, a truth value or a text.

    Digits that begin with a zero are text, as postal codes are.

    Examples
    --------
    >>> [cell(text) for text in ("", "12", "-0.5", "1e3", "007", "true", "12a")]
    [None, 12, -0.5, 1000.0, '007', True, '12a']
    """
    if not text:
        return None
    if text[0] not in _BEGINNINGS and text.isascii():
        return _TRUTH.get(text, text)
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) <= _DIGITS_OF_64_BITS else msgspec.Raw(text.encode())
    if _NUMBER.fullmatch(text):
        return float(text)
    return _TRUTH.get(text, text)


def number_cell(text: str) -> object:
    """Return what a cell of a column of numbers stands for, where words mean missing and infinite.

    Examples
    --------
    >>> [number_cell(text) for text in ("12", "", "NA", "-inf", " 1.5")]
    [12, None, None, '-Infinity', 1.5]
    """
    meaning = word_meaning(text)
    return None if meaning is None else cell(meaning.strip())


def json_line(event: dict[str, Any]) -> bytes:
    """Return an event as a line of JSON; what is not a number becomes null, as tables mean it."""
    return _ENCODER.encode(event)

"""Records parsed as a whole, and the columns of what stands under pointers in them."""

from __future__ import annotations

import csv
import json
import re
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.errors import EventError
from driftline.events.dead_letter import EMPTY, INVALID_TYPE, NOT_JSON
from driftline.events.json_type import MAX_DIGITS, name_of, whole_number
from driftline.events.mapping import pointer_parts, require_utf8, with_smell
from driftline.events.named_values import NamedValues
from driftline.events.record_batch import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.events.record_batch import RecordBatch

ABSENT: Final = msgspec.UNSET
"""Stands where a record has nothing under a pointer."""
ROW: Final = None
"""A step of a path: from the list of rows to one of them."""
Path = tuple[str | None, ...]
"""Steps of a pointer, some of them perhaps :data:`ROW`."""

_DECODE: Final = msgspec.json.Decoder().decode
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*")


def document_of(value: bytes | None) -> object:
    """Return the JSON of a record; ``NaN`` and ``Infinity``, as Python's own encoder writes them, are read.

    Raises
    ------
    EventError
        When it is empty, no UTF-8 or no JSON.
    """
    if not value:
        raise EventError(EMPTY, "Expected a JSON object, got an empty record - at `$`")
    require_utf8(value)
    try:
        return _DECODE(value)
    except (msgspec.DecodeError, RecursionError):
        return _loose(value)


def _loose(value: bytes) -> object:
    try:
        document = json.loads(value.decode("utf-8-sig"), parse_int=whole_number)
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = f"Expected JSON, got {value[:40]!r} ({error}) - at `$`"
        raise EventError(NOT_JSON, with_smell(message, value)) from error
    return document


def documents_of(values: Sequence[bytes | None]) -> tuple[list[object], dict[int, EventError]]:
    """Return the JSON of n records, and why some of them have none, by their number."""
    try:
        documents = [*map(_DECODE, values)]  # type: ignore[arg-type]  # None raises TypeError
        for value in values:
            if not value.isascii():  # type: ignore[union-attr]  # None cannot have been decoded
                value.decode()  # type: ignore[union-attr]
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError):
        return _one_by_one(values)
    return documents, {}


def parsed_values(batch: RecordBatch) -> tuple[Sequence[object], dict[int, EventError]]:
    """Return what the records of a batch hold, deserialized or parsed, and why some could not be parsed."""
    return documents_of(batch.values) if batch.documents is None else (batch.documents, {})


def _one_by_one(values: Sequence[bytes | None]) -> tuple[list[object], dict[int, EventError]]:
    documents: list[object] = []
    problems = {}
    for number, value in enumerate(values):
        try:
            documents.append(document_of(value))
        except EventError as error:
            documents.append(ABSENT)
            problems[number] = error
    return documents, problems


def readable(
    documents: Sequence[object], values: Sequence[bytes | None], problems: dict[int, EventError], *, lists: bool
) -> Sequence[object]:
    """Return documents with :data:`ABSENT` for those that are no object, and note why in ``problems``.

    ``values`` are those that they were made of; ``lists`` says whether a document may be a list.
    """
    if set(map(type, documents)) == {dict}:
        return documents
    kept = [*documents]
    for number, document in enumerate(kept):
        if number in problems or isinstance(document, dict) or (lists and isinstance(document, list)):
            continue
        if isinstance(document, Unreadable):
            problems[number] = EventError(document.reason, document.message)
        elif document is None and not values[number]:
            problems[number] = EventError(EMPTY, "Expected an object, got an empty record - at `$`")
        else:
            problems[number] = EventError(INVALID_TYPE, f"Expected an object, got {name_of(document)} - at `$`")
        kept[number] = ABSENT
    return kept


def path_of(pointer: str, rows: str | None) -> Path:
    """Return the steps of a configured pointer, where rows stand under ``rows``.

    Examples
    --------
    >>> path_of("row:/x", "/data/rows"), path_of("/predictions/*", "/rows"), path_of("/a/*", None)
    (('data', 'rows', None, 'x'), ('predictions', None), ('a', '*'))
    """
    if rows is None:
        return pointer_parts(pointer)
    if pointer.startswith("row:"):
        return (*pointer_parts(rows), ROW, *pointer_parts(pointer.removeprefix("row:")))
    return tuple(ROW if part == "*" else part for part in pointer_parts(pointer))


def location(path: Path, row: int | None = None) -> str:
    """Return a path as messages show it.

    Examples
    --------
    >>> location(("data", "rows", None, "a b"), 2)
    '$.data.rows[2]["a b"]'
    """
    shown = "$"
    for part in path:
        if part is ROW:
            shown += f"[{'*' if row is None else row}]"
        elif part.isdecimal():
            shown += f"[{part}]"
        else:
            shown += f".{part}" if _IDENTIFIER.fullmatch(part) else f"[{json.dumps(part)}]"
    return shown


class Documents:
    """What stands under pointers in n records, by column; steps lead through objects, lists and texts that hold JSON.

    Parameters
    ----------
    documents : sequence of object
        The parsed records; :data:`ABSENT` where one could not be read.
    rows : Path, optional
        Where the list of rows stands, if each record holds many events.
    columns : mapping of Path to sequence of object
        What stands there in each record, or in each row, in place of what the documents have.

    Attributes
    ----------
    owners : list of int or None
        The record of each row; None where records are events.
    numbers : list of int
        The number of each row in its record.
    """

    def __init__(
        self,
        documents: Sequence[object],
        rows: Path | None = None,
        columns: Mapping[Path, Sequence[object]] = MappingProxyType({}),
    ) -> None:
        self._columns: dict[Path, Sequence[Any]] = {(): documents, **columns}
        self._parsed: dict[Path, Sequence[Any]] = {}
        self.n = len(documents)
        self.owners: list[int] | None = None
        self.numbers: list[int] = []
        if rows is not None:
            self.row_lists = [_as_list(value) for value in self.column(rows)]
            self._columns[rows] = self.row_lists
            lengths = [len(values) if type(values) is list else 0 for values in self.row_lists]
            self.owners = [record for record, length in enumerate(lengths) for _ in range(length)]
            self.numbers = [number for length in lengths for number in range(length)]
            self.n = len(self.owners)

    def events(self, path: Path) -> Sequence[Any]:
        """Return what stands there in each event, shape (n,); :data:`ABSENT` where nothing does."""
        values = self.column(path)
        return values if ROW in path else self.spread(values)

    def spread(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return values of records for each of their events."""
        return values if self.owners is None else [values[record] for record in self.owners]

    def column(self, path: Path) -> Sequence[Any]:
        """Return what stands there in each record, or in each row where the path leads into rows."""
        found = self._columns.get(path)
        if found is None:
            above, step = path[:-1], path[-1]
            found = self._rows(above) if step is ROW else self._step(above, step)
            self._columns[path] = found
        return found

    def _rows(self, path: Path) -> Sequence[Any]:
        """Return the elements of the lists there, one for each row."""
        lists = [_as_list(value) for value in self.column(path)]
        if len(lists) == len(self.row_lists) and [*map(_length, lists)] == [*map(_length, self.row_lists)]:
            return [*chain.from_iterable(values for values in lists if type(values) is list)]
        owners = self.owners or []
        return [_element(lists[record], number) for record, number in zip(owners, self.numbers, strict=True)]

    def _step(self, above: Path, key: str) -> Sequence[Any]:
        values = self._parsed.get(above)
        if values is None:
            values = self.column(above)
            if str in set(map(type, values)):
                values = self._parsed[above] = [parsed(value) if type(value) is str else value for value in values]
        if key.isdecimal():
            return [_inside(value, key) for value in values]
        try:
            return [value[key] for value in values]
        except (KeyError, TypeError, IndexError):
            return [_inside(value, key) for value in values]


def _inside(value: Any, key: str) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, dict):
        return value.get(key, ABSENT)
    return _element(value, int(key)) if key.isdecimal() else ABSENT


def _element(value: Any, index: int) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, NamedValues):
        value = value.values()
    return value[index] if isinstance(value, list | tuple) and index < len(value) else ABSENT


def _length(value: object) -> int:
    return len(value) if type(value) is list else 0


def _as_list(value: object) -> object:
    """Return rows that stand in a text: a list in JSON, or one row a line of CSV."""
    if not isinstance(value, str):
        return value
    if value.lstrip()[:1] in ("{", "["):
        return parsed(value)
    return [parsed(line, "csv") for line in value.splitlines()]


def parsed(text: str, form: str | None = None) -> Any:  # noqa: ANN401  # any JSON
    """Return what a text holds: JSON where it begins like an object or a list, and otherwise one row of CSV.

    ``form`` is ``json`` or ``csv`` where that is known. A text that cannot be read is :data:`ABSENT`.

    Examples
    --------
    >>> parsed('{"a": 1}'), parsed("23,0.5,web,,007")
    ({'a': 1}, [23, 0.5, 'web', None, '007'])
    """
    if form == "json" or (form is None and text.lstrip()[:1] in ("{", "[")):
        try:
            return document_of(text.encode())
        except (EventError, UnicodeEncodeError):
            return ABSENT
    try:
        return [*map(_cell, next(csv.reader([text.strip()]), ()))]
    except csv.Error:
        return ABSENT


def _cell(text: str) -> Any:  # noqa: ANN401  # a number, a text or None
    plain = text.strip()
    if not plain:
        return None
    match = _NUMBER.fullmatch(plain)
    if match is None or len(plain) > MAX_DIGITS:
        return text
    return int(plain) if match[2] is match[3] is None else float(plain)

"""The configured places of fields, as columns of values over a batch of records."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.config.field_places import Constant, First, FromHeader, FromKey, FromTopic, Joined
from driftline.errors import EventError
from driftline.events.documents import ABSENT, ROW, Documents, document_of, location, path_of
from driftline.events.identity import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.field_places import Place

_QUOTE: Final = b'"'


class Records(NamedTuple):
    """A batch of n records: what they hold, and what stands beside it."""

    documents: Documents
    topic: str
    stamps_ms: Sequence[int]
    """Kafka's timestamps, of each record; -1 where there is none."""
    keys: Sequence[bytes | None] | None
    headers: Sequence[dict[str, bytes]] | None


class Column(NamedTuple):
    """One field of every event of a batch, and where it stands."""

    take: Callable[[Records], Sequence[Any]]
    """Returns the values by event; :data:`ABSENT` where there is none."""
    shown: str
    """Where it stands, for messages; ``[*]`` in it is the number of the row."""
    configured: str
    """Where it stands, as the configuration has it."""
    path: tuple[str | None, ...] | None = None
    """Steps to it in the record's value, where it stands there."""

    def at(self, row: int | None) -> str:
        """Return where it stands in an event of that row."""
        return self.shown if row is None else self.shown.replace("[*]", f"[{row}]")


def column_of(place: Place, rows: str | None = None) -> Column:
    """Return the column of a configured place; ``rows`` is the pointer to the list of rows."""
    if isinstance(place, str):
        path = path_of(place, rows)
        return Column(lambda records: records.documents.events(path), location(path), f"pointer: {place}", path)
    if isinstance(place, Constant):
        value = str(place.value)
        return Column(lambda records: (value,) * records.documents.n, "the configuration", f"value: {value}")
    if isinstance(place, FromHeader):
        return _header(place.header)
    if isinstance(place, FromTopic):
        return _topic(place.topic)
    if isinstance(place, FromKey):
        return _key(place.key)
    return _first(place, rows) if isinstance(place, First) else _joined(place, rows)


def asks_for(places: Sequence[object]) -> frozenset[str]:
    """Return which of ``keys`` and ``headers`` of the records some configured places need.

    Examples
    --------
    >>> sorted(asks_for([FromKey(""), Joined(join=("/a", FromHeader("b")))]))
    ['headers', 'keys']
    """
    asked = set()
    for place in places:
        if isinstance(place, FromKey):
            asked.add("keys")
        elif isinstance(place, FromHeader) or getattr(place, "header", None) is not None:
            asked.add("headers")
        elif isinstance(place, Joined):
            asked |= asks_for(place.join)
        elif isinstance(place, First):
            asked |= asks_for(place.first)
        elif isinstance(place, dict):
            asked |= asks_for([*place.values()])
    return frozenset(asked)


def _header(name: str) -> Column:
    def take(records: Records) -> Sequence[Any]:
        found = [ABSENT] * len(records.stamps_ms) if records.headers is None else _headers(records.headers, name)
        return records.documents.spread(found)

    return Column(take, f"header {name}", f"header: {name}")


def _headers(headers: Sequence[dict[str, bytes]], name: str) -> list[Any]:
    return [_text(each[name]) if name in each else ABSENT for each in headers]


def _text(data: bytes | str | None) -> Any:  # noqa: ANN401  # a text, bytes that are none, or None
    if not isinstance(data, bytes):
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _topic(expression: bool | str) -> Column:  # noqa: FBT001  # as it is configured
    def take(records: Records) -> Sequence[Any]:
        value: Any = records.topic
        if isinstance(expression, str):
            match = re.search(expression, records.topic)
            value = ABSENT if match is None or match[1] is None else match[1]
        return (value,) * records.documents.n

    return Column(take, "the topic's name", f"topic: {expression}")


def _key(pointer: str) -> Column:
    path = path_of(pointer, None)

    def take(records: Records) -> Sequence[Any]:
        keys: Sequence[bytes | None] = (None,) * len(records.stamps_ms) if records.keys is None else records.keys
        values = [*map(_whole_key, keys)] if not path else Documents([*map(_json_key, keys)]).events(path)
        return records.documents.spread(values)

    shown = "the record's key" if not path else f"the record's key, {location(path)}"
    return Column(take, shown, f"key: {json.dumps(pointer)}")


def _whole_key(key: bytes | None) -> Any:  # noqa: ANN401  # a text, bytes that are none, or ABSENT
    """Return a key's text, without the quotes that serializers of JSON put around it."""
    if key is None:
        return ABSENT
    if key[:1] == _QUOTE:
        value = _json_key(key)
        if isinstance(value, str):
            return value
    return _text(key)


def _json_key(key: bytes | None) -> object:
    try:
        return document_of(key)
    except EventError:
        return ABSENT


def _first(place: First, rows: str | None) -> Column:
    columns = [column_of(part, rows) for part in place.first]

    def take(records: Records) -> Sequence[Any]:
        found = columns[0].take(records)
        for column in columns[1:]:
            if not any(value is None or value is ABSENT for value in found):
                break
            others = column.take(records)
            found = [
                other if value is None or value is ABSENT else value for value, other in zip(found, others, strict=True)
            ]
        return found

    shown = " or ".join(column.shown for column in columns)
    in_each_row = all(column.path is not None and ROW in column.path for column in columns)
    configured = f"first: [{', '.join(column.configured for column in columns)}]"
    return Column(take, shown, configured, columns[0].path if in_each_row else None)


def _joined(place: Joined, rows: str | None) -> Column:
    columns = [column_of(part, rows) for part in place.join]

    def take(records: Records) -> Sequence[Any]:
        parts = [column.take(records) for column in columns]
        if all(set(map(type, values)) == {str} for values in parts):
            return [*map(place.with_.join, zip(*parts, strict=True))]
        return [_together(values, place.with_) for values in zip(*parts, strict=True)]

    shown = " and ".join(column.shown for column in columns)
    return Column(take, shown, f"join: [{', '.join(column.configured for column in columns)}]")


def _together(values: tuple[Any, ...], between: str) -> Any:  # noqa: ANN401  # a text, or what cannot be joined
    texts = [*map(text_of, values)]
    wrong = next((value for value, text in zip(values, texts, strict=True) if text is None), None)
    return wrong if None in texts else between.join(texts)  # type: ignore[arg-type]  # texts all


def in_rows(column: Column) -> bool:
    """Return whether each row has a value of its own."""
    return column.path is not None and ROW in column.path

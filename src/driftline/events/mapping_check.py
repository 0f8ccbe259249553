"""Whether records can be decoded by the configured field mappings, asked when the configuration is read."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

from driftline.config.field_places import Constant, First, FromKey, FromTopic, Joined
from driftline.config.record_forms import TableAt
from driftline.errors import describe
from driftline.events.documents import ROW, path_of
from driftline.events.plain_mapping import pointers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.field_places import Where
    from driftline.config.input_settings import LabelFields, PredictionFields
    from driftline.config.record_forms import Pair
    from driftline.config.settings import Settings

Problem = tuple[str, str, tuple[str, ...]]
_ROW_PREFIX: Final = "row:"
_HALVES: Final = ("/request/", "/response/")
_HALVES_THEMSELVES: Final = ("/request", "/response")
_OPERATIONS: Final = {"latency_ms": "/latency_ms", "error": "/error"}
"""Fields that may be absent from every record, and their defaults."""
_OBJECTS: Final = ("features", "segments")
"""Fields that are objects, in which others may stand."""


def mapping_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the field mappings of the inputs: message, path, and the paths that it depends on.

    Examples
    --------
    >>> from driftline.config.input_settings import PredictionFields, PredictionInput
    >>> from driftline.config.settings import Settings
    >>> fields = PredictionFields(ts="/model/ts")
    >>> for message, path, depends in mapping_problems(Settings(predictions=PredictionInput(fields=fields))):
    ...     print(message)
    Expected a pointer that does not lead through `/model` of the field `model`, got '/model/ts' - at \
`$.predictions.fields.ts`
    """
    yield from _problems(settings.predictions.fields, "$.predictions.fields")
    yield from _beside_rows(settings.predictions.where, "$.predictions.where")
    if settings.predictions.pair is not None:
        yield from _halves(settings.predictions.fields, settings.predictions.pair, "$.predictions")
        if settings.shares_topic:
            path = "$.predictions.pair"
            expected = "labels in a topic of their own, as records of the topic of predictions are paired"
            yield describe(expected, settings.predictions.shown, path), path, (path, "$.labels.topic")
    if settings.labels is not None:
        yield from _problems(settings.labels.fields, "$.labels.fields")
        yield from _beside_rows(settings.labels.where, "$.labels.where")


def _problems(fields: PredictionFields | LabelFields, at: str) -> Iterator[Problem]:
    places = _places(fields)
    yield from _ids(fields.prediction_id, f"{at}.prediction_id")
    pointers = {}
    for name, place in places.items():
        found = pointers_of(place)
        empty = [pointer for pointer in found if not pointer]
        if empty and not (name == "features" and fields.rows is None):
            path = f"{at}.{name}"
            yield describe("a pointer to a field, such as `/ts`", "", path), path, (path,)
        elif len(found) == 1 and not isinstance(place, dict | Joined | First) and found != [""]:
            pointers[name] = found[0]
    yield from _overlaps(pointers, fields.rows, at)
    yield from _rows(fields, places, at)
    yield from _tables(fields, at)
    for name, place in places.items():
        yield from _keys(place, f"{at}.{name}")


def _places(fields: PredictionFields | LabelFields) -> dict[str, Any]:
    """Return the configured places by field; without those of operations that are defaults."""
    places = {name: getattr(fields, name) for name in fields.__struct_fields__ if name not in ("rows", "tables")}
    for name, default in _OPERATIONS.items():
        if places.get(name) == default:
            del places[name]
    operations = places.pop("operations", {})
    return {**places, **{f"operations.{name}": place for name, place in operations.items()}}


def _ids(place: object, path: str) -> Iterator[Problem]:
    parts = _parts(place)
    if all(isinstance(part, Constant | FromTopic) for part in parts):
        shown = getattr(place, "value", None) or getattr(place, "topic", None) or "parts that are always the same"
        yield describe("an id that each event has of its own", shown, path), path, (path,)


def _parts(place: object) -> tuple[object, ...]:
    if isinstance(place, Joined):
        return place.join
    return place.first if isinstance(place, First) else (place,)


def _overlaps(pointers: dict[str, str], rows: str | None, at: str) -> Iterator[Problem]:
    for (one, outer), (other, inner) in permutations(pointers.items(), 2):
        if one in _OBJECTS and (other in _OBJECTS or path_of(outer, rows) != path_of(inner, rows)):
            continue
        above, below = path_of(outer, rows), path_of(inner, rows)
        same_named_before = above == below and [*pointers].index(one) > [*pointers].index(other)
        if below[: len(above)] == above and not same_named_before:
            path = f"{at}.{other}"
            expected = f"a pointer that does not lead through `{outer}` of the field `{one}`"
            yield describe(expected, inner, path), path, (path, f"{at}.{one}")


def _rows(fields: PredictionFields | LabelFields, places: dict[str, Any], at: str) -> Iterator[Problem]:
    rows = fields.rows
    found = {name: pointer for name, place in places.items() for pointer in pointers_of(place)}
    if rows is None:
        for name, pointer in found.items():
            if pointer.startswith(_ROW_PREFIX):
                path = f"{at}.{name}"
                expected = "a pointer without `row:`, as `rows` does not say where the rows stand"
                yield describe(expected, pointer, path), path, (path, f"{at}.rows")
        return
    path = f"{at}.rows"
    if rows.startswith(_ROW_PREFIX):
        yield describe("a pointer into the record to a list of rows", rows, path), path, (path,)
    elif not any(ROW in path_of(pointer, rows) for pointer in found.values()):
        expected = "`rows` with a field in them, such as `row:/x` or `/predictions/*`"
        yield describe(expected, rows, path), path, (path, *(f"{at}.{name}" for name in places))


def _keys(place: object, path: str) -> Iterator[Problem]:
    """Yield pointers into keys that would lead into rows: a key has none."""
    for part in place.values() if isinstance(place, dict) else _parts(place):
        if isinstance(part, FromKey) and part.key.startswith(_ROW_PREFIX):
            yield describe("a pointer into the key, without `row:`", part.key, path), path, (path,)


def _beside_rows(where: Where | None, path: str) -> Iterator[Problem]:
    if where is not None and where.field is not None and (not where.field or where.field.startswith(_ROW_PREFIX)):
        yield describe("a pointer to a field of the record, such as `/type`", where.field, path), path, (path,)


def _tables(fields: PredictionFields | LabelFields, at: str) -> Iterator[Problem]:
    tables = [TableAt(table) if isinstance(table, str) else table for table in fields.tables]
    for index, table in enumerate(tables):
        path = f"{at}.tables[{index}]"
        for pointer in (table.pointer, *table.of, *(() if table.raw is None else (table.raw,))):
            if pointer.startswith(_ROW_PREFIX):
                yield describe("a pointer into the record, without `row:`", pointer, path), path, (path,)
    if tables and fields.rows is None:
        path = f"{at}.tables"
        expected = f"`rows` beside `tables`, such as `rows: {tables[0].pointer}`: each row is an event"
        yield describe(expected, tables[0].pointer, path), path, (path, f"{at}.rows")


def _halves(fields: PredictionFields, pair: Pair, at: str) -> Iterator[Problem]:
    """Yield places of fields in neither half: nothing would ever be found there."""
    made = {table.pointer for table in fields.tables if isinstance(table, TableAt) and table.of}
    for name, place in [*_places(fields).items(), ("rows", fields.rows)]:
        for pointer in pointers_of(place):
            if pointer.startswith((_ROW_PREFIX, *_HALVES)) or pointer in _HALVES_THEMSELVES:
                continue
            if not any(pointer == each or pointer.startswith(f"{each}/") for each in made):
                path = f"{at}.fields.{name}"
                expected = "a pointer that begins with `/request` or `/response`, as `pair` joins these two"
                yield describe(expected, pointer, path), path, (path, f"{at}.pair")
    for name, where in (("request", pair.request), ("response", pair.response)):
        yield from _beside_rows(where, f"{at}.pair.{name}")
    yield from _ids(pair.id, f"{at}.pair.id")

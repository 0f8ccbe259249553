"""Rows in JSON files: one object a line, one array of objects, or what data frames write by default."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from driftline.errors import ProfileError
from driftline.runtime.references.json_values import json_object, json_value
from driftline.runtime.references.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LINES: Final = (".ndjson", ".jsonl")
DOCUMENT: Final = (".json",)
_RAW_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class JsonRow(NamedTuple):
    """One row of a JSON file."""

    at: str
    """File and line, or file and place in the array."""
    text: bytes
    value: dict[str, Any]


def read_json(path: Path, encoding: str | None = None) -> tuple[list[JsonRow], tuple[str, ...]]:
    """Return the rows of a file of JSON, and remarks on its encoding.

    Which of these it is, its content says: one object a line (NDJSON); an array of objects, as data frames write
    records; or, in files called ``.json``, one object that holds a whole table: columns by name, or ``columns`` and
    ``data``, or ``schema`` and ``data``.

    Raises
    ------
    ProfileError
        When it cannot be read, or a row is no object; says which.
    """
    data, remarks = read_text(path, encoding)
    text = data.lstrip()
    if text.startswith(b"["):
        return list(_elements(text, path)), remarks
    if path.name.lower().removesuffix(".gz").endswith(DOCUMENT) and (table := _table(text, path)) is not None:
        return table, remarks
    return list(_lines(data, path)), remarks


def _lines(data: bytes, path: Path) -> Iterator[JsonRow]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        at = f"{path}:{number}"
        try:
            value = json_object(line, at)
        except ProfileError as error:
            if line.strip() not in {b"{", b"[{"}:
                raise
            message = (
                f"{at}: one whole object a line is expected; one that is spread over lines is read from a .json file"
            )
            raise ProfileError(message) from error
        yield JsonRow(at, line, value)


def _elements(text: bytes, path: Path) -> Iterator[JsonRow]:
    try:
        elements = [bytes(element) for element in _RAW_ROWS.decode(text)]
        values = [json_value(element, str(path)) for element in elements]
    except msgspec.DecodeError:
        values = _array(text, path)
        elements = [json.dumps(value).encode() for value in values]
    for index, (element, value) in enumerate(zip(elements, values, strict=True)):
        at = f"{path}[{index}]"
        if not isinstance(value, dict):
            message = f"{at} is no JSON object, but {element[:40]!r}: an array of objects is expected, one a row"
            raise ProfileError(message)
        yield JsonRow(at, element, value)


def _array(text: bytes, path: Path) -> list[Any]:
    try:
        values = json_value(text, str(path))
    except ProfileError as error:
        message = f"{path} begins as a JSON array and is none ({error.__cause__}): one object a line is read too"
        raise ProfileError(message) from error
    return list(values)


def _table(text: bytes, path: Path) -> list[JsonRow] | None:
    """Return the rows of a whole table in one object, or None where the file is something else."""
    try:
        whole = json_value(text, str(path))
    except ProfileError:  # several objects, one a line
        return None
    if not isinstance(whole, dict):
        return None
    rows = _rows_of(whole) or [whole]
    return [JsonRow(f"{path}[{index}]", json.dumps(row).encode(), row) for index, row in enumerate(rows)]


def _rows_of(whole: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    data = whole.get("data")
    if isinstance(data, list) and "schema" in whole and all(isinstance(row, dict) for row in data):
        return data
    names = whole.get("columns")
    if isinstance(data, list) and isinstance(names, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, names), row, strict=False)) for row in data]
    columns = [list(cells.values()) if isinstance(cells, dict) else cells for cells in whole.values()]
    if not columns or not all(isinstance(cells, list) and len(cells) == len(columns[0]) for cells in columns):
        return None
    indices = [list(cells) for cells in whole.values() if isinstance(cells, dict)]
    if any(index != indices[0] for index in indices):
        return None
    return [dict(zip(whole, row, strict=True)) for row in zip(*columns, strict=True)]

"""Tables that are written by column, or apart from the names of their columns, as lists of rows.

Three forms are known: tensors as in the Open Inference Protocol, objects with ``columns`` and ``data`` as pandas writes
them (``orient="split"``), and objects of columns, which are lists of one length.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from itertools import chain
from typing import Any, Final

import numpy as np

from driftline.errors import EventError
from driftline.events.dead_letter import INVALID_VALUE
from driftline.events.documents import ABSENT, parsed
from driftline.events.json_type import name_of

_RAW_TYPES: Final = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_LENGTH: Final = struct.Struct("<I")
_MAX_SIDE: Final = (1 << 31) - 1
_MAX_DIMENSIONS: Final = 64
"""Of a tensor: no record holds a larger one."""


def rows_of(value: object, raw: object, at: str) -> object:
    """Return a table as a list of rows; what is no table, such as a list of rows, stays as it is.

    Parameters
    ----------
    value : object
        The table, or a text in JSON that holds it.
    raw : object
        Raw bytes of the tensors in base64, a list of one each; absent where tensors have their data themselves.
    at : str
        Where it stands, for messages.

    Raises
    ------
    EventError
        When its columns are of different lengths, or a tensor has fewer or more values than its shape says.

    Examples
    --------
    >>> rows_of({"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}, None, "$")
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]
    >>> tensors = [{"name": "a", "shape": [2], "data": [1, 2]}, {"name": "b", "shape": [2, 2], "data": [1, 2, 3, 4]}]
    >>> rows_of(tensors, None, "$")
    [{'a': 1, 'b': [1, 2]}, {'a': 2, 'b': [3, 4]}]
    """
    if isinstance(value, str):
        value = parsed(value)
    if isinstance(value, list):
        return _of_tensors(value, raw, at) if _are_tensors(value) else value
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return _of_split(value["columns"], value["data"], at)
    if value and all(isinstance(column, list) for column in value.values()):
        return _of_columns({str(name): column for name, column in value.items()}, at)
    return value


def _of_split(columns: list[Any], data: list[Any], at: str) -> list[dict[str, Any]]:
    names = [*map(str, columns)]
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            got = f"{len(row)}" if isinstance(row, list) else name_of(row)
            message = f"Expected {len(names)} values, for each column, got {got} - at `{at}.data[{number}]`"
            raise EventError(INVALID_VALUE, message)
    return [dict(zip(names, row, strict=True)) for row in data]


def _of_columns(columns: dict[str, list[Any]], at: str) -> list[dict[str, Any]]:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}: {n}" for name, n in [*lengths.items()][:5])
        raise EventError(INVALID_VALUE, f"Expected columns of one length, got other lengths ({shown}) - at `{at}`")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _are_tensors(value: list[Any]) -> bool:
    return bool(value) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) and ("shape" in each or "data" in each)
        for each in value
    )


def _of_tensors(tensors: list[dict[str, Any]], raw: object, at: str) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {}
    for number, tensor in enumerate(tensors):
        bare = raw[number] if isinstance(raw, list) and number < len(raw) else None
        columns[tensor["name"]] = _rows_of_tensor(tensor, bare, f"{at}[{number}]")
    return _of_columns(columns, at)


def _rows_of_tensor(tensor: dict[str, Any], raw: object, at: str) -> list[Any]:
    """Return the values of a tensor, one for each row, or a list for each row where it has many columns."""
    values = _values(tensor, raw, at)
    shape = tensor.get("shape")
    if not (isinstance(shape, list) and shape and all(isinstance(n, int | float) and n >= 0 for n in shape)):
        shape = [len(values)]
    if max(shape) > _MAX_SIDE or len(shape) > _MAX_DIMENSIONS:
        raise EventError(INVALID_VALUE, f"Expected the shape of a tensor, got a larger one - at `{at}.shape`")
    n_rows, n_columns = int(shape[0]), math.prod(map(int, shape[1:]))
    if n_rows * n_columns != len(values):
        expected = f"Expected {n_rows * n_columns} values, as the shape {shape} says, got {len(values)}"
        raise EventError(INVALID_VALUE, f"{expected} - at `{at}`")
    if n_columns == 0 and n_rows > 0:
        raise EventError(INVALID_VALUE, f"Expected values in each row, got the shape {shape} - at `{at}.shape`")
    if n_columns == 1:
        return values
    return [values[row * n_columns : (row + 1) * n_columns] for row in range(n_rows)]


def _values(tensor: dict[str, Any], raw: object, at: str) -> list[Any]:
    """Return all values of a tensor in their order, from its ``data``, its typed ``contents`` or raw bytes."""
    data = tensor.get("data", ABSENT)
    if data is ABSENT and isinstance(tensor.get("contents"), dict):
        found = [(name, values) for name, values in tensor["contents"].items() if isinstance(values, list) and values]
        if found:
            name, values = found[0]
            return [*map(_text, values)] if name.startswith("bytes") else values
    if data is ABSENT and isinstance(raw, str):
        return _unpacked(raw, str(tensor.get("datatype")), at)
    if data is ABSENT or data is None:
        return []
    if not isinstance(data, list):
        raise EventError(INVALID_VALUE, f"Expected a list of values, got {name_of(data)} - at `{at}.data`")
    while data and all(isinstance(each, list) for each in data):
        data = [*chain.from_iterable(data)]
    return data


def _unpacked(raw: str, datatype: str, at: str) -> list[Any]:
    """Return the values of raw bytes: numbers little-endian in row-major order, texts behind their length."""
    try:
        data = base64.b64decode(raw, validate=True)
        if datatype == "BYTES":
            return _texts(data)
        if datatype == "BF16":
            halves = np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16
            return [*halves.view(np.float32).tolist()]
        return [*np.frombuffer(data, dtype=_RAW_TYPES[datatype]).tolist()]
    except KeyError:
        got = f"Expected a datatype of the Open Inference Protocol, got `{datatype}`"
    except (ValueError, binascii.Error, struct.error) as error:
        got = f"Expected raw values of the datatype {datatype}, got other bytes ({error})"
    raise EventError(INVALID_VALUE, f"{got} - at `{at}`")


def _texts(data: bytes) -> list[str]:
    texts = []
    start = 0
    while start < len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        if start + length > len(data):
            raise ValueError("a text longer than what is left")
        texts.append(data[start : start + length].decode())
        start += length
    return texts


def _text(value: object) -> object:
    """Return the text of bytes, which documents hold in base64."""
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (ValueError, binascii.Error):
        return value

"""Compiles an Avro schema for the native library, which then writes records as the JSON of their documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from driftline.native.program import Program
from driftline.native.transcoder import AVRO
from driftline.runtime.encodings.avro_logical import CONVERSIONS
from driftline.runtime.encodings.avro_source import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from driftline.runtime.encodings.avro_source import Schema

_SIMPLE: Final = {"null": 0, "boolean": 1, "int": 2, "long": 2, "float": 3, "double": 4, "string": 5, "bytes": 6}
_FIXED, _DATE, _DIVIDED, _DECIMAL, _FIXED_DECIMAL, _UUID, _ENUM, _UNION, _ARRAY, _MAP, _RECORD = range(7, 18)
_DIVISORS: Final = {"micros": 1_000, "nanos": 1_000_000}
"""From the unit that a timestamp's type ends with to milliseconds."""
_MAX_BRANCHES: Final = 64
"""Branches of a union whose index is one byte."""
_MAX_SCALE: Final = 22
"""Digits behind the point of a decimal, of which double precision holds the power of ten exactly."""
_UUID_BYTES: Final = 16
_WORD: Final = 1 << 32


class _NotNative(Exception):  # noqa: N818  # no error: it ends the attempt
    """The schema uses what the native library does not read."""


def avro_program(schema: object, named: Mapping[str, Any]) -> Program | None:
    """Return the program of a parsed schema; None where its values are to be read in Python.

    Parameters
    ----------
    schema, named : object, mapping of str to object
        As :func:`~driftline.runtime.encodings.avro_reader.parse` returns them.
    """
    try:
        return _Compiler(schema, named).program
    except (_NotNative, RecursionError):
        return None


class _Compiler:
    """Numbers the types of a schema, the outermost 0, and writes one node for each."""

    def __init__(self, schema: object, named: Mapping[str, Any]) -> None:
        self._named = named
        self.program = Program(AVRO)
        self._nodes: list[list[int]] = []
        self._records: dict[str, int] = {}
        if resolved(schema, named)[0] not in {"record", "error", "map"}:
            raise _NotNative  # its documents are no objects
        self._node(schema)
        self.program.words += [len(self._nodes), *(word for node in self._nodes for word in node)]

    def _node(self, schema: Schema) -> int:
        """Return the number of a type's node; a record has one, wherever it is used."""
        kind, schema = resolved(schema, self._named)
        is_record = kind in {"record", "error"}
        if is_record and schema["name"] in self._records:
            return self._records[schema["name"]]
        number = len(self._nodes)
        node: list[int] = []
        self._nodes.append(node)
        if is_record:
            self._records[schema["name"]] = number
            node += self._record(schema["fields"])
        elif kind == "union":
            node += self._union(schema)
        elif kind in {"array", "map"}:
            node += [_ARRAY, self._node(schema["items"])] if kind == "array" else [_MAP, self._node(schema["values"])]
        elif kind == "enum":
            names = [word for symbol in schema["symbols"] for word in self.program.name(json.dumps(str(symbol)))]
            node += [_ENUM, len(schema["symbols"]), *names]
        else:
            node += _scalar(kind, schema)
        return number

    def _record(self, fields: Sequence[Mapping[str, Any]]) -> Iterator[int]:
        yield from (_RECORD, len(fields))
        for place, field in enumerate(fields):
            yield from self.program.name(f"{',' if place else '{'}{json.dumps(field['name'])}:")
            yield self._node(field["type"])

    def _union(self, branches: Sequence[object]) -> Iterator[int]:
        if len(branches) > _MAX_BRANCHES:
            raise _NotNative
        yield from (_UNION, len(branches))
        for branch in branches:
            yield self._node(branch)


def _scalar(kind: str, schema: Mapping[str, Any]) -> list[int]:
    """Return the node of a type without types in it."""
    logical = schema.get("logicalType")
    size = int(schema["size"]) if kind == "fixed" else 0
    if not 0 <= size < _WORD:
        raise _NotNative
    if logical is not None and (logical, kind) in CONVERSIONS:  # what is not converted is left as it is
        return _converted(logical, kind, size, schema)
    if kind == "fixed":
        return [_FIXED, size]
    if kind not in _SIMPLE:
        raise _NotNative
    return [_SIMPLE[kind]]


def _converted(logical: str, kind: str, size: int, schema: Mapping[str, Any]) -> list[int]:
    """Return the node of a logical type that documents have in another form."""
    if logical == "decimal":
        scale = int(schema.get("scale") or 0)
        if not 0 <= scale <= _MAX_SCALE:
            raise _NotNative
        return [_DECIMAL, scale] if kind == "bytes" else [_FIXED_DECIMAL, size, scale]
    if logical == "uuid":
        if size != _UUID_BYTES:
            raise _NotNative
        return [_UUID]
    return [_DATE] if logical == "date" else [_DIVIDED, _DIVISORS[logical.rpartition("-")[2]]]

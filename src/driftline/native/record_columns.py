"""Reads the fields of JSON records by column, whole batches at once."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from driftline.native.library import library
from driftline.native.program import Program, Runner

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Mapping, Sequence

_COLUMNS: Final = msgspec.msgpack.Decoder(list[list[Any]]).decode


class FieldKind(IntEnum):
    """What a field may hold; null where it need not be there."""

    IDENTIFIER = 0
    """A text that is not empty, or a whole number."""
    NAME = 1
    """A text that is not empty."""
    VERSION = 2
    """A text or a whole number."""
    TIME = 3
    """Milliseconds since the epoch, or RFC 3339; given as milliseconds."""
    CLASS = 4
    """A text, a number or a truth value."""
    SCORE = 5
    """A number, or an object or a list of numbers; all are given as floats."""
    OBJECT = 6
    """An object as JSON; null is empty."""
    RAW = 7
    """Any value as JSON."""
    SCALAR = 8
    """A text, a number or a truth value."""
    NUMBER = 9
    """A number, given as a float."""


class RecordField(NamedTuple):
    """A field that is read.

    Attributes
    ----------
    path : sequence of str
        The keys that lead to it, through objects.
    kind : FieldKind
    required : bool
    most : int
        Bytes of a text at most, in UTF-8; a record with a longer one is left.
    """

    path: Sequence[str]
    kind: FieldKind
    required: bool
    most: int


class RecordColumns:
    """Reads n JSON records, n >= 1.

    Parameters
    ----------
    functions : CDLL
        The native library.
    fields : sequence of RecordField
        No path is within another.
    """

    def __init__(self, functions: ctypes.CDLL, fields: Sequence[RecordField]) -> None:
        program = Program(len(fields))
        for field in fields:
            program.words += (field.kind, field.required, field.most)
        write_objects(program, {tuple(field.path): number for number, field in enumerate(fields)})
        self._run = Runner(functions, "driftline_read_records", program)

    def __call__(self, values: Sequence[bytes | None]) -> tuple[list[int], list[Sequence[Any]]]:
        """Return the numbers of the records that are left, and the fields by column.

        A field that is not there is None, and so are all fields of records that are left: these are no JSON, lack what
        is required, or hold anything that has to be looked at more closely.
        """
        odd, *columns = _COLUMNS(self._run(values))
        n = len(values)
        return odd, [column if len(column) == n else column * n for column in columns]


def record_columns(fields: Sequence[RecordField]) -> RecordColumns | None:
    """Return what reads fields; None where there is no native library.

    Raises
    ------
    ConfigurationError
        As :func:`~driftline.native.library.library` does.
    """
    functions = library()
    return None if functions is None else RecordColumns(functions, fields)


def write_objects(program: Program, fields: Mapping[tuple[str, ...], int]) -> None:
    """Add to a program which objects there are, one within the other, and where in them fields stand, by path."""
    objects: list[dict[str, tuple[int, int]]] = [{}]
    for path, number in fields.items():
        members = objects[0]
        for key in path[:-1]:
            if key not in members:
                members[key] = (1, len(objects))
                objects.append({})
            members = objects[members[key][1]]
        members[path[-1]] = (0, number)
    program.words.append(len(objects))
    for members in objects:
        program.words.append(len(members))
        for key, member in members.items():
            program.words += (*program.name(key), *member)

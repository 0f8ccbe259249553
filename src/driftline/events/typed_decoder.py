"""Reads the mapped fields of JSON records by column: natively where that can be, and otherwise typed by msgspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.events.mapping import MappedDecoder, pointer_parts
from driftline.native.record_columns import FieldKind, RecordField, record_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANY_LENGTH: Final = (1 << 32) - 1


class FieldType(NamedTuple):
    """What a field is read as.

    Attributes
    ----------
    type : type
        By msgspec.
    kind : FieldKind
        By the native library, which may leave values that the type allows.
    most : int
        Bytes of a text that the library reads.
    """

    type: Any
    kind: FieldKind
    most: int = ANY_LENGTH


class TypedDecoder:
    """Reads fields that stand under plain pointers.

    Parameters
    ----------
    fields : mapping of str to (pointer, FieldType, required)
        What to read. An optional field that is absent is None, or empty if it stays JSON.
    """

    def __init__(self, fields: Mapping[str, tuple[str, FieldType, bool]]) -> None:
        self._decode = MappedDecoder({name: (at, kind.type, needed) for name, (at, kind, needed) in fields.items()})
        self._read = record_columns(
            [RecordField(pointer_parts(at), kind.kind, needed, kind.most) for at, kind, needed in fields.values()]
        )

    def columns(self, values: Sequence[bytes | None]) -> list[Sequence[Any]] | None:
        """Return the mapped values of n records, n >= 1, by field; None where one of them needs a closer look.

        Texts and JSON are given as ``str`` and ``bytes``, or as msgspec has them.
        """
        if self._read is None:
            return self._decode.columns(values)
        left, columns = self._read(values)
        if not left:
            return columns
        found = self._decode.columns([values[record] for record in left])
        if found is None:
            return None
        return [_replaced(column, left, values_left) for column, values_left in zip(columns, found, strict=True)]


def _replaced(column: Sequence[Any], rows: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """Return a column with other values in some rows."""
    replaced = [*column]
    for row, value in zip(rows, values, strict=True):
        replaced[row] = value
    return replaced

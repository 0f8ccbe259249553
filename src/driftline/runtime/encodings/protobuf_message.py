"""Which message type of its file a Protobuf value is of, where the value or a header says so.

Confluent's serializers write *message indexes* before the value: the position of the type in the file, outermost first,
each as a zigzag varint behind their number; a single 0 means the first type. Apicurio's write a ``Ref`` instead: its
length, then a message whose field 1 is the type's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_REF_FIELD: Final = 0x0A
"""Field 1, a text."""
_MAX_SHIFT: Final = 28
_LAST: Final = 0x80


def take_indexes(data: bytes) -> tuple[tuple[int, ...], bytes]:
    """Return message indexes, and what follows.

    Examples
    --------
    >>> take_indexes(bytes([0]) + b"rest"), take_indexes(bytes([4, 2, 0]) + b"rest")
    (((0,), b'rest'), ((1, 0), b'rest'))

    Raises
    ------
    ValueError
        When the bytes are no message indexes.
    """
    n, at = _varint(data, 0)
    if n == 0:
        return (0,), data[at:]
    if not 0 < n <= len(data):
        raise ValueError("no message indexes before the value")
    indexes = []
    for _ in range(n):
        index, at = _varint(data, at)
        indexes.append(index)
    return tuple(indexes), data[at:]


def take_ref(data: bytes, names: Collection[str]) -> tuple[str, bytes] | None:
    """Return the name of a message type and what follows; None where there is no ``Ref`` to one of ``names``.

    Examples
    --------
    >>> take_ref(bytes([7, 10, 5]) + b"Scorerest", {"Score"})
    ('Score', b'rest')
    """
    if len(data) < 3 or data[1] != _REF_FIELD or data[2] != data[0] - 2:  # noqa: PLR2004  # length, field, length
        return None
    end = data[0] + 1
    name = data[3:end].decode(errors="replace")
    return (name, data[end:]) if name in names else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    raw = shift = 0
    while at < len(data) and shift <= _MAX_SHIFT:
        byte = data[at]
        at += 1
        raw |= (byte & 0x7F) << shift
        if byte < _LAST:
            return (raw >> 1) ^ -(raw & 1), at
        shift += 7
    raise ValueError("no message indexes before the value")

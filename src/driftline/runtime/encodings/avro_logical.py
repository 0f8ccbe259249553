"""What Avro's logical types become in a document: what JSON would have in their place."""

from __future__ import annotations

from binascii import b2a_base64
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_FAR: Final = 400
"""Digits before or behind the point beyond which a number is infinite or 0."""
_DIGITS_A_BYTE: Final = 3


def base64_text(data: bytes) -> str:
    """Return bytes as JSON has them, in base64."""
    return b2a_base64(data, newline=False).decode()


def decimal(data: bytes, scale: int) -> float:
    """Return the number nearest to a decimal of ``scale`` digits behind the point; it may be infinite.

    Examples
    --------
    >>> decimal(bytes([4, 210]), 2)
    12.34
    """
    unscaled = int.from_bytes(data, signed=True)
    scale = max(-_FAR, min(scale, _FAR + _DIGITS_A_BYTE * len(data)))  # some formats have it in each value: 10**scale
    power: int = 10 ** abs(scale)  # must stay small
    try:
        return unscaled / power if scale >= 0 else float(unscaled * power)
    except OverflowError:
        return float("inf") if unscaled > 0 else float("-inf")


def iso_date(days: int) -> str:
    """Return the date that is so many days after 1970-01-01.

    Examples
    --------
    >>> iso_date(19_723)
    '2024-01-01'
    """
    return date.fromordinal(_FIRST_DAY + days).isoformat()


def uuid_text(data: bytes) -> str:
    """Return a UUID of 16 bytes as text."""
    return str(UUID(bytes=data))


CONVERSIONS: Final[dict[tuple[str | None, str], Callable[[Any, str], str]]] = {
    (None, "bytes"): lambda _, to: f"base64_text({to})",
    (None, "fixed"): lambda _, to: f"base64_text({to})",
    ("decimal", "bytes"): lambda schema, to: f"decimal({to}, {int(schema.get('scale') or 0)})",
    ("decimal", "fixed"): lambda schema, to: f"decimal({to}, {int(schema.get('scale') or 0)})",
    ("uuid", "fixed"): lambda _, to: f"uuid_text({to})",
    ("date", "int"): lambda _, to: f"iso_date({to})",
    ("timestamp-micros", "long"): lambda _, to: f"{to} // 1000",
    ("timestamp-nanos", "long"): lambda _, to: f"{to} // 1000000",
    ("local-timestamp-micros", "long"): lambda _, to: f"{to} // 1000",
    ("local-timestamp-nanos", "long"): lambda _, to: f"{to} // 1000000",
}
"""Source of the conversion of a value in the variable ``to``, by logical and underlying type; times are milliseconds
since the epoch. Those that are not here are left as they are."""

FUNCTIONS: Final = {each.__name__: each for each in (base64_text, decimal, iso_date, uuid_text)}
"""What the sources call."""

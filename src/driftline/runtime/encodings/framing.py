"""Where a record says which schema it was written with: before its value, or in a header.

============================  ==========================================================================
before the value              0, schema id of 4 bytes (Confluent; or 8: older Apicurio), the value
before the value              1, GUID of 16 bytes, the value (Confluent)
header ``__value_schema_id``  the same as before a value, without the value (Confluent)
``apicurio.value.contentId``  content id of 8 bytes (Apicurio)
``apicurio.value.globalId``   global id of 8 bytes (Apicurio)
============================  ==========================================================================

A schema is named by the path at which the registry serves it, so ids of different kinds do not meet.

*Source*: Confluent's wire format of Schema Registry, and ``confluent_kafka.schema_registry`` 2.16; the header names of
Apicurio Registry's serializers 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

ID: Final = 0
GUID: Final = 1
"""First bytes of framed values."""
_GUID_BYTES: Final = 16

CONFLUENT_HEADER: Final = "__value_schema_id"
CONTENT_ID_HEADER: Final = "apicurio.value.contentId"
GLOBAL_ID_HEADER: Final = "apicurio.value.globalId"
SCHEMA_HEADERS: Final = frozenset({CONFLUENT_HEADER, CONTENT_ID_HEADER, GLOBAL_ID_HEADER})
MESSAGE_HEADER: Final = "apicurio.protobuf.type"
"""Name of the Protobuf message type, without its package."""

ID_PATH: Final = "/schemas/ids/"
GUID_PATH: Final = "/schemas/guids/"
GLOBAL_ID_PATH: Final = "/ids/globalIds/"
"""Of Apicurio's own API: Confluent's has no global ids."""

BEFORE_PAYLOAD: Final = b""
"""Instead of a message type: it stands before the payload."""


class Framed(NamedTuple):
    """A value that names its schema."""

    schema: str
    """Path of the schema in the registry."""
    payload: bytes
    """The value behind the framing; Protobuf's may begin with the message type."""
    message: bytes | str | None = BEFORE_PAYLOAD
    """Protobuf's message type where a header gave it: as message indexes, or by its name. None where it gave none."""


def schema_name(path: str) -> str:
    """Return how the evidence of events names a schema: by its id or GUID.

    Examples
    --------
    >>> schema_name("/schemas/ids/299"), schema_name("/ids/globalIds/7")
    ('299', 'global 7')
    """
    name = path.rpartition("/")[2]
    return f"global {name}" if path.startswith(GLOBAL_ID_PATH) else name


def from_prefix(value: bytes, id_bytes: int) -> Framed | None:
    """Return a value that begins with its schema's id or GUID; None where it does not, or is too short for one."""
    first = value[0] if value else None
    if first == ID and len(value) >= 1 + id_bytes:
        schema = int.from_bytes(value[1 : 1 + id_bytes])
        return Framed(f"{ID_PATH}{schema}", value[1 + id_bytes :])
    if first == GUID and len(value) >= 1 + _GUID_BYTES:
        return Framed(f"{GUID_PATH}{UUID(bytes=value[1 : 1 + _GUID_BYTES])}", value[1 + _GUID_BYTES :])
    return None


def from_headers(value: bytes, headers: Mapping[str, bytes]) -> Framed | None:
    """Return a value whose headers name its schema; None where they do not."""
    named = headers.get(CONFLUENT_HEADER)
    if named is not None:
        framed = from_prefix(named, 4)
        if framed is not None:
            return Framed(framed.schema, value, framed.payload or None)
    for header, path in ((GLOBAL_ID_HEADER, GLOBAL_ID_PATH), (CONTENT_ID_HEADER, ID_PATH)):
        number = headers.get(header)
        if number is not None and len(number) in {4, 8}:
            message = headers.get(MESSAGE_HEADER)
            name = None if message is None else message.decode(errors="replace")
            return Framed(f"{path}{int.from_bytes(number)}", value, name)
    return None

"""Reads framed Protobuf values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.runtime.encodings.framing import BEFORE_PAYLOAD
from driftline.runtime.encodings.protobuf_message import take_indexes, take_ref
from driftline.runtime.encodings.schema_problems import SchemaError

if TYPE_CHECKING:
    from driftline.native.transcoder import Transcoder
    from driftline.runtime.encodings.protobuf_schema import ProtobufSchema


class ProtobufValues:
    """Reads framed Protobuf values; which message type they are of stands before them or in a header."""

    def __init__(self, schema: ProtobufSchema) -> None:
        self._schema = schema
        self._first = schema.at((0,)) if schema.names else None

    def __call__(self, payload: bytes, message: bytes | str | None = BEFORE_PAYLOAD, /) -> object:
        """Return the document.

        Raises
        ------
        SchemaError
            When the schema has no such message type.
        ValueError
            When the bytes are no message of it.
        """
        if message == BEFORE_PAYLOAD and payload[:1] == b"\x00" and self._first is not None:
            return self._first(payload[1:])
        names = self._schema.short_names
        ref = take_ref(payload, names)
        if ref is not None:
            return self._schema.reader(names[ref[0]])(ref[1])
        if isinstance(message, str):
            return self._schema.reader(names.get(message, message))(payload)
        if message is None:
            return self._schema.at((0,))(payload)
        indexes, rest = take_indexes(message or payload)
        return self._schema.at(indexes)(payload if message else rest)

    def transcoder(self, payload: bytes) -> tuple[Transcoder, bytes] | None:
        """Return what writes payloads of the same message type as JSON, and what they begin with.

        None where nothing does, or this one does not say of which type it is.
        """
        names = self._schema.short_names
        try:
            ref = take_ref(payload, names)
            if ref is not None:
                name, rest = names[ref[0]], ref[1]
            else:
                indexes, rest = take_indexes(payload)
                name = self._schema.name_at(indexes)
            found = self._schema.transcoder(name)
        except (ValueError, SchemaError):
            return None
        return None if found is None else (found, payload[: len(payload) - len(rest)])

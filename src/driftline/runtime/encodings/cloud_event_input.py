"""CloudEvents as input, in both content modes of the Kafka protocol binding.

The document has the form of the structured mode, whichever the record is in: the attributes beside each other, and
``data``. So fields of the payload stand under ``/data``, and ``/time`` or ``/source`` are the event's own.

*Source*: CloudEvents 1.0.2; its JSON format and its Kafka protocol binding.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from driftline.errors import EventError
from driftline.events.documents import document_of
from driftline.runtime.encodings.schema_problems import EncodingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTENT_TYPE: Final = "content-type"
_PREFIX: Final = "ce_"
_STRUCTURED: Final = b"application/cloudevents"
_JSON_FORMAT: Final = b"application/cloudevents+json"


class CloudEventReader:
    """Reads CloudEvents; ``read_data`` reads their data, to a document or to bytes for JSON."""

    def __init__(self, read_data: Callable[[bytes, Mapping[str, bytes]], object]) -> None:
        self._read_data = read_data

    def __call__(self, value: bytes, headers: Mapping[str, bytes]) -> object:
        """Return the event as a document, or as bytes where it is JSON as it stands.

        Raises
        ------
        EncodingError
            When it is no CloudEvent, in a format other than JSON, or its data cannot be read.
        """
        content_type = headers.get(CONTENT_TYPE, b"").lower()
        if content_type.startswith(_STRUCTURED):
            if not content_type.startswith(_JSON_FORMAT):
                shown = content_type.decode(errors="replace")
                raise EncodingError(f"Expected a CloudEvent in JSON (application/cloudevents+json), got {shown!r}")
            return self._structured(value)
        if f"{_PREFIX}id" in headers:
            return self._binary(value, headers)
        if value[:1] == b"{" and b'"specversion"' in value:
            return self._structured(value)
        raise EncodingError(
            "Expected a CloudEvent: a header `ce_id`, or the content type application/cloudevents+json, got neither"
        )

    def _structured(self, value: bytes) -> object:
        """Return the value itself unless its data are in base64."""
        if b'"data_base64"' not in value:
            return value
        event = json_document(value)
        if isinstance(event, dict) and isinstance(event.get("data_base64"), str):
            try:
                data = base64.b64decode(event.pop("data_base64"), validate=True)
            except binascii.Error as error:
                raise EncodingError(f"Expected base64, got what is none ({error}) - at `$.data_base64`") from error
            event["data"] = self._data(data, {})
        return event

    def _binary(self, value: bytes, headers: Mapping[str, bytes]) -> object:
        event: dict[str, object] = {
            name.removeprefix(_PREFIX): text.decode(errors="replace")
            for name, text in headers.items()
            if name.startswith(_PREFIX)
        }
        if CONTENT_TYPE in headers:
            event["datacontenttype"] = headers[CONTENT_TYPE].decode(errors="replace")
        event["data"] = self._data(value, headers)
        return event

    def _data(self, data: bytes, headers: Mapping[str, bytes]) -> object:
        read = self._read_data(data, headers)
        return json_document(read) if isinstance(read, bytes) else read


def json_document(value: bytes) -> Any:  # noqa: ANN401  # any JSON
    """Return parsed JSON; ``NaN`` and ``Infinity``, as Python's own encoder writes them, are read.

    Raises
    ------
    EncodingError
        When it is no JSON.
    """
    try:
        return document_of(value)
    except EventError as error:
        raise EncodingError(str(error)) from error

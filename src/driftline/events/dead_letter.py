"""Records that were refused: the raw bytes, where they came from and why."""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

NOT_JSON: Final = "not_json"
NOT_UTF8: Final = "not_utf8"
MISSING_FIELD: Final = "missing_field"
INVALID_TYPE: Final = "invalid_type"
INVALID_VALUE: Final = "invalid_value"
EMPTY: Final = "empty_record"
FUTURE: Final = "timestamp_in_future"
IMPLAUSIBLE_TIME: Final = "implausible_time"
OFFSET_GAP: Final = "offset_gap"
UNKNOWN_SCHEMA: Final = "unknown_schema"
UNUSABLE_SCHEMA: Final = "unusable_schema"
WRONG_ENCODING: Final = "wrong_encoding"
UNPAIRED: Final = "unpaired"
NOTIFY_FAILED: Final = "notify_failed"
UNUSABLE_COMMAND: Final = "unusable_command"

REASONS: Final = {
    NOT_JSON: "the value is not JSON",
    NOT_UTF8: "the value is not UTF-8",
    MISSING_FIELD: "a required field is absent",
    INVALID_TYPE: "a field of the event itself has the wrong type",
    INVALID_VALUE: "a field of the event itself is out of its range",
    EMPTY: "the record has no value",
    FUTURE: "the event time is too far past the record's Kafka timestamp",
    IMPLAUSIBLE_TIME: "the event time is so far off that it must be in another unit",
    OFFSET_GAP: "records between two offsets were gone before they could be read",
    UNKNOWN_SCHEMA: "the schema registry has no schema of the record's id",
    UNUSABLE_SCHEMA: "the record's schema cannot be used",
    WRONG_ENCODING: "the value is not encoded as its schema or the configuration says",
    UNPAIRED: "the other half of a request and its response did not come in time",
    UNUSABLE_COMMAND: "a record of the control topic is no command that can be carried out",
    NOTIFY_FAILED: "a sink of notifications did not take the alert",
}
"""Permanent reason codes, and what each means."""

MAX_VALUE_BYTES: Final = 768 * 1024
"""Longer raw values are cut; the SHA-256 of the whole is kept."""


class DeadLetter(Struct, frozen=True):
    """One refused record."""

    reason: str
    message: str
    topic: str
    partition: int
    offset: int
    value: bytes

    def record(self) -> tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]:
        """Return key, value and headers for the dead-letter topic.

        The value is the raw record, cut at ``MAX_VALUE_BYTES``; the headers say the rest.
        """
        headers = {
            "driftline_reason": self.reason,
            "driftline_message": self.message,
            "driftline_topic": self.topic,
            "driftline_partition": str(self.partition),
            "driftline_offset": str(self.offset),
            "driftline_size": str(len(self.value)),
            "driftline_sha256": hashlib.sha256(self.value).hexdigest(),
        }
        key = self.topic.encode()
        return key, self.value[:MAX_VALUE_BYTES], tuple((name, text.encode()) for name, text in headers.items())

"""What makes our output CloudEvents 1.0: types, ids that repeat with the event, and the headers of the Kafka binding.

Source: CloudEvents 1.0.2, and its Kafka protocol binding (binary content mode): attributes are headers with the
prefix ``ce_``, the record's value is the data.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from driftline.events.evidence import Event

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
AVRO_CONTENT_TYPE: Final = "application/avro"
CONTENT_TYPE_HEADER: Final = "content-type"

WINDOW: Final = "io.driftline.window.v1"
FINDING: Final = "io.driftline.finding.v1"
PERFORMANCE: Final = "io.driftline.performance.v1"
ESTIMATE: Final = "io.driftline.estimate.v1"
LABEL_ARRIVAL: Final = "io.driftline.label_arrival.v1"
LABEL_STREAM_TYPE: Final = "io.driftline.label_stream.v1"
OPERATIONS: Final = "io.driftline.operations.v1"
PAGES: Final = "io.driftline.pages.v1"
RETRAIN_REQUESTED: Final = "io.driftline.retrain_requested.v1"
RETRAINING_WAITING: Final = "io.driftline.retraining_waiting.v1"
PROPOSAL: Final = "io.driftline.proposal.v1"
CONTROL_ANSWER: Final = "io.driftline.control.v1"
ALERT: Final = "io.driftline.alert.v1"

Headers = tuple[tuple[str, bytes], ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(time_ms: int) -> str:
    """Return an event time as RFC 3339 in UTC with milliseconds.

    Examples
    --------
    >>> rfc3339(1_772_366_400_123)
    '2026-03-01T12:00:00.123Z'
    """
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(text: str) -> int:
    """Return the milliseconds since the epoch of a time that :func:`rfc3339` wrote.

    Examples
    --------
    >>> epoch_ms("2026-03-01T12:00:00.123Z")
    1772366400123
    """
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def headers(event: Event, source: str) -> Headers:
    """Return the record headers of an event, in a fixed order.

    Parameters
    ----------
    event : Event
    source : str
        ``ce_source``: which driftline wrote it, ``driftline/<prefix>``.
    """
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event.ce_id,
        "ce_type": event.TYPE,
        "ce_source": source,
        "ce_time": event.ce_time,
        "ce_subject": event.ce_subject,
        CONTENT_TYPE_HEADER: CONTENT_TYPE,
    }
    return tuple((name, text.encode()) for name, text in attributes.items())

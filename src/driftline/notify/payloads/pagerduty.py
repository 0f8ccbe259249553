"""Events as PagerDuty takes them (Events API v2): one incident per alert, triggered and resolved by the alert's id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.notify.escaping import plain
from driftline.notify.words import MAX_NAME

if TYPE_CHECKING:
    from driftline.notify.message import Entry
    from driftline.notify.words import Wording

_MAX_SUMMARY: Final = 1_024
_MAX_DEDUP_KEY: Final = 255
_MAX_FINDINGS: Final = 10


def event_body(entry: Entry, wording: Wording, routing_key: str) -> bytes:
    """Return the body of a request for an alert's news."""
    alert, words = entry.alert, wording.of_entry(entry)
    event: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": "trigger" if alert.is_open else "resolve",
        "dedup_key": plain(alert.alert_id, _MAX_DEDUP_KEY),
        "client": "driftline",
        "payload": {
            "summary": plain(words.subject, _MAX_SUMMARY),
            "source": plain(alert.model, MAX_NAME) or "driftline",
            "severity": alert.severity,
            "timestamp": plain(alert.updated_at, MAX_NAME),
            "component": plain(alert.model_version, MAX_NAME),
            "group": plain(alert.segment, MAX_NAME),
            "class": plain(alert.cause, MAX_NAME),
            "custom_details": {
                "text": words.body,
                "findings": [plain(finding.message, _MAX_SUMMARY) for finding in alert.findings[:_MAX_FINDINGS]],
                "opened_at": plain(alert.opened_at, MAX_NAME),
                "key": entry.key,
            },
        },
    }
    if words.url:
        event |= {"client_url": words.url, "links": [{"href": words.url, "text": "driftline"}]}
    return msgspec.json.encode(event)

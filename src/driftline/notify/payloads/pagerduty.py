"""Events as PagerDuty takes them (Events API v2): one incident per alert, triggered and resolved by the alert's id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.notify.escaping import plain
from driftline.notify.words import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.notify.message import Message
    from driftline.notify.words import Wording

_MAX_SUMMARY: Final = 1_024
_MAX_DEDUP_KEY: Final = 255
_MAX_FINDINGS: Final = 10


def event_bodies(message: Message, wording: Wording, routing_key: str) -> Iterator[bytes]:
    """Yield the bodies of the requests for news: one; for the end of a page also one for each id by which an earlier
    run may have known it.
    """
    yield event_body(message, wording, routing_key)
    if message.is_over and message.page is not None:
        for alert_id in message.page.stale:
            ended = {"routing_key": routing_key, "event_action": "resolve", "dedup_key": _dedup_key(alert_id)}
            yield msgspec.json.encode(ended)


def event_body(message: Message, wording: Wording, routing_key: str) -> bytes:
    """Return the body of a request for the news of an alert, or of a page of several: they share one incident."""
    entry = message.entries[-1] if message.page is None else message.entries[0]
    alert, words = entry.alert, wording.words(message)
    values = wording.message_values(message)
    event: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": "resolve" if message.is_over else "trigger",
        "dedup_key": _dedup_key(entry.page or alert.alert_id),
        "client": "driftline",
        "payload": {
            "summary": plain(words.subject, _MAX_SUMMARY),
            "source": plain(alert.model, MAX_NAME) or "driftline",
            "severity": values["severity"],
            "timestamp": plain(alert.updated_at, MAX_NAME),
            "component": plain(alert.model_version, MAX_NAME),
            "group": plain(alert.segment, MAX_NAME),
            "class": plain(alert.cause, MAX_NAME),
            "custom_details": {
                "text": words.body,
                "findings": [plain(finding.message, _MAX_SUMMARY) for finding in alert.findings[:_MAX_FINDINGS]],
                "opened_at": plain(alert.opened_at, MAX_NAME),
                "key": message.key,
                "models": values["models"],
            },
        },
    }
    if words.url:
        event |= {"client_url": words.url, "links": [{"href": words.url, "text": "driftline"}]}
    return msgspec.json.encode(event)


def _dedup_key(page_id: str) -> str:
    return plain(page_id, _MAX_DEDUP_KEY)

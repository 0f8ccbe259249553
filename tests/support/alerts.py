"""Alerts as they stand in the alerts topic, for tests of the notifier."""

from __future__ import annotations

import json
from typing import Any

from driftline.notify.alert import Alert, Record, read_alert
from driftline.notify.message import Entry, News

HOSTILE = "<!channel> <b>x</b>\r\nBcc: evil@example.com\x1b[31m @here [y](http://evil) `z` \u202egnp"
"""A name that means something to mail headers, HTML, Slack, Markdown and terminals."""


def alert_fields(alert_id: str = "a1", **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any field of an alert
    """Return an alert that has just opened, with changed fields."""
    return {
        "alert_id": alert_id,
        "state": "open",
        "revision": 1,
        "severity": "critical",
        "cause": "data drift",
        "title": "data drift in income",
        "message": "income: PSI 0.84",
        "notify": True,
        "notification": 1,
        "notified_for": "opened",
        "opened_at": "2026-03-01T13:00:00.000Z",
        "updated_at": "2026-03-01T13:00:00.000Z",
        "resolved_at": None,
        "since": "2026-03-01T12:00:00.000Z",
        "findings": [{"message": "income: PSI 0.84", "column": "income", "severity": "critical", "more": 1}],
        "model": "credit-risk",
        "model_version": "3",
        "segment": "all",
        "a_field_of_later_versions": {"x": 1},
        **changes,
    }


def alert_value(alert_id: str = "a1", **changes: Any) -> bytes:  # noqa: ANN401  # any field of an alert
    """Return an alert as a record's value."""
    return json.dumps(alert_fields(alert_id, **changes)).encode()


def alert(alert_id: str = "a1", **changes: Any) -> Alert:  # noqa: ANN401  # any field of an alert
    """Return an alert as the notifier reads it."""
    return read_alert(alert_value(alert_id, **changes))


def updated(alert_id: str = "a1", revision: int = 2, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Return the fields of a change that does not notify."""
    return alert_fields(alert_id, revision=revision, notify=False, updated_at="2026-03-01T14:00:00.000Z", **changes)


def resolved(alert_id: str = "a1", revision: int = 3, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # as above
    """Return the fields of a resolution."""
    moment = "2026-03-01T15:00:00.000Z"
    fields = {
        "state": "resolved",
        "notify": False,
        "title": "data drift in income (resolved)",
        "updated_at": moment,
        "resolved_at": moment,
        **changes,
    }
    return alert_fields(alert_id, revision=revision, **fields)


def record(offset: int, fields: dict[str, Any], time_s: float = 0.0) -> Record:
    """Return a record of the alerts topic."""
    value = json.dumps(fields).encode()
    return Record(0, offset, read_alert(value), value, value, time_s)


def entry(news: News = "opened", fields: dict[str, Any] | None = None, offset: int = 0) -> Entry:
    """Return an entry of a message."""
    return Entry(news, record(offset, fields or alert_fields()))

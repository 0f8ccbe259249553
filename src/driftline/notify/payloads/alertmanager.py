"""Alerts as Prometheus Alertmanager takes them (API v2): labels identify, times say whether the alert is open.

Alertmanager takes two alerts as one if all their labels agree. The severity is among them, so when it rises, the alert
of the lower severity is ended at once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from driftline.notify.alert import SEVERITIES
from driftline.notify.escaping import plain
from driftline.notify.message import restated
from driftline.notify.words import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.notify.alert import Alert
    from driftline.notify.message import Entry
    from driftline.notify.words import Wording

PATH: Final = "/api/v2/alerts"
EXPIRES_AFTER: Final = 4
"""Intervals without a word after which Alertmanager takes an alert as resolved."""
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


class Times(NamedTuple):
    """Now, and when an open alert expires unless it is sent again; epoch seconds."""

    now_s: float
    expires_s: float


def news_body(entry: Entry, wording: Wording, times: Times) -> bytes:
    """Return the body of a request for news: the alert, and the end of what it was at lower severities."""
    alert = entry.alert
    posted = [_posted(restated(alert, entry.page) if alert.is_open else entry, wording, times)]
    if alert.revision > 1:
        ended = {"startsAt": _not_after(alert.opened_at, times.now_s), "endsAt": _text(times.now_s)}
        lower = SEVERITIES[: SEVERITIES.index(alert.severity)]
        posted += [{"labels": labels(alert, severity, entry.page), **ended} for severity in lower]
    return msgspec.json.encode(posted)


def open_body(open_: Iterable[Entry], wording: Wording, times: Times) -> bytes:
    """Return the body of a request that keeps open alerts open; the entries are those of :func:`restated`."""
    return msgspec.json.encode([_posted(entry, wording, times) for entry in open_])


def labels(alert: Alert, severity: str, page: str = "") -> dict[str, str]:
    """Return what identifies an alert; Alertmanager knows no empty labels.

    ``group`` is the id of its page, the same for alerts of several models that are one problem: Alertmanager makes one
    notification of them where its route groups by it.
    """
    name = "".join(word.capitalize() for word in _WORD.findall(alert.cause))
    named = {
        "alertname": f"Driftline{name}",
        "alert_id": alert.alert_id,
        "model": alert.model,
        "version": alert.model_version,
        "segment": alert.segment,
        "cause": alert.cause,
        "severity": severity,
        "group": page or alert.alert_id,
    }
    shown = {label: plain(value, MAX_NAME) for label, value in named.items()}
    return {label: value for label, value in shown.items() if value}


def _posted(entry: Entry, wording: Wording, times: Times) -> dict[str, object]:
    alert, words = entry.alert, wording.of_entry(entry)
    ends_at = _text(times.expires_s) if alert.is_open else _not_after(alert.resolved_at, times.now_s)
    posted: dict[str, object] = {
        "labels": labels(alert, alert.severity, entry.page),
        "annotations": {"summary": words.subject, "description": words.body},
        "startsAt": _not_after(alert.opened_at, times.now_s),
        "endsAt": ends_at,
    }
    return posted | ({"generatorURL": words.url} if words.url else {})


def _not_after(text: str | None, now_s: float) -> str:
    """Return an event time, or now where it is later: Alertmanager wants starts before ends, by its own clock."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return _text(now_s)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _text(min(moment.timestamp(), now_s))


def _text(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

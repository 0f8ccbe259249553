"""The sinks that are told over HTTP: Alertmanager, webhooks, PagerDuty."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from driftline.notify.payloads.alertmanager import EXPIRES_AFTER, PATH, Times, news_body, open_body
from driftline.notify.payloads.pagerduty import event_bodies
from driftline.notify.payloads.webhook import document, from_template, signature_headers
from driftline.runtime.notify.outcome import DELIVERED, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.config.notify_secrets import SinkSecrets
    from driftline.config.notify_settings import AlertmanagerSettings, PagerDutySettings, WebhookSettings
    from driftline.config.secrets import Secret
    from driftline.notify.message import Entry, Message
    from driftline.notify.words import Wording
    from driftline.runtime.notify.http_post import HttpPost

_ALERTS_A_REQUEST: Final = 100


class AlertmanagerSender:
    """Posts alerts to Alertmanager: news once, and what is open again and again, so that it does not expire."""

    def __init__(self, settings: AlertmanagerSettings, wording: Wording, http: HttpPost) -> None:
        self._url = settings.url.rstrip("/") + PATH
        self._wording = wording
        self._http = http
        self.interval_s = settings.interval / 1000

    def send(self, message: Message, now_s: float) -> Outcome:
        """Post the news of one alert."""
        return self._http.post(self._url, news_body(message.entries[0], self._wording, self._times(now_s)))

    def restate(self, open_: Sequence[Entry], now_s: float) -> Outcome:
        """Post all open alerts; stop at the first request that fails."""
        for start in range(0, len(open_), _ALERTS_A_REQUEST):
            body = open_body(open_[start : start + _ALERTS_A_REQUEST], self._wording, self._times(now_s))
            outcome = self._http.post(self._url, body)
            if outcome.problem is not None:
                return outcome
        return DELIVERED

    def _times(self, now_s: float) -> Times:
        return Times(now_s, now_s + EXPIRES_AFTER * self.interval_s)


class WebhookSender:
    """Posts a JSON document, with an idempotency key and a signature."""

    def __init__(self, settings: WebhookSettings, secrets: SinkSecrets, wording: Wording, http: HttpPost) -> None:
        url = secrets.get("url")
        self._url = url.reveal() if url is not None else settings.url or ""
        self._secret = secrets.get("secret")
        self._template = settings.body
        self._wording = wording
        self._http = http

    def send(self, message: Message, now_s: float) -> Outcome:
        """Post one message."""
        if self._template is None:
            body = document(message, self._wording)
        else:
            body = from_template(self._template, message, self._wording)
        key = None if self._secret is None else self._secret.reveal()
        return self._http.post(self._url, body, signature_headers(message.key, body, key, now_s))


class PagerDutySender:
    """Triggers and resolves incidents."""

    def __init__(self, settings: PagerDutySettings, routing_key: Secret, wording: Wording, http: HttpPost) -> None:
        self._url = settings.url
        self._routing_key = routing_key
        self._wording = wording
        self._http = http

    def send(self, message: Message, now_s: float) -> Outcome:  # noqa: ARG002  # of the interface
        """Post one event; more only where the end of a page has to be told under several ids."""
        outcome = DELIVERED
        for body in event_bodies(message, self._wording, self._routing_key.reveal()):
            outcome = self._http.post(self._url, body, {"Idempotency-Key": message.key})
            if outcome.problem is not None:
                break
        return outcome


def authorization(secrets: Mapping[str, Secret]) -> dict[str, str]:
    """Return the header that authenticates: a bearer token, or user name and password."""
    token, username, password = (secrets.get(name) for name in ("token", "username", "password"))
    if token is not None:
        return {"Authorization": f"Bearer {token.reveal()}"}
    if username is not None and password is not None:
        pair = f"{username.reveal()}:{password.reveal()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}

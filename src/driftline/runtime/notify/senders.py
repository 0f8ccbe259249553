"""Makes the sender of a sink, with the words and escapes that fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.places import child
from driftline.notify.escaping import for_chat, unchanged
from driftline.notify.words import Wording
from driftline.runtime.notify.apprise_sender import AppriseSender
from driftline.runtime.notify.http_post import HttpPost
from driftline.runtime.notify.http_senders import AlertmanagerSender, PagerDutySender, WebhookSender, authorization
from driftline.runtime.notify.mail_sender import MailSender

if TYPE_CHECKING:
    from driftline.config.notify_secrets import SinkSecrets
    from driftline.config.notify_settings import NotifySettings, SinkSettings
    from driftline.notify.routing import Router
    from driftline.runtime.notify.outcome import Sender

_CHAT_ALERTS: Final = 20
"""Alerts that a chat message or SMS lists; services cut longer texts."""


def wording_of(sink: SinkSettings, notify: NotifySettings, router: Router) -> Wording:
    """Return how messages of a sink are worded: chat services get texts that hold no markup of any of them."""
    if sink.apprise is not None:
        return Wording(sink.template, router, notify.console, for_chat, _CHAT_ALERTS)
    return Wording(sink.template, router, notify.console, unchanged)


def make_sender(name: str, notify: NotifySettings, secrets: SinkSecrets, router: Router) -> Sender:
    """Return the sender of a sink.

    Raises
    ------
    ConfigurationError
        When an optional dependency is missing.
    """
    sink = notify.sinks[name]
    wording, timeout_s = wording_of(sink, notify, router), sink.timeout / 1000
    if sink.email is not None:
        return MailSender(sink.email, secrets, wording, timeout_s)
    if sink.apprise is not None:
        place = f"{child('$.notify.sinks', name)}.apprise"
        return AppriseSender(secrets["urls"], wording, timeout_s, place)
    section = sink.alertmanager or sink.webhook or sink.pagerduty
    ca_file = None if section is None else section.ca_file
    http = HttpPost(timeout_s, ca_file, authorization(secrets), secrets.values())
    if sink.alertmanager is not None:
        return AlertmanagerSender(sink.alertmanager, wording, http)
    if sink.pagerduty is not None:
        return PagerDutySender(sink.pagerduty, secrets["routing_key"], wording, http)
    if sink.webhook is not None:
        return WebhookSender(sink.webhook, secrets, wording, http)
    raise ValueError(f"The sink `{name}` is of no known kind")

"""The JSON document of a webhook, and its signature (Standard Webhooks).

*Source*: https://www.standardwebhooks.com, version 1.0.0: the signature is HMAC-SHA256 over id, timestamp and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.notify.escaping import for_json
from driftline.notify.template import fill

if TYPE_CHECKING:
    from driftline.notify.message import Message
    from driftline.notify.page import PageView
    from driftline.notify.words import Wording

_ENCODED: Final = "whsec_"
"""How a key begins that is written in base64."""
VERSION: Final = 1


def document(message: Message, wording: Wording) -> bytes:
    """Return driftline's own document: words for people, and every alert as it stands in the topic."""
    words = wording.words(message)
    alerts = [
        {
            "key": entry.key,
            "news": entry.news,
            "group": entry.page or entry.alert.alert_id,
            "owner": (values := wording.values(entry))["owner"],
            "url": values["url"],
            "headline": values["headline"],
            "alert": msgspec.Raw(entry.record.value),
        }
        for entry in message.entries
    ]
    return msgspec.json.encode(
        {
            "version": VERSION,
            "key": message.key,
            "kind": message.kind,
            "subject": words.subject,
            "text": words.body,
            "alerts": alerts,
            **({} if message.page is None else {"group": _group(message.page, is_over=message.is_over)}),
        }
    )


def _group(page: PageView, *, is_over: bool) -> dict[str, Any]:
    return {
        "id": page.page_id,
        "state": "resolved" if is_over else "open",
        "severity": page.severity,
        "since": page.since,
        "title": page.title,
        "n_models": page.n_models,
        "models": page.models,
        "n_alerts": page.n_alerts,
        "n_open": page.n_open,
    }


def from_template(template: str, message: Message, wording: Wording) -> bytes:
    """Return the operator's document; of a message about several alerts the latest fills it, with the words of all."""
    words, found = wording.words(message), wording.message_values(message)
    values: dict[str, Any] = {
        **found,
        "key": message.key,
        "headline": found["headline"] if message.kind in {"single", "page"} else words.subject,
        "text": words.body,
    }
    return fill(template, values, for_json).encode()


def signature_headers(key: str, body: bytes, secret: str | None, now_s: float) -> dict[str, str]:
    """Return the headers that identify a message and, with a secret, prove where it comes from.

    Examples
    --------
    >>> headers = signature_headers("a/1", b"{}", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330.0)
    >>> headers["Idempotency-Key"], headers["webhook-timestamp"]
    ('a/1', '1614265330')
    >>> headers["webhook-signature"][:3]
    'v1,'
    """
    timestamp = str(int(now_s))
    headers = {"Idempotency-Key": key, "webhook-id": key, "webhook-timestamp": timestamp}
    if secret is not None:
        signed = b".".join((key.encode(), timestamp.encode(), body))
        digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    """Return the bytes of a secret: base64 behind ``whsec_``, as the standard has it; any other text as it is."""
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except binascii.Error:
            pass
    return secret.encode()

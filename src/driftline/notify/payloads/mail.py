"""A message as a mail: plain text and HTML, with ids by which mail programs show an alert's messages as a thread."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Final

from driftline.notify.escaping import for_html, plain

if TYPE_CHECKING:
    from driftline.config.notify_settings import EmailSettings
    from driftline.notify.message import Message
    from driftline.notify.words import Wording

_NOT_IN_AN_ID: Final = re.compile(r"[^A-Za-z0-9._-]+")
_STYLE: Final = "font-family: sans-serif; white-space: pre-wrap"


def mail(message: Message, wording: Wording, email: EmailSettings, now_s: float) -> EmailMessage:
    """Return the mail of a message.

    The id is made of the idempotency key: a mail that is sent twice is shown once by most programs. Later news of an
    alert, or of a page of several, refers to the mail of its opening.
    """
    words = wording.words(message)
    result = EmailMessage(policy=SMTP)
    result["Subject"] = words.subject
    result["From"] = email.sender
    result["To"] = ", ".join(email.to)
    result["Date"] = datetime.fromtimestamp(now_s, UTC)
    result["Message-ID"] = own_id = _id(message.key, email)
    result["Auto-Submitted"] = "auto-generated"
    result["Idempotency-Key"] = plain(message.key)
    if message.kind in {"single", "page"}:
        first = message.entries[0]
        opening = _id(f"{first.page or first.alert.alert_id}/notification-1", email)
        if opening != own_id:
            result["In-Reply-To"] = result["References"] = opening
    link = for_html(words.url)
    last = f'<p><a href="{link}">{link}</a></p>' if link else ""
    result.set_content(words.body + "\n")
    result.add_alternative(f'<div style="{_STYLE}">{for_html(words.body)}</div>{last}\n', subtype="html")
    return result


def _id(key: str, email: EmailSettings) -> str:
    domain = email.sender.rpartition("@")[2]
    return f"<{_NOT_IN_AN_ID.sub('.', key)}@{_NOT_IN_AN_ID.sub('.', domain)}>"

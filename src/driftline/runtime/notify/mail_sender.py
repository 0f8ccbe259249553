"""Sends mails by SMTP; a mail server that answers too slowly is left when the time limit is over."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from driftline.notify.escaping import plain
from driftline.notify.payloads.mail import mail
from driftline.runtime.notify.outcome import DELIVERED, Outcome, without_secrets
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.notify_secrets import SinkSecrets
    from driftline.config.notify_settings import EmailSettings
    from driftline.notify.message import Message
    from driftline.notify.words import Wording

_SHOWN: Final = 300
"""Characters of an answer that a message shows."""
_LASTING: Final = 500
"""The smallest code of refusals that will be repeated (RFC 5321)."""
_log = get_logger(__name__)


class _Plain(smtplib.SMTP):
    """A connection that is made later, when its time limit runs already."""

    def __init__(self, host: str, timeout_s: float) -> None:
        super().__init__(local_hostname=socket.gethostname(), timeout=timeout_s)
        self._host = host  # whose certificate STARTTLS verifies


class _Encrypted(smtplib.SMTP_SSL):
    """The same, encrypted from the first byte on."""

    def __init__(self, host: str, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(local_hostname=socket.gethostname(), timeout=timeout_s, context=context)
        self._host = host


class MailSender:
    """Sends each message as a mail, over a connection of its own."""

    def __init__(self, settings: EmailSettings, secrets: SinkSecrets, wording: Wording, timeout_s: float) -> None:
        self._settings = settings
        self._username, self._password = secrets.get("username"), secrets.get("password")
        self._secrets = tuple(secrets.values())
        self._wording = wording
        self._timeout_s = timeout_s
        self._context = ssl.create_default_context(cafile=settings.ca_file)

    def send(self, message: Message, now_s: float) -> Outcome:
        """Send one mail to all recipients."""
        composed = mail(message, self._wording, self._settings, now_s)
        try:
            with self._connected() as server:
                refused = server.send_message(composed, self._settings.sender, list(self._settings.to))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            return Outcome(self._shown(f"all recipients refused: {_answers(error.recipients)}"), min(codes) >= _LASTING)
        except smtplib.SMTPDataError as error:
            return Outcome(self._of_code(error), error.smtp_code >= _LASTING)
        except smtplib.SMTPResponseException as error:
            return Outcome(self._of_code(error))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Outcome(self._shown(f"{type(error).__name__}: {error}"))
        if refused:
            _log.error("the mail server refused recipients", mail=composed["Message-ID"], answers=_answers(refused))
        return DELIVERED

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        server: smtplib.SMTP
        if settings.security == "tls":
            server = _Encrypted(settings.host, self._timeout_s, self._context)
        else:
            server = _Plain(settings.host, self._timeout_s)
        timer = threading.Timer(self._timeout_s, _cut, (server,))
        timer.daemon = True
        timer.start()
        try:
            server.connect(settings.host, settings.port)
            if settings.security == "starttls":
                server.starttls(context=self._context)
            if self._username is not None and self._password is not None:
                server.login(self._username.reveal(), self._password.reveal())
            yield server
            with suppress(smtplib.SMTPException, OSError):  # the mail is accepted already
                server.quit()
        finally:
            timer.cancel()
            server.close()

    def _of_code(self, error: smtplib.SMTPResponseException) -> str:
        return self._shown(f"{error.smtp_code} {_text(error.smtp_error)}")

    def _shown(self, text: str) -> str:
        return plain(without_secrets(text, self._secrets), _SHOWN)


def _cut(server: smtplib.SMTP) -> None:
    """End a connection whose time is over: whoever waits for it gets an error."""
    if server.sock is not None:
        with suppress(OSError):
            server.sock.shutdown(socket.SHUT_RDWR)


def _answers(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{address}: {code} {_text(answer)}" for address, (code, answer) in refused.items())


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer

"""A real SMTP server in this process (aiosmtpd) that keeps the mails it takes, or refuses them as a test says."""

from __future__ import annotations

import email
import email.policy
from asyncio import Server
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

if TYPE_CHECKING:
    import ssl
    from email.message import EmailMessage
    from types import TracebackType

    from aiosmtpd.smtp import SMTP, Envelope, Session


class SmtpServer:
    """Listens on a port of this machine while the context lasts; a free one by default.

    Attributes
    ----------
    mails : list of EmailMessage
        In the order in which they were taken.
    answer : str or None
        Answer to the data of a mail, instead of taking it.
    refused : dict of str to str
        Answers to recipients.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        login: tuple[str, str] | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.mails: list[EmailMessage] = []
        self.answer: str | None = None
        self.refused: dict[str, str] = {}
        self._login = login
        more: dict[str, Any] = {"tls_context": starttls} if starttls is not None else {}
        if tls is not None:
            more["ssl_context"] = tls
        if login is not None:
            more |= {"authenticator": self._authenticate, "auth_require_tls": starttls is not None}
        self._controller = _Controller(self, hostname="127.0.0.1", port=port, **more)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._controller.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    def _authenticate(self, *given: Any) -> AuthResult:  # noqa: ANN401  # the arguments of aiosmtpd
        data = given[-1]
        right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self._login
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        """Take or refuse a mail."""
        if self.answer is not None:
            return self.answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        return "250 OK"


class _Controller(Controller):
    """Finds out which port it was given, as aiosmtpd itself wants to know it beforehand."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it without types

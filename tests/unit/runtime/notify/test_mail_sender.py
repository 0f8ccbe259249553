from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.notify_settings import EmailSettings, NotifySettings, Template
from driftline.config.secrets import Secret
from driftline.notify.message import single
from driftline.notify.routing import Router
from driftline.notify.words import Wording
from driftline.runtime.notify.mail_sender import MailSender
from driftline.runtime.notify.outcome import DELIVERED
from tests.support.alerts import entry
from tests.support.real_broker import patient
from tests.support.smtp_server import SmtpServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driftline.runtime.notify.outcome import Outcome

LOGIN = {"username": Secret("driftline"), "password": Secret("correct horse")}


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def send(port: int, secrets: dict[str, Secret] | None = None, timeout_s: float = 20, **more: Any) -> Outcome:  # noqa: ANN401
    given: dict[str, Any] = {"to": ("a@example.com", "b@example.com"), "port": port, "security": "none", **more}
    settings = EmailSettings(**{"host": "127.0.0.1", "sender": "d@example.com", **given})
    wording = Wording(Template(), Router(NotifySettings()), None)
    return MailSender(settings, secrets or {}, wording, patient(timeout_s)).send(single(entry()), time.time())


def test_a_mail_arrives(server: SmtpServer) -> None:
    assert send(server.port) == DELIVERED
    (mail,) = server.mails
    assert mail["Subject"] == "[critical] credit-risk 3: data drift in income"
    assert mail["Message-ID"] == "<a1.notification-1@example.com>"
    text = mail.get_body(("plain",))
    assert text is not None
    assert "income: PSI 0.84" in text.get_content()


def test_user_name_and_password_are_given_and_never_shown() -> None:
    with SmtpServer(login=("driftline", "correct horse")) as server:
        assert send(server.port, LOGIN) == DELIVERED
        wrong = send(server.port, {**LOGIN, "password": Secret("battery staple")})
        assert wrong.problem is not None
        assert wrong.problem.startswith("535 ")
        assert "staple" not in wrong.problem
        assert not wrong.lasting
        assert len(server.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_travels_encrypted_to_a_server_whose_certificate_is_verified(
    tls_files: tuple[Path, Path], security: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_files)
    encrypted: dict[str, Any] = {security: context}
    with SmtpServer(**encrypted, login=("driftline", "correct horse")) as server:
        unverified = send(server.port, LOGIN, host="localhost", security=security)
        assert "CERTIFICATE_VERIFY_FAILED" in str(unverified.problem)
        trusted: dict[str, Any] = {"host": "localhost", "security": security, "ca_file": str(tls_files[0])}
        assert send(server.port, LOGIN, **trusted) == DELIVERED
        assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("answer", "lasting"), [("451 try later", False), ("554 no", True), ("552 too large", True), ("421 bye", False)]
)
def test_what_a_server_refuses_for_good_is_not_tried_again(server: SmtpServer, answer: str, *, lasting: bool) -> None:
    server.answer = answer
    outcome = send(server.port)
    assert outcome.lasting == lasting
    assert outcome.problem is not None
    assert answer in outcome.problem


@pytest.mark.parametrize(("code", "lasting"), [("550 unknown", True), ("450 greylisted", False)])
def test_recipients_may_be_refused(server: SmtpServer, code: str, *, lasting: bool) -> None:
    server.refused = {"a@example.com": code}
    assert send(server.port) == DELIVERED
    server.refused["b@example.com"] = code
    outcome = send(server.port)
    assert (outcome.lasting, len(server.mails)) == (lasting, 1)
    assert "b@example.com" in str(outcome.problem)


def test_a_server_without_encryption_gets_nothing_if_encryption_is_wanted(server: SmtpServer) -> None:
    outcome = send(server.port, LOGIN, security="starttls")
    assert "STARTTLS" in str(outcome.problem)
    assert send(server.port, security="tls").problem is not None
    assert server.mails == []


def test_a_server_that_is_down_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        outcome = send(taken.getsockname()[1])
    assert "ConnectionRefusedError" in str(outcome.problem)
    assert not outcome.lasting


@pytest.mark.parametrize("greeting", [b"", b"nonsense\r\n", b"220-a\r\n"])
def test_a_server_that_is_slow_or_answers_nonsense_is_left_in_time(greeting: bytes) -> None:
    """Each wait for a byte would begin the time limit of a socket again; this one counts from the beginning."""
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(greeting)
            while not ended.wait(0.05):
                try:
                    peer.sendall(b"2")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        outcome = send(listener.getsockname()[1], timeout_s=0.2)
        ended.set()
        thread.join()
    assert outcome.problem is not None
    assert not outcome.lasting

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.durations import Duration
from driftline.config.notify_settings import (
    AlertmanagerSettings,
    NotifySettings,
    PagerDutySettings,
    SinkSettings,
    WebhookSettings,
)
from driftline.config.secrets import Secret
from driftline.notify.message import restated, single
from driftline.notify.routing import Router
from driftline.runtime.notify.http_senders import AlertmanagerSender
from driftline.runtime.notify.outcome import DELIVERED
from driftline.runtime.notify.senders import make_sender
from tests.support.alerts import alert, entry
from tests.support.http_server import Answer, HttpServer, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftline.runtime.notify.outcome import Outcome, Sender

NOW_S = 1_800_000_000.0


class Sink:
    """An HTTP server that keeps what it is asked, and answers as a test says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer = Answer(202, b"{}")
        self.server = HttpServer(self._respond)

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answer

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    with found.server:
        yield found


def sender(secrets: dict[str, Secret] | None = None, **settings: Any) -> Sender:  # noqa: ANN401  # settings of a sink
    notify = NotifySettings({"sink": SinkSettings(**settings)})
    return make_sender("sink", notify, secrets or {}, Router(notify))


def to_webhook(url: str, **more: Any) -> Outcome:  # noqa: ANN401  # settings of a sink
    return sender(webhook=WebhookSettings(url=url), **more).send(single(entry()), NOW_S)


def test_a_webhook_is_signed_and_has_a_key(sink: Sink) -> None:
    secrets = {"url": Secret(f"{sink.url}/hook"), "secret": Secret("s3cret"), "token": Secret("t0ken")}
    found = sender(secrets, webhook=WebhookSettings(url_env="URL", secret_env="S", token_env="T"))  # noqa: S106
    assert found.send(single(entry()), NOW_S) == DELIVERED
    (request,) = sink.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert json.loads(request.body)["alerts"][0]["alert"]["alert_id"] == "a1"
    assert request.headers["Idempotency-Key"] == request.headers["webhook-id"] == "a1/notification-1"
    assert request.headers["Authorization"] == "Bearer t0ken"
    signed = b"a1/notification-1.1800000000." + request.body
    expected = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"


def test_a_webhook_with_a_body_of_the_operators(sink: Sink) -> None:
    body = '{{"text": "{headline}"}}'
    assert sender(webhook=WebhookSettings(url=sink.url, body=body)).send(single(entry()), NOW_S) == DELIVERED
    assert json.loads(sink.requests[0].body) == {"text": "data drift in income"}
    assert "webhook-signature" not in sink.requests[0].headers


def test_pagerduty_gets_an_event(sink: Sink) -> None:
    found = sender({"routing_key": Secret("r0ute")}, pagerduty=PagerDutySettings(url=sink.url))
    assert found.send(single(entry()), NOW_S) == DELIVERED
    event = json.loads(sink.requests[0].body)
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == ("r0ute", "trigger", "a1")


def test_alertmanager_gets_news_and_is_reminded_of_what_is_open(sink: Sink) -> None:
    settings = AlertmanagerSettings(url=f"{sink.url}/am/", interval=Duration(30_000))
    found = sender({"username": Secret("u"), "password": Secret("p")}, alertmanager=settings)
    assert isinstance(found, AlertmanagerSender)
    assert found.send(single(entry()), NOW_S) == DELIVERED
    assert found.restate([restated(alert(f"a{number}")) for number in range(250)], NOW_S) == DELIVERED
    assert {request.path for request in sink.requests} == {"/am/api/v2/alerts"}
    assert [len(json.loads(request.body)) for request in sink.requests] == [1, 100, 100, 50]
    assert {each["endsAt"] for each in json.loads(sink.requests[1].body)} == {"2027-01-15T08:02:00.000Z"}
    assert sink.requests[0].headers["Authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}"
    sink.answer = Answer(500)
    assert found.restate([restated(alert())] * 250, NOW_S).problem == "HTTP 500"
    assert len(sink.requests) == 5


@pytest.mark.parametrize(
    ("status", "lasting"),
    [
        *((status, True) for status in (400, 405, 409, 410, 413, 422)),
        *((status, False) for status in (401, 403, 404, 407, 408, 425, 429, 500, 501, 502, 503, 504)),
    ],
)
def test_what_would_be_refused_again_is_not_tried_again(sink: Sink, status: int, *, lasting: bool) -> None:
    sink.answer = Answer(status, b"because\x1b[31m")
    outcome = to_webhook(sink.url)
    assert outcome.problem == f"HTTP {status} because"
    assert outcome.lasting == lasting


def test_a_sink_may_ask_to_be_left_alone_for_a_while(sink: Sink) -> None:
    sink.answer = Answer(429, headers=(("Retry-After", "17"),))
    assert to_webhook(sink.url).after_s == 17
    sink.answer = Answer(503, headers=(("Retry-After", "nonsense"),))
    assert to_webhook(sink.url).after_s == 0


def test_redirections_are_not_followed(sink: Sink) -> None:
    sink.answer = Answer(307, headers=(("Location", f"{sink.url}/elsewhere"),))
    assert "redirections are not followed" in str(to_webhook(sink.url).problem)
    assert len(sink.requests) == 1


def test_no_secret_is_shown_whatever_goes_wrong(sink: Sink) -> None:
    path = "/services/t0psecret"
    sink.answer = Answer(400, f"no such hook {sink.url}{path}".encode())
    for url in (sink.url + path, "http://127.0.0.1:1" + path, "http://[nonsense" + path):
        found = sender({"url": Secret(url)}, webhook=WebhookSettings(url_env="URL"))
        outcome = found.send(single(entry()), NOW_S)
        assert outcome.problem
        assert "t0psecret" not in outcome.problem


def serve(answer: Callable[[socket.socket], None]) -> tuple[str, socket.socket, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        peer, _ = listener.accept()
        with peer:
            answer(peer)

    thread = threading.Thread(target=run)
    thread.start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", listener, thread


@pytest.mark.parametrize("nonsense", [b"", b"220 mail.example.com ESMTP\r\n", b"\x00\xff" * 50_000])
def test_a_sink_that_answers_nonsense_is_tried_again(nonsense: bytes) -> None:
    url, listener, thread = serve(lambda peer: peer.sendall(nonsense))
    with listener:
        outcome = to_webhook(url)
        thread.join()
    assert outcome.problem
    assert not outcome.lasting


def test_a_sink_that_sends_a_byte_now_and_then_holds_nobody_up() -> None:
    ended = threading.Event()

    def drip(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.wait(0.05):
            try:
                peer.sendall(b"X-A: b\r\n")
            except OSError:
                return

    url, listener, thread = serve(drip)
    with listener:
        begin_s = time.monotonic()
        outcome = to_webhook(url, timeout=Duration(500))
        took_s = time.monotonic() - begin_s
        ended.set()
        thread.join()
    assert outcome.problem == "no answer within 0.5 s"
    assert took_s >= 0.5

"""Apprise, told to post JSON to a server of this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.config.notify_settings import AppriseSettings, NotifySettings, SinkSettings
from driftline.config.secrets import Secret
from driftline.errors import ConfigurationError
from driftline.notify.message import single
from driftline.notify.routing import Router
from driftline.runtime.notify.outcome import DELIVERED
from driftline.runtime.notify.senders import make_sender
from tests.support.alerts import HOSTILE, alert_fields, entry, resolved
from tests.support.http_server import Answer, HttpServer, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.runtime.notify.outcome import Sender

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # in a plugin of Apprise's


class Chat:
    """Two services: each keeps what it is told, and answers as a test says."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        self.status = {"/one": 200, "/two": 200}
        self.server = HttpServer(self._respond)

    def _respond(self, request: Request) -> Answer:
        self.told.append((request.path, json.loads(request.body)))
        return Answer(self.status[request.path.rstrip("/")])

    @property
    def urls(self) -> str:
        return "\n".join(self.server.url.replace("http", "json") + path for path in self.status)


@pytest.fixture
def chat() -> Iterator[Chat]:
    found = Chat()
    with found.server:
        yield found


def sender(urls: str) -> Sender:
    sink = SinkSettings(apprise=AppriseSettings(urls_env="URLS"), timeout=Duration(30_000))
    notify = NotifySettings({"chat": sink})
    return make_sender("chat", notify, {"urls": Secret(urls)}, Router(notify))


def test_every_service_is_told_in_texts_without_markup(chat: Chat) -> None:
    found = sender(chat.urls)
    assert found.send(single(entry(fields=alert_fields(model=HOSTILE))), 0.0) == DELIVERED
    assert found.send(single(entry("resolved", resolved())), 0.0) == DELIVERED
    assert [path.rstrip("/") for path, _ in chat.told] == ["/one", "/two"] * 2
    opened, ended = chat.told[0][1], chat.told[2][1]
    assert (opened["type"], ended["type"]) == ("failure", "success")
    assert "<" not in opened["title"] + opened["message"]
    assert "\u2039!channel\u203a" in opened["title"]
    assert ended["title"] == "[critical] credit-risk 3: resolved: data drift in income"
    assert "Alert: a1/resolved" in ended["message"]


def test_a_service_that_has_taken_a_message_is_left_out_when_another_is_tried_again(chat: Chat) -> None:
    found = sender(chat.urls)
    chat.status["/two"] = 500
    outcome = found.send(single(entry()), 0.0)
    assert outcome.problem is not None
    assert outcome.problem.startswith("URL 2: Apprise could not deliver it: ")
    assert not outcome.lasting
    chat.status["/two"] = 200
    assert found.send(single(entry()), 0.0) == DELIVERED
    assert [path.rstrip("/") for path, _ in chat.told] == ["/one", "/two", "/two"]


def test_no_secret_of_a_url_is_shown(chat: Chat) -> None:
    chat.status["/one"] = 500
    url = chat.urls.split()[0].replace("//", "//somebody:s3cretword@") + "?+X-Token=an0thersecret"
    problem = sender(url).send(single(entry()), 0.0).problem
    assert problem is not None
    assert not any(secret in problem for secret in ("s3cretword", "an0thersecret", "somebody"))


def test_a_url_that_apprise_does_not_take_is_an_error_without_the_url() -> None:
    with pytest.raises(ConfigurationError, match=r"does not take - at `\$\.notify\.sinks\.chat\.apprise`") as caught:
        sender("nonsense://s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_missing_apprise_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'driftline\[notify\]'"):
        sender("json://localhost")

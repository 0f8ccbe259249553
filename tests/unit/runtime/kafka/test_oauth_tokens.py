"""Tokens for OAUTHBEARER: from an endpoint on loopback or a file, renewed in time, with failures in words."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

import pytest

from driftline.config.kafka_settings import KafkaSettings, OAuthSettings, SecuritySettings
from driftline.config.secrets import Credentials, Secret
from driftline.errors import BrokerError
from driftline.runtime.kafka.bearer_token import Token, bearer_token
from driftline.runtime.kafka.kafka_clients import admin_configuration, connect_admin
from driftline.runtime.kafka.oauth_tokens import TokenSource, librdkafka_callback, token_source
from driftline.runtime.kafka.token_endpoint import request_token
from tests.support.token_endpoint import TokenEndpoint, token_endpoint, unsigned_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ID, SECRET = Secret("me"), Secret("hunter2 ü:")


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as running:
        yield running


def security(**oauth: str) -> SecuritySettings:
    return SecuritySettings(protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", oauth=OAuthSettings(**oauth))  # type: ignore[arg-type]  # texts alone


def request(endpoint: TokenEndpoint) -> Token:
    return request_token(OAuthSettings(token_endpoint=endpoint.url), ID, SECRET)


def test_an_endpoint_grants_a_token_for_as_long_as_it_says(endpoint: TokenEndpoint) -> None:
    token = request(endpoint)
    assert token.secret.reveal().count(".") == 2
    assert token.expires_at_s == pytest.approx(time.time() + 600, abs=60)
    assert endpoint.asked[0].form == {"grant_type": ["client_credentials"]}
    assert endpoint.asked[0].authorization == "Basic bWU6aHVudGVyMiDDvDo="
    assert "eyJ" not in repr(token)


@pytest.mark.parametrize(
    ("token_life_s", "said", "lifetime_s"),
    [
        (None, {}, 300),
        (None, {"expires_in": "90"}, 90),
        (1_000, {}, 1_000),
        (1_000, {"expires_in": 90}, 90),
    ],
)
def test_the_life_of_a_token_is_what_is_known_of_it(
    endpoint: TokenEndpoint, token_life_s: int | None, said: dict[str, object], lifetime_s: float
) -> None:
    token = "opaque" if token_life_s is None else unsigned_token("a", token_life_s)
    endpoint.answer = 200, json.dumps({"access_token": token, **said}).encode()
    assert request(endpoint).expires_at_s == pytest.approx(time.time() + lifetime_s, abs=60)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            401,
            b'{"error": "invalid_client", "error_description": "bad\\nsecret"}',
            "it answered 401 invalid_client (bad secret)",
        ),
        (400, b'{"error": "invalid_scope"}', "it answered 400 invalid_scope - at"),
        (503, b"<html>busy</html>", "it answered 503 <html>busy</html>"),
        (403, "no hunter2 ü: here".encode(), "it answered 403 no *** here"),
        (302, b"", "it answered 302 - at"),
        (500, b"x" * 1_000, "x" * 197 + "..."),
        (200, b"<html>", "answer is no grant of a token"),
        (200, b'{"token": "a"}', "missing required field `access_token`"),
        (200, b'{"access_token": "a b"}', "is no bearer token"),
        (200, b'{"access_token": "a", "expires_in": "soon"}', "answer is no grant of a token"),
        (200, b'{"access_token": "a", "expires_in": 0}', "has expired already"),
    ],
)
def test_a_failure_says_what_the_endpoint_answered(
    endpoint: TokenEndpoint, status: int, body: bytes, expected: str
) -> None:
    endpoint.answer = status, body
    endpoint.headers = {"Location": endpoint.url} if status == 302 else {}
    with pytest.raises(BrokerError) as caught:
        request(endpoint)
    assert expected in str(caught.value)
    assert f"- at `{endpoint.url}`" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert len(endpoint.asked) == 1, "a redirection is not followed"


def test_an_endpoint_that_is_not_there_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/token"
    with pytest.raises(BrokerError, match=r"The token endpoint gave no answer: .*refused"):
        request_token(OAuthSettings(token_endpoint=url), ID, SECRET)


def test_a_token_is_renewed_before_it_expires_and_kept_while_that_fails() -> None:
    clock, made = [1_000.0], [0]
    failure: list[str] = []

    def obtain() -> Token:
        if failure:
            raise BrokerError(failure[0])
        made[0] += 1
        return Token(Secret(f"t{made[0]}"), clock[0] + 100)

    source = TokenSource(obtain, {}, lambda: clock[0])

    def at(moment_s: float) -> str:
        clock[0] = 1_000.0 + moment_s
        return source.token().secret.reveal()

    assert [at(0), at(74), at(76)] == ["t1", "t1", "t2"]
    failure.append("the endpoint said no")
    assert [at(160), at(175)] == ["t2", "t2"]
    with pytest.raises(BrokerError, match="the endpoint said no"):
        at(177)
    failure.clear()
    assert at(178) == "t3"


def test_all_clients_of_a_process_share_one_source(endpoint: TokenEndpoint) -> None:
    credentials = Credentials(client_id=ID, client_secret=SECRET)
    one, other = (token_source(security(token_endpoint=endpoint.url), credentials) for _ in range(2))
    assert one is other
    assert one is not None
    assert one.token() is one.token()
    assert len(endpoint.asked) == 1
    assert token_source(SecuritySettings(), credentials) is None
    another = Credentials(client_id=Secret("me"), client_secret=SECRET)
    assert token_source(security(token_endpoint=endpoint.url), another) is not one


def test_a_file_is_read_again_and_its_failures_are_said(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"\n{unsigned_token('a', 500)}\n")
    source = token_source(security(token_file=str(file)), Credentials())
    assert source is not None
    assert source.token().expires_at_s == pytest.approx(time.time() + 500, abs=60)

    def failure(content: bytes | None) -> str:
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        fresh = token_source(security(token_file=str(file), scope=str(content)), Credentials())
        assert fresh is not None
        with pytest.raises(BrokerError) as caught:
            fresh.token()
        return str(caught.value)

    assert "cannot be read: No such file or directory" in failure(None)
    assert "has no token for Kafka: expected one line" in failure(b"two words")
    assert "it is not ASCII" in failure("ü".encode())
    assert "The token for Kafka expired " in failure(unsigned_token("a", -100).encode())


def test_other_tokens_than_web_tokens_have_no_expiry_of_their_own() -> None:
    for text in ("opaque", "a.b.c", "a.bm9qc29u.c", "a.W10.c"):
        token = bearer_token(text, 1_000, 60)
        assert token is not None
        assert token.expires_at_s == 1_060


def test_librdkafka_is_given_the_token_with_its_extensions() -> None:
    source = TokenSource(lambda: Token(Secret("t"), 5e9), {"tenant": "a"})
    assert librdkafka_callback(source)("") == ("t", 5e9, "", {"tenant": "a"})


def test_a_client_configuration_has_the_callback_and_shows_no_secret(endpoint: TokenEndpoint) -> None:
    kafka = KafkaSettings(security=security(token_endpoint=endpoint.url))
    configuration = admin_configuration(kafka, Credentials(client_id=ID, client_secret=SECRET))
    assert configuration["sasl.mechanisms"] == "OAUTHBEARER"
    assert configuration["oauth_cb"]("")[0].startswith("eyJ")
    assert "hunter2" not in repr(configuration)


def test_a_command_ends_at_once_with_the_endpoints_words(endpoint: TokenEndpoint) -> None:
    endpoint.answer = 401, b'{"error": "invalid_client"}'
    kafka = KafkaSettings(brokers="127.0.0.1:1", security=security(token_endpoint=endpoint.url))
    with pytest.raises(BrokerError, match="it answered 401 invalid_client"):
        connect_admin(kafka, Credentials(client_id=ID, client_secret=SECRET))

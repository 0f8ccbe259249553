"""Settings of the Kafka clients that the configuration must not change, and secrets that must not stand in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.client_rules import SECRETS
from driftline.config.load import load_settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "driftline.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ or {})


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, environ)
    return caught.value.problems


def test_values_are_kept_as_they_are_written(tmp_path: Path) -> None:
    settings = load(tmp_path, "kafka: {client: {client.rack: eu-1a, socket.keepalive.enable: true, linger.ms: 2.5}}")
    assert settings.kafka.client == {"client.rack": "eu-1a", "socket.keepalive.enable": True, "linger.ms": 2.5}


def test_a_variable_names_a_property_with_underscores_for_dots(tmp_path: Path) -> None:
    environ = {"DRIFTLINE_KAFKA__CLIENT__CLIENT_RACK": "b", "DRIFTLINE_KAFKA__AIOKAFKA__FETCH_MAX_BYTES": "1000"}
    settings = load(tmp_path, "kafka: {client: {client.rack: a}}", environ)
    assert settings.kafka.client == {"client.rack": "b"}
    assert settings.kafka.aiokafka == {"fetch_max_bytes": 1000}
    settings = load(tmp_path, "", {"DRIFTLINE_KAFKA__CLIENT__SOCKET_KEEPALIVE_ENABLE": "true"})
    assert settings.kafka.client == {"socket.keepalive.enable": True}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bootstrap.servers", "`bootstrap.servers` is set by `kafka.brokers`: remove it here"),
        ("group.id", "is set by `kafka.prefix`"),
        ("session.timeout.ms", "is set by `kafka.session_timeout` (sketch stage) and `detect.session_timeout`"),
        ("security.protocol", "is set by `kafka.security.protocol`"),
        ("sasl.mechanism", "is set by `kafka.security.mechanism`"),
        ("sasl.oauthbearer.token.endpoint.url", "is set by `kafka.security.oauth`"),
        ("isolation.level", "cannot be set here: driftline reads committed records only"),
        ("enable.auto.commit", "cannot be set here: driftline commits offsets together with its results"),
        ("acks", "may neither get lost nor be written twice"),
        ("request.required.acks", "may neither get lost nor be written twice"),
        ("auto.offset.reset", "stops rather than skip records where its offset is lost"),
        ("partition.assignment.strategy", "have to reach the same worker"),
        ("group.instance.id", "two members with one id exclude each other"),
        ("transaction.timeout.ms", "holds back every reader"),
        ("stats_cb", "takes an object of a program"),
        ("ssl.truststore.location", "only Kafka's Java clients know it; set `kafka.security.ca_file`"),
        ("test.mock.num.brokers", "replaces the brokers"),
    ],
)
def test_a_property_that_promises_depend_on_is_refused_with_the_reason(
    tmp_path: Path, name: str, expected: str
) -> None:
    (found,) = problems(tmp_path, f"kafka:\n  client:\n    {name}: x\n")
    assert expected in found
    place = f"kafka.client.{name}" if "." not in name else f'kafka.client["{name}"]'
    assert found.endswith(f"- at `$.{place}` (line 3)")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("isolation_level", "driftline reads committed records only"),
        ("bootstrap_servers", "is set by `kafka.brokers`"),
        ("session_timeout_ms", "is set by `detect.session_timeout`"),
        ("sasl_plain_password", "is set by `kafka.security`, and no secret stands in the configuration itself"),
        ("acks", "may neither get lost nor be written twice"),
        ("key_serializer", "takes an object of a program"),
    ],
)
def test_an_argument_of_aiokafka_is_refused_in_the_same_way(tmp_path: Path, name: str, expected: str) -> None:
    (found,) = problems(tmp_path, f"kafka: {{aiokafka: {{{name}: hunter2}}}}")
    assert expected in found
    assert "hunter2" not in found


@pytest.mark.parametrize("name", sorted(name for name in SECRETS if "." in name))
def test_a_secret_in_clear_text_is_refused_and_not_shown(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, f"kafka: {{client: {{{name}: hunter2}}}}")
    assert "no secret stands in the configuration itself" in found
    assert "hunter2" not in found


OAUTH = "kafka: {{security: {{protocol: SASL_SSL, mechanism: OAUTHBEARER, oauth: {{{}}}}}}}"
CLIENT = "client_id_env: I, client_secret_env: S"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OAUTH.format(""), "`token_endpoint` or `token_file`, got None - at `$.kafka.security.oauth`"),
        (OAUTH.format(f"token_endpoint: 'https://a/t', token_file: /t, {CLIENT}"), "either `token_endpoint` or"),
        (OAUTH.format(f"token_endpoint: 'ftp://a/t', {CLIENT}"), "a URL with http or https, got 'ftp://a/t'"),
        (
            OAUTH.format("token_endpoint: 'https://a/t', client_id_env: I"),
            "`client_secret_env` or `client_secret_file`",
        ),
        (OAUTH.format("token_file: /t, scope: s"), "no `scope`, which is for a `token_endpoint`"),
        (OAUTH.format("token_file: /t, extensions: {auth: x}"), "names of letters alone, other than `auth`"),
        (OAUTH.format("token_file: /t, extensions: {a: é}"), "printable ASCII as the value of `a`"),
        (OAUTH.format(f"token_endpoint: 'https://a/t', {CLIENT}, client_id_file: f"), "either `client_id_env` or"),
        ("kafka: {security: {protocol: SASL_SSL, mechanism: OAUTHBEARER}}", "as the mechanism is OAUTHBEARER"),
        ("kafka: {security: {oauth: {token_file: /t}}}", "SASL_SSL or SASL_PLAINTEXT, as `oauth` is set"),
        (
            "kafka: {security: {protocol: SASL_SSL, username_env: U, password_env: P, oauth: {token_file: /t}}}",
            "OAUTHBEARER, as `oauth` is set, got 'PLAIN'",
        ),
        (
            OAUTH.format("token_file: /t").replace("oauth:", "password_env: P, oauth:"),
            "no `password`, as OAUTHBEARER takes tokens",
        ),
    ],
)
def test_the_settings_of_tokens_fit_together(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = problems(tmp_path, text)
    assert expected in found


def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, OAUTH.format(f"token_endpoint: 'https://me:hunter2@a/t', {CLIENT}"))
    assert "must not contain a name or password" in found
    assert "hunter2" not in found


def test_complete_settings_of_tokens_are_accepted(tmp_path: Path) -> None:
    text = f"token_endpoint: 'https://a:8443/realms/k/token?x=1', {CLIENT}, scope: kafka, extensions: {{tenant: a b}}"
    assert load(tmp_path, OAUTH.format(text)).kafka.security.oauth is not None
    assert load(tmp_path, OAUTH.format("token_file: /t")).kafka.security.oauth is not None


def test_a_variable_that_holds_the_clients_secret_is_no_setting(tmp_path: Path) -> None:
    text = OAUTH.format("token_endpoint: 'https://a/t', client_id_env: I, client_secret_env: DRIFTLINE_KAFKA__SECRET")
    assert "hunter2" not in repr(load(tmp_path, text, {"DRIFTLINE_KAFKA__SECRET": "hunter2"}))

"""Kafka's security settings as Faust and aiokafka take them, checked before anything is connected."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Literal

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from driftline.config.kafka_settings import KafkaSettings, OAuthSettings, SecuritySettings
from driftline.config.secrets import Credentials, Secret
from driftline.runtime.detect.faust_credentials import faust_credentials
from tests.support.token_endpoint import unsigned_token

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.kafka_settings import ClientValue

SECRETS = Credentials(username=Secret("u"), password=Secret("p"))


def test_plaintext_needs_no_credentials() -> None:
    assert faust_credentials(KafkaSettings(), Credentials()) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_reaches_aiokafka(
    protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"], mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
) -> None:
    credentials = faust_credentials(
        KafkaSettings(security=SecuritySettings(protocol=protocol, mechanism=mechanism)), SECRETS
    )
    assert isinstance(credentials, SASLCredentials)
    given = credentials_to_aiokafka_auth(credentials)
    assert given["security_protocol"] == protocol
    assert given["sasl_mechanism"] == mechanism
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("u", "p")
    assert (given["ssl_context"] is not None) == protocol.endswith("SSL")
    assert "p" not in repr(credentials).replace("SASLCredentials", "").replace("username", "")


def test_tls_checks_the_brokers_names() -> None:
    credentials = faust_credentials(KafkaSettings(security=SecuritySettings(protocol="SSL")), Credentials())
    assert isinstance(credentials, SSLCredentials)
    assert credentials_to_aiokafka_auth(credentials)["ssl_context"].check_hostname is True


def test_a_missing_certificate_is_an_error_at_once(tmp_path: Path) -> None:
    security = SecuritySettings(protocol="SSL", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(OSError, match="No such file"):
        faust_credentials(KafkaSettings(security=security), Credentials())


def test_properties_of_tls_are_followed() -> None:
    def context(**client: str | bool) -> ssl.SSLContext:
        named: dict[str, ClientValue] = {name.replace("_", "."): value for name, value in client.items()}
        kafka = KafkaSettings(client=named, security=SecuritySettings(protocol="SSL"))
        given = credentials_to_aiokafka_auth(faust_credentials(kafka, Credentials()))["ssl_context"]
        assert isinstance(given, ssl.SSLContext)
        return given

    unnamed = context(ssl_endpoint_identification_algorithm="none")
    assert (unnamed.check_hostname, unnamed.verify_mode) == (False, ssl.CERT_REQUIRED)
    assert context(enable_ssl_certificate_verification=False).verify_mode == ssl.CERT_NONE
    ciphers = {each["name"] for each in context(ssl_cipher_suites="ECDHE-RSA-AES256-GCM-SHA384").get_ciphers()}
    assert {name for name in ciphers if not name.startswith("TLS_")} == {"ECDHE-RSA-AES256-GCM-SHA384"}


def test_tokens_reach_aiokafka_and_their_absence_is_a_connection_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = unsigned_token("a", 600)
    file.write_text(token)
    oauth = OAuthSettings(token_file=str(file), extensions={"tenant": "a"})
    security = SecuritySettings(protocol="SASL_SSL", mechanism="OAUTHBEARER", oauth=oauth)
    credentials = faust_credentials(KafkaSettings(security=security), Credentials())
    assert isinstance(credentials, OAuthCredentials)
    given = credentials_to_aiokafka_auth(credentials)
    assert (given["security_protocol"], given["sasl_mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    provider = given["sasl_oauth_token_provider"]
    assert asyncio.run(provider.token()) == token
    assert provider.extensions() == {"tenant": "a"}

    absent = OAuthSettings(token_file=str(tmp_path / "absent"))
    security = SecuritySettings(protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", oauth=absent)
    credentials = faust_credentials(KafkaSettings(security=security), Credentials())
    assert isinstance(credentials, OAuthCredentials)
    with pytest.raises(KafkaConnectionError, match="cannot be read: No such file"):
        asyncio.run(credentials.oauth_cb.token())

"""Kafka's security settings as Faust and aiokafka take them, checked before anything is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from driftline.config.secrets import Credentials, Secret
from driftline.config.settings import SecuritySettings
from driftline.runtime.detect.faust_credentials import faust_credentials

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = Credentials(username=Secret("u"), password=Secret("p"))


def test_plaintext_needs_no_credentials() -> None:
    assert faust_credentials(SecuritySettings(), Credentials()) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_reaches_aiokafka(
    protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"], mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
) -> None:
    credentials = faust_credentials(SecuritySettings(protocol=protocol, mechanism=mechanism), SECRETS)
    assert isinstance(credentials, SASLCredentials)
    given = credentials_to_aiokafka_auth(credentials)
    assert given["security_protocol"] == protocol
    assert given["sasl_mechanism"] == mechanism
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("u", "p")
    assert (given["ssl_context"] is not None) == protocol.endswith("SSL")
    assert "p" not in repr(credentials).replace("SASLCredentials", "").replace("username", "")


def test_tls_checks_the_brokers_names() -> None:
    credentials = faust_credentials(SecuritySettings(protocol="SSL"), Credentials())
    assert isinstance(credentials, SSLCredentials)
    assert credentials_to_aiokafka_auth(credentials)["ssl_context"].check_hostname is True


def test_a_missing_certificate_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        faust_credentials(SecuritySettings(protocol="SSL", ca_file=str(tmp_path / "ca.pem")), Credentials())

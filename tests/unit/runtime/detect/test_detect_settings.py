"""Settings and security of the detect worker, checked before anything is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from driftline.errors import ParameterError
from driftline.runtime.detect.detect_settings import DetectSettings
from driftline.runtime.detect.faust_credentials import faust_credentials

if TYPE_CHECKING:
    from pathlib import Path


def settings(**changes: object) -> DetectSettings:
    base = DetectSettings(bootstrap="localhost:9092", group_id="g", panes_partitions=3)
    return msgspec.structs.replace(base, **changes)


def test_topics_follow_the_prefix() -> None:
    named = settings(prefix="acme")
    assert (named.panes_topic, named.state_topic) == ("acme.panes", "acme.detect-state")
    assert named.channels == {"events": "acme.events", "alerts": "acme.alerts", "references": "acme.references"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"panes_partitions": 0}, "Expected a number above 0, got 0 - at `detect.panes_partitions`"),
        ({"checkpoint_interval_s": -1}, "got -1 - at `detect.checkpoint_interval_s`"),
        ({"session_timeout_s": 2}, "Expected at least three heartbeats of 1.0 s, got 2"),
        ({"request_timeout_s": 5}, "Expected at least the session timeout of 6.0 s, got 5"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError) as refused:
        settings(**changes)
    assert message in str(refused.value)


def test_plaintext_needs_no_credentials() -> None:
    assert faust_credentials({}) is None
    assert faust_credentials({"security.protocol": "plaintext"}) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_reaches_aiokafka(protocol: str, mechanism: str) -> None:
    credentials = faust_credentials(
        {"security.protocol": protocol, "sasl.mechanism": mechanism, "sasl.username": "u", "sasl.password": "p"}
    )
    assert isinstance(credentials, SASLCredentials)
    given = credentials_to_aiokafka_auth(credentials)
    assert given["security_protocol"] == protocol
    assert given["sasl_mechanism"] == mechanism
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("u", "p")
    assert (given["ssl_context"] is not None) == protocol.endswith("SSL")
    assert "p" not in repr(credentials).replace("SASLCredentials", "").replace("username", "")


@pytest.mark.parametrize(("verification", "checked"), [("https", True), ("none", False)])
def test_tls_reaches_aiokafka(verification: str, *, checked: bool) -> None:
    credentials = faust_credentials({"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": verification})
    assert isinstance(credentials, SSLCredentials)
    context = credentials_to_aiokafka_auth(credentials)["ssl_context"]
    assert context.check_hostname is checked


@pytest.mark.parametrize(
    ("security", "message"),
    [
        ({"security.protocol": "TLS"}, "Expected one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, got 'TLS'"),
        ({"security.protocol": "SASL_SSL", "sasl.password": "hush"}, "got None - at `sasl.username`"),
        (
            {"security.protocol": "SASL_SSL", "sasl.username": "u", "sasl.password": "hush", "sasl.mechanism": "X"},
            "Expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, got 'X'",
        ),
        ({"sasl.passwort": "hush"}, "got ['sasl.passwort']"),
    ],
)
def test_security_that_cannot_work_is_refused_without_showing_secrets(security: dict[str, str], message: str) -> None:
    with pytest.raises(ParameterError) as refused:
        faust_credentials(security)
    assert message in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_missing_certificate_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        faust_credentials({"security.protocol": "SSL", "ssl.ca.location": str(tmp_path / "ca.pem")})

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from driftline.config.kafka_settings import OAuthSettings, SecuritySettings
from driftline.config.secrets import Secret, resolve_credentials
from driftline.config.settings import SchemaRegistrySettings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_secret_shows_nothing() -> None:
    secret = Secret("hunter2")
    shown = [str(secret), repr(secret), f"{secret!s:>10}", f"{[secret]}", f"{secret}"]
    assert not any("hunter2" in text for text in shown)
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="copied"):
        copy.copy(secret)


def test_secrets_come_from_variables_and_files(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n", encoding="utf-8")
    security = SecuritySettings(protocol="SASL_SSL", username_env="KAFKA_USER", password_file=str(file))
    credentials = resolve_credentials(security, {"KAFKA_USER": "driftline"})
    assert credentials.username is not None
    assert credentials.password is not None
    assert (credentials.username.reveal(), credentials.password.reveal()) == ("driftline", "correct horse")
    assert credentials.key_password is None
    assert "correct horse" not in repr(credentials)


def test_all_that_is_missing_is_reported_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    security = SecuritySettings(
        protocol="SASL_SSL", username_env="ABSENT", password_file=str(empty), ca_file=str(tmp_path / "absent.pem")
    )
    with pytest.raises(ConfigurationError) as caught:
        resolve_credentials(security, {})
    assert [problem.partition(", got")[0] for problem in caught.value.problems] == [
        "Expected an environment variable that is set",
        "Expected a readable file that contains the secret",
        "Expected a readable file",
    ]


def test_the_schema_registry_has_secrets_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("correct horse\n", encoding="utf-8")
    registry = SchemaRegistrySettings(url="https://registry", username_env="REGISTRY_KEY", password_file=str(file))
    credentials = resolve_credentials(SecuritySettings(), {"REGISTRY_KEY": "key"}, registry)
    assert credentials.registry_username is not None
    assert credentials.registry_password is not None
    shown = (credentials.registry_username.reveal(), credentials.registry_password.reveal())
    assert shown == ("key", "correct horse")
    assert credentials.username is None

    broken = SchemaRegistrySettings(url="https://registry", username_env="ABSENT", ca_file=str(tmp_path / "absent.pem"))
    with pytest.raises(ConfigurationError) as caught:
        resolve_credentials(SecuritySettings(), {}, broken)
    assert [problem.rpartition(" - at ")[2] for problem in caught.value.problems] == [
        "`$.schema_registry.username_env`",
        "`$.schema_registry.ca_file`",
    ]


def test_the_clients_secret_for_tokens_is_read_too(tmp_path: Path) -> None:
    variable = "S"
    oauth = OAuthSettings(client_id_env="I", client_secret_env=variable, ca_file="/absent.pem")
    security = SecuritySettings(protocol="SASL_SSL", mechanism="OAUTHBEARER", oauth=oauth)
    with pytest.raises(ConfigurationError) as caught:
        resolve_credentials(security, {"I": "me"})
    assert caught.value.problems == (
        "Expected an environment variable that is set, got 'S' - at `$.kafka.security.oauth.client_secret_env`",
        "Expected a readable file, got '/absent.pem' - at `$.kafka.security.oauth.ca_file`",
    )
    file = tmp_path / "secret"
    file.write_text("hunter2\n", encoding="utf-8")
    oauth = OAuthSettings(client_id_env="I", client_secret_file=str(file))
    credentials = resolve_credentials(SecuritySettings(oauth=oauth), {"I": "me"})
    assert credentials.client_id is not None
    assert credentials.client_secret is not None
    assert (credentials.client_id.reveal(), credentials.client_secret.reveal()) == ("me", "hunter2")
    assert "hunter2" not in repr(credentials)

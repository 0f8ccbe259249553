"""What must hold between the encodings of topics and the schema registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.fingerprint import model_settings_hash
from driftline.config.load import load_settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "driftline.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ or {})


def test_every_encoding_can_be_configured(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        schema_registry:
          url: https://psrc-1.eu.confluent.cloud, http://b:8081/apis/ccompat/v7
          username_env: REGISTRY_KEY
          password_file: /run/secret
          timeout: 2s
        predictions: {encoding: avro, avro: {schema_files: [a.avsc, b.avsc]}}
        labels: {encoding: protobuf, protobuf: {descriptor_file: l.desc, message: shop.Label}}
        """,
    )
    assert settings.predictions.avro.schema_files == ("a.avsc", "b.avsc")
    assert settings.labels is not None
    assert settings.labels.protobuf.message == "shop.Label"
    assert settings.schema_registry is not None
    assert settings.schema_registry.timeout == 2_000
    assert load(tmp_path, "").predictions.encoding == "auto"


def test_the_registry_may_come_from_the_environment(tmp_path: Path) -> None:
    environ = {"DRIFTLINE_SCHEMA_REGISTRY__URL": "http://registry:8081", "DRIFTLINE_REGISTRY__KEY": "secret"}
    settings = load(tmp_path, "schema_registry: {username_env: DRIFTLINE_REGISTRY__KEY, password_env: P}", environ)
    assert settings.schema_registry is not None
    assert settings.schema_registry.url == "http://registry:8081"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("predictions: {encoding: schema_registry}", "Expected a section `schema_registry` with its `url`"),
        (
            "predictions: {encoding: avro}",
            "Expected `avro: {schema_files: [...]}` beside it, or `schema_registry` where",
        ),
        ("labels: {encoding: protobuf, protobuf: {message: M}}", "`protobuf: {descriptor_file: ..., message: ...}`"),
        ("predictions: {protobuf: {descriptor_file: a, message: M}}", "Expected `protobuf`, as its descriptor file"),
        (
            "predictions: {encoding: json, avro: {schema_files: [a]}}",
            "Expected `avro` or `auto`, as `avro.schema_files`",
        ),
        ("predictions: {encoding: thrift}", "`cloudevents`, got 'thrift' - at `$.predictions.encoding`"),
        (
            "output: {encoding: avro}",
            "Expected a section `schema_registry` with its `url`, where the schemas",
        ),
        ("output: {encoding: protobuf}", "one of `json`, `avro`, got 'protobuf' - at `$.output.encoding`"),
        ("schema_registry: {}", "at `$.schema_registry.url`"),
        ("schema_registry: {url: 'registry:8081'}", "Expected http:// or https:// and a host, without user name"),
        ("schema_registry: {url: 'http://a:8081,'}", "got '' - at `$.schema_registry.url`"),
        ("schema_registry: {url: 'https://key:secret@registry'}", "user name and password, got 'https://***@registry'"),
        ("schema_registry: {url: 'http://a', timeout: 0s}", "a duration above zero, got '0ms'"),
        ("schema_registry: {url: 'http://a', username_env: U}", "a user name and a password together, or neither"),
        (
            "schema_registry: {url: 'http://a', username_env: U, username_file: f, password_env: P}",
            "either `username_env` or `username_file`, not both",
        ),
        ("schema_registry: {url: 'http://a', key_file: k}", "`certificate_file` and `key_file` together, got 'k'"),
        ("schema_registry: {url: 'http://a', id_bytes: 5}", "one of `4`, `8`"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text)
    assert expected in "\n".join(refused.value.problems)


def test_events_are_json_unless_avro_is_asked_for_and_have_the_same_hash(tmp_path: Path) -> None:
    plain = load(tmp_path, "schema_registry: {url: 'http://a'}")
    avro = load(tmp_path, "{schema_registry: {url: 'http://a'}, output: {encoding: avro}}")
    assert (plain.output.encoding, avro.output.encoding) == ("json", "avro")
    assert model_settings_hash(plain, "m") == model_settings_hash(avro, "m")

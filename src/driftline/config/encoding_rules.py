"""Rules for how records are encoded, and for the schema registry; each names the setting to change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from driftline.errors import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.input_settings import LabelInput, PredictionInput
    from driftline.config.settings import SchemaRegistrySettings, Settings

_URL: Final = re.compile(r"https?://[^/\s,@]+(/[^\s,]*)?")
_USER: Final = re.compile(r"//[^/]*@")

Problem = tuple[str, str, tuple[str, ...]]


def encoding_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the encodings of input and output, and with the schema registry."""
    registry = settings.schema_registry
    inputs: dict[str, PredictionInput | LabelInput] = {"$.predictions": settings.predictions}
    if settings.labels is not None:
        inputs["$.labels"] = settings.labels
    for at, topic in inputs.items():
        yield from _input(topic, at, registry)
    if settings.output.encoding == "avro" and registry is None:
        wanted = "a section `schema_registry` with its `url`, where the schemas of events are registered"
        yield _one(wanted, "avro", "$.output.encoding", "$.schema_registry")
    if registry is not None:
        yield from _registry(registry, "$.schema_registry")


def _input(topic: PredictionInput | LabelInput, at: str, registry: SchemaRegistrySettings | None) -> Iterator[Problem]:
    place = f"{at}.encoding"
    if topic.encoding == "schema_registry" and registry is None:
        yield _one("a section `schema_registry` with its `url`", topic.encoding, place, "$.schema_registry")
    if topic.encoding == "avro" and not topic.avro.schema_files:
        wanted = "`avro: {schema_files: [...]}` beside it, or `schema_registry` where records name their schema"
        yield _one(wanted, topic.encoding, place, f"{at}.avro.schema_files")
    protobuf = topic.protobuf
    complete = protobuf.descriptor_file is not None and protobuf.message is not None
    if topic.encoding == "protobuf" and not complete:
        wanted = (
            "`protobuf: {descriptor_file: ..., message: ...}` beside it, or `schema_registry` where records name their "
            "schema"
        )
        yield _one(wanted, topic.encoding, place, f"{at}.protobuf.descriptor_file", f"{at}.protobuf.message")
    if topic.encoding != "protobuf" and (protobuf.descriptor_file or protobuf.message):
        yield _one("`protobuf`, as its descriptor file or message is set", topic.encoding, place, f"{at}.protobuf")
    if topic.encoding not in {"avro", "auto"} and topic.avro.schema_files:
        yield _one("`avro` or `auto`, as `avro.schema_files` are set", topic.encoding, place, f"{at}.avro.schema_files")


def _registry(registry: SchemaRegistrySettings, at: str) -> Iterator[Problem]:
    for url in registry.url.split(","):
        if _URL.fullmatch(url.strip()) is None:
            shown = _USER.sub("//***@", url.strip())
            yield _one("http:// or https:// and a host, without user name and password", shown, f"{at}.url")
    if registry.timeout <= 0:
        yield _one("a duration above zero", str(registry.timeout), f"{at}.timeout")
    for name in ("username", "password"):
        variable, file = getattr(registry, f"{name}_env"), getattr(registry, f"{name}_file")
        if variable is not None and file is not None:
            place = f"{at}.{name}_file"
            yield _one(f"either `{name}_env` or `{name}_file`, not both", file, place, f"{at}.{name}_env")
    has_username = registry.username_env or registry.username_file
    has_password = registry.password_env or registry.password_file
    if bool(has_username) != bool(has_password):
        yield _one("a user name and a password together, or neither", has_username or has_password, at)
    if (registry.certificate_file is None) != (registry.key_file is None):
        yield _one("`certificate_file` and `key_file` together", registry.certificate_file or registry.key_file, at)


def _one(expected: str, got: object, path: str, *also: str) -> Problem:
    return describe(expected, got, path), path, (path, *also)

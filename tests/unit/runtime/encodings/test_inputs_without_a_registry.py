"""Records read without a schema registry: as they are, and with schemas from files."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from driftline.config.input_settings import AvroSettings, LabelInput, PredictionInput, ProtobufSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.errors import ConfigurationError
from driftline.events.record_batch import RecordBatch, Unreadable
from driftline.events.source import Source
from driftline.runtime.encodings.avro_reader import fingerprint, parse
from driftline.runtime.encodings.input_encodings import InputEncodings
from tests.support.input_encodings import AVRO, EVENT, PROTO, TOPIC, batch, documents, encodings
from tests.support.proto_messages import ProtoMessage, descriptor_set

if TYPE_CHECKING:
    from pathlib import Path

    from confluent_kafka.schema_registry import SchemaRegistryClient

    from driftline.config.input_settings import Encoding
    from tests.support.schema_registry import SchemaRegistry

pytestmark = pytest.mark.usefixtures("way")


@pytest.mark.parametrize("encoding", ["auto", "json"])
def test_without_a_registry_every_batch_is_left_as_it_is(encoding: Encoding) -> None:
    made = encodings(encoding=encoding)
    assert not made
    whole = batch(b'{"a": 1}', b"\x00\x00\x00\x00\x01x", None, b"")
    (left,) = made.read(whole)
    assert left is whole


def test_plain_json_is_left_as_it_is_beside_a_registry(registry: SchemaRegistry) -> None:
    made = encodings(registry.url)
    whole = batch(b'{"a": 1}', b'{"b": 1}')
    (left,) = made.read(whole)
    assert left is whole
    assert not made.wants_headers(TOPIC, whole.values)
    assert made.wants_headers(TOPIC, [*whole.values, b"\x00"])
    assert not made.wants_headers("another", [b"\x00"])


def test_what_is_neither_json_nor_framed_is_left_to_be_refused_as_json(registry: SchemaRegistry) -> None:
    whole = batch(b"hello", b" {}", b"", None, b"[1]", b"\x00")
    (part,) = encodings(registry.url).read(whole)
    assert part.documents is None
    assert part.values == whole.values


def avro_value(schema: dict[str, Any], value: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def test_avro_with_schema_files_is_read_bare_and_as_single_objects(tmp_path: Path) -> None:
    newer = {**AVRO, "fields": [{"name": "region", "type": "string"}, *AVRO["fields"]]}
    for name, schema in (("new.avsc", newer), ("old.avsc", AVRO)):
        (tmp_path / name).write_text(json.dumps(schema), encoding="utf-8")
    files = AvroSettings((str(tmp_path / "new.avsc"), str(tmp_path / "old.avsc")))
    made = encodings(encoding="avro", avro=files)
    bare = avro_value(newer, {"region": "north", **EVENT})
    single = b"\xc3\x01" + fingerprint(parse(json.dumps(AVRO))[0]) + avro_value(AVRO, EVENT)
    assert documents(made, bare, single, bare) == [{"region": "north", **EVENT}, EVENT, {"region": "north", **EVENT}]

    plain = json.dumps(EVENT).encode()
    automatic = encodings(avro=files)
    unknown = b"\xc3\x01" + bytes(8) + b"x"
    message = (
        "Expected Avro (single-object encoding) of one of the schemas in `avro.schema_files`, got the fingerprint "
        "0000000000000000"
    )
    assert documents(automatic, plain, single, unknown) == [EVENT, EVENT, Unreadable("wrong_encoding", message)]


def test_protobuf_with_a_descriptor_file_is_read(tmp_path: Path, prediction: ProtoMessage) -> None:
    file = tmp_path / "p.desc"
    file.write_bytes(descriptor_set(tmp_path, {"p.proto": PROTO}, "p.proto"))
    made = encodings(encoding="protobuf", protobuf=ProtobufSettings(str(file), "shop.Prediction"))
    value = prediction.SerializeToString()
    found = documents(made, value, b"\xff", value)
    assert found[::2] == [EVENT, EVENT]
    assert isinstance(found[1], Unreadable)


@pytest.mark.parametrize(
    ("encoding", "more", "problem"),
    [
        (
            "avro",
            {"avro": AvroSettings(("absent.avsc",))},
            "Expected a readable file (No such file or directory), got ",
        ),
        ("avro", {"avro": AvroSettings(("bad.avsc",))}, "$.predictions.avro.schema_files[0]"),
        ("protobuf", {"protobuf": ProtobufSettings("bad.avsc", "M")}, "$.predictions.protobuf.descriptor_file"),
    ],
)
def test_files_that_cannot_be_used_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding, more: dict[str, Any], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.avsc").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        encodings(encoding=encoding, **more)
    assert problem in str(refused.value)


def test_labels_have_an_encoding_of_their_own(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, SerializationContext("truth", MessageField.VALUE))
    settings = Settings(
        predictions=PredictionInput(TOPIC, "json"),
        labels=LabelInput("truth", "schema_registry"),
        schema_registry=SchemaRegistrySettings(url=registry.url),
    )
    made = InputEncodings(settings, Credentials())
    labels = RecordBatch(Source("labels", 0), "truth", [value], [0], [-1], headers=[{}])
    (part,) = made.read(labels)
    assert part.documents == [EVENT]
    whole = batch(value)
    assert made.read(whole) == [whole]
    assert made.wants_headers("truth", [])

"""Where records name their schema: before the value, and in headers."""

from __future__ import annotations

from uuid import UUID

import pytest
from confluent_kafka.schema_registry.serde import SchemaId

from driftline.runtime.encodings.framing import Framed, from_headers, from_prefix

GUID = "89791762-2336-4186-9674-299b90a802e2"


def test_an_id_before_the_value_is_that_of_confluent() -> None:
    framed = SchemaId("AVRO", 70_000).id_to_bytes() + b"value"
    assert from_prefix(framed, 4) == Framed("/schemas/ids/70000", b"value")


def test_a_guid_before_the_value_is_that_of_confluent() -> None:
    framed = SchemaId("AVRO", guid=GUID).guid_to_bytes() + b"value"
    assert from_prefix(framed, 4) == Framed(f"/schemas/guids/{GUID}", b"value")


def test_an_id_of_eight_bytes_is_read_where_it_is_configured() -> None:
    assert from_prefix(bytes(8) + b"\x05value", 8) == Framed("/schemas/ids/5", b"value")


@pytest.mark.parametrize("value", [b"", b"\x00", b"\x00\x00\x00\x00", b"\x01" + bytes(15), b"{}", b"\x02" + bytes(20)])
def test_what_names_no_schema_is_not_framed(value: bytes) -> None:
    assert from_prefix(value, 4) is None


def test_the_value_behind_an_id_may_be_empty() -> None:
    assert from_prefix(bytes(5), 4) == Framed("/schemas/ids/0", b"")


def test_the_header_of_confluent_holds_what_would_stand_before_the_value() -> None:
    guid = {"__value_schema_id": SchemaId("AVRO", guid=GUID).guid_to_bytes()}
    assert from_headers(b"value", guid) == Framed(f"/schemas/guids/{UUID(GUID)}", b"value", None)
    number = {"__value_schema_id": SchemaId("AVRO", 5).id_to_bytes()}
    assert from_headers(b"value", number) == Framed("/schemas/ids/5", b"value", None)
    indexes = {"__value_schema_id": SchemaId("PROTOBUF", guid=GUID, message_indexes=[1, 0]).guid_to_bytes()}
    assert from_headers(b"value", indexes) == Framed(f"/schemas/guids/{GUID}", b"value", b"\x04\x02\x00")


@pytest.mark.parametrize(("header", "path"), [("contentId", "/schemas/ids/7"), ("globalId", "/ids/globalIds/7")])
def test_the_headers_of_apicurio_hold_an_id_and_protobuf_s_type(header: str, path: str) -> None:
    headers = {f"apicurio.value.{header}": (7).to_bytes(8), "apicurio.value.encoding": b"BINARY"}
    assert from_headers(b"value", headers) == Framed(path, b"value", None)
    assert from_headers(b"value", {**headers, "apicurio.protobuf.type": b"Score"}) == Framed(path, b"value", "Score")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"other": b"x"},
        {"__value_schema_id": b""},
        {"__key_schema_id": bytes(5)},
        {"apicurio.value.contentId": b"7"},
    ],
)
def test_other_headers_name_no_schema(headers: dict[str, bytes]) -> None:
    assert from_headers(b"value", headers) is None

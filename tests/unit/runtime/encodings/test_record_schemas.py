"""Which schema each record was read with, as batches say it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from driftline.config.input_settings import PredictionInput
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.runtime.encodings.input_encodings import InputEncodings
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.input_settings import Encoding

AVRO = '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}]}'
NEWER = '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}, {"name": "m", "type": "long"}]}'
PLAIN = b'{"n": 1}'


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        running.register("r", AVRO)
        running.register("r", NEWER)
        running.register("j", json.dumps({"type": "object"}), "JSON")
        yield running


def framed(number: int, payload: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4) + payload


OLD, NEW, AS_JSON = framed(1, b"\x02"), framed(2, b"\x02\x04"), framed(3, PLAIN)


def schemas(
    registry: SchemaRegistry,
    *values: bytes | None,
    encoding: Encoding = "auto",
    headers: list[dict[str, bytes]] | None = None,
) -> list[str | None]:
    topic = PredictionInput("scored", encoding)
    settings = Settings(predictions=topic, schema_registry=SchemaRegistrySettings(url=registry.url))
    made = InputEncodings(settings, Credentials())
    whole = RecordBatch(
        Source("predictions", 0), "scored", [*values], [*range(len(values))], [-1] * len(values), headers=headers
    )
    return [name for part in made.read(whole) for name in part.schemas or [None] * len(part.values)]


@pytest.mark.parametrize("encoding", ["auto", "schema_registry"])
def test_ids_before_the_value(registry: SchemaRegistry, encoding: Encoding) -> None:
    assert schemas(registry, OLD, OLD, encoding=encoding) == ["1", "1"]
    assert schemas(registry, OLD, NEW, AS_JSON, OLD, encoding=encoding) == ["1", "2", "3", "1"]


def test_plain_json_has_none_wherever_it_stands(registry: SchemaRegistry) -> None:
    assert schemas(registry, PLAIN, PLAIN) == [None, None]
    assert schemas(registry, PLAIN, OLD, AS_JSON, PLAIN, None, b"", NEW) == [None, "1", "3", None, None, None, "2"]
    assert schemas(registry, PLAIN, OLD, encoding="json") == [None, None]


def test_json_s_headers_do_not_count_where_they_are_not_always_read(registry: SchemaRegistry) -> None:
    """Whether they are read depends on the records beside it, which must not change the result."""
    header = {"__value_schema_id": b"\x00\x00\x00\x00\x03"}
    assert schemas(registry, PLAIN, OLD, headers=[header, {}]) == [None, "1"]
    assert schemas(registry, PLAIN, OLD, headers=[header, {}], encoding="schema_registry") == ["3", "1"]


def test_guids_and_headers(registry: SchemaRegistry) -> None:
    guid = registry.entries[0].guid
    assert schemas(registry, b"\x01" + UUID(guid).bytes + b"\x02", OLD) == [guid, "1"]
    by_header = [{"__value_schema_id": OLD[:5]}, {"apicurio.value.contentId": (2).to_bytes(8)}]
    assert schemas(registry, b"\x02", b"\x02\x04", headers=by_header) == ["1", "2"]
    assert schemas(registry, b"\x02", NEW, headers=[by_header[0], {}]) == ["1", "2"]


def test_longer_ids(registry: SchemaRegistry) -> None:
    settings = Settings(schema_registry=SchemaRegistrySettings(url=registry.url, id_bytes=8))
    value: list[bytes | None] = [b"\x00" + (1).to_bytes(8) + b"\x02"]
    (part,) = InputEncodings(settings, Credentials()).read(
        RecordBatch(Source("predictions", 0), settings.predictions.shown, value, [0], [-1])
    )
    assert (part.documents, part.schemas) == ([{"n": 1}], ["1"])

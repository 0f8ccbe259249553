"""A schema registry, and what writes records with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from tests.support.input_encodings import PROTO
from tests.support.native import BOTH, run_as
from tests.support.proto_messages import ProtoMessage, descriptor_set, message_classes
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=BOTH)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read with the native library, and without."""
    way: str = request.param
    run_as(way, monkeypatch)
    return way


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    """Return a schema registry without schemas."""
    with SchemaRegistry() as running:
        yield running


@pytest.fixture
def theirs(registry: SchemaRegistry) -> SchemaRegistryClient:
    """Confluent's own client, which their serializers register schemas with."""
    return SchemaRegistryClient({"url": registry.url})


@pytest.fixture
def prediction(tmp_path: Path) -> ProtoMessage:
    """Return the event as a message."""
    message = message_classes(descriptor_set(tmp_path, {"p.proto": PROTO}, "p.proto"))["shop.Prediction"]
    return message(prediction_id="p-1", score=0.25, features={"age": 48.0, "channel": "web"})

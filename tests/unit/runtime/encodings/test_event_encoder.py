"""Events as Avro: whatever an event can hold comes back exactly; bytes depend on the event and its schema's id."""

from __future__ import annotations

import inspect
import json
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import fastavro
import msgspec
import pytest

from driftline import events
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings
from driftline.errors import BrokerError, FormatError
from driftline.events.evidence import Event
from driftline.events.output_record import OutputRecord, event_record, reference_records, tombstone
from driftline.events.output_types import OUTPUT_EVENTS
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.encodings.event_encoder import EventEncoder
from driftline.runtime.encodings.event_schemas import avro_schema
from driftline.runtime.encodings.registry_client import RegistryClient
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from tests.support.avro_absent import may_be_absent, with_absent
from tests.support.made_up import made_up_structs
from tests.support.modules import modules_of
from tests.support.real_broker import ROOT
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        running.register("of somebody else", '"int"')
        yield running


class Part(msgspec.Struct):
    n: int


class Whole(msgspec.Struct):
    """No event: the field that may be absent can hold nothing that says so in Avro."""

    part: Part | msgspec.UnsetType = msgspec.UNSET


def encoder_at(registry: SchemaRegistry, id_bytes: int = 4) -> EventEncoder:
    client = RegistryClient(SchemaRegistrySettings(url=registry.url), Credentials())
    return EventEncoder(client, KafkaSettings(prefix="dl"), id_bytes)


@pytest.fixture
def encoder(registry: SchemaRegistry) -> EventEncoder:
    made = encoder_at(registry)
    made.register()
    return made


def examples() -> list[Event]:
    """Return what is published as examples of every type."""
    found = []
    for name, event in OUTPUT_EVENTS.items():
        text = (ROOT / "schemas" / "examples" / f"{name}.json").read_text(encoding="utf-8")
        found += [msgspec.convert(message["data"], event) for message in json.loads(text)]
    return found


@cache
def parsed_schema(event: type[Event]) -> Any:  # noqa: ANN401  # fastavro's form of a schema
    return fastavro.parse_schema(avro_schema(event))


def read_by_fastavro(value: bytes, event: type[Event]) -> object:
    return fastavro.schemaless_reader(BytesIO(value[5:]), parsed_schema(event), None)


def as_text(document: object) -> str:
    """Return JSON, in which 3 and 3.0 differ, and 0.0 and -0.0."""
    return json.dumps(document, sort_keys=True)


def as_avro_has_it(record: OutputRecord) -> dict[str, Any]:
    """Return an event, with what JSON may leave out and Avro has as an empty map, an empty list or null."""
    return with_absent(dict(record.headers)["ce_type"].decode(), json.loads(value_of(record)))


def value_of(record: OutputRecord) -> bytes:
    assert record.value is not None
    return record.value


def test_every_type_of_event_is_known() -> None:
    classes = {found for module in modules_of(events) for _, found in inspect.getmembers(module, inspect.isclass)}
    assert {found for found in classes if issubclass(found, Event) and found is not Event} == {*OUTPUT_EVENTS.values()}


@pytest.mark.parametrize("name", OUTPUT_EVENTS)
def test_every_type_has_an_example(name: str) -> None:
    assert any(type(event) is OUTPUT_EVENTS[name] for event in examples())


@pytest.mark.parametrize("event", examples(), ids=lambda event: type(event).__name__)
def test_examples_come_back_exactly(event: Event, encoder: EventEncoder, registry: SchemaRegistry) -> None:
    plain = event_record(event, "driftline/dl")
    record = encoder(plain)
    value = value_of(record)
    assert as_text(read_by_fastavro(value, type(event))) == as_text(as_avro_has_it(plain))
    decode = EventDecoder(SchemaRegistrySettings(url=registry.url), Credentials())
    assert as_text(json.loads(decode(value, "application/avro"))) == as_text(as_avro_has_it(plain))
    read = msgspec.convert(read_by_fastavro(value, type(event)), type(event))
    optional = {name: getattr(read, name) or msgspec.UNSET for name in may_be_absent(event.TYPE)}
    assert msgspec.structs.replace(read, **optional) == event


def test_a_field_that_may_be_absent_has_something_that_stands_for_it() -> None:
    with pytest.raises(TypeError, match="the field part, which events may be without, has no empty value"):
        avro_schema(cast("Any", Whole))


@pytest.mark.parametrize("name", OUTPUT_EVENTS)
def test_whatever_a_type_can_hold_comes_back_exactly(
    name: str, encoder: EventEncoder, registry: SchemaRegistry
) -> None:
    event_type = OUTPUT_EVENTS[name]
    decode = EventDecoder(SchemaRegistrySettings(url=registry.url), Credentials())
    for event in made_up_structs(event_type):
        plain = event_record(event, "s")
        value = value_of(encoder(plain))
        assert as_text(read_by_fastavro(value, event_type)) == as_text(as_avro_has_it(plain))
        assert decode(value, "application/avro") == value_of(plain)


def unions(schema: object, values: list[Any], at: str = "") -> Iterator[tuple[str, int, set[type]]]:
    """Yield the place of each union, how many branches it has, and the types of the values that are there."""
    if isinstance(schema, list):
        yield at, len(schema), {type(value) for value in values}
        schema = next((each for each in schema if isinstance(each, dict)), None)
        values = [value for value in values if value is not None]
    if isinstance(schema, dict):
        for field in schema.get("fields", ()):
            yield from unions(field["type"], [value[field["name"]] for value in values], f"{at}/{field['name']}")
        if "items" in schema:
            yield from unions(schema["items"], [item for value in values for item in value], f"{at}[]")
        if "values" in schema:
            yield from unions(schema["values"], [item for value in values for item in value.values()], f"{at}{{}}")


@pytest.mark.parametrize("name", OUTPUT_EVENTS)
def test_made_up_events_take_every_branch(name: str) -> None:
    """So that the test before cannot pass because it tried too little."""
    event_type = OUTPUT_EVENTS[name]
    values = [msgspec.to_builtins(event) for event in made_up_structs(event_type)]
    found = list(unions(avro_schema(event_type), values))
    assert found
    assert [(at, len(kinds)) for at, _, kinds in found] == [(at, n) for at, n, _ in found]


def test_framing_headers_and_keys(encoder: EventEncoder, registry: SchemaRegistry) -> None:
    for event in examples():
        plain = event_record(event, "driftline/dl")
        record = encoder(plain)
        topic = "alerts" if type(event).__name__ == "AlertEvent" else "events"
        number = registry.id_of(f"dl.{topic}-io.driftline.v1.{type(event).__name__}")
        assert value_of(record)[:5] == b"\x00" + number.to_bytes(4)
        assert (record.channel, record.key) == (topic, plain.key)
        before, after = dict(plain.headers), dict(record.headers)
        assert after.pop("content-type") == b"application/avro"
        assert before.pop("content-type") == b"application/json"
        assert after == before
        assert [name for name, _ in record.headers] == [name for name, _ in plain.headers]


def test_the_same_event_and_id_give_the_same_bytes(encoder: EventEncoder, registry: SchemaRegistry) -> None:
    again = encoder_at(registry)
    again.register()
    for event in examples():
        plain = event_record(event, "s")
        assert encoder(plain) == again(plain) == encoder(plain)
    with SchemaRegistry() as other:  # whose ids are others
        elsewhere = encoder_at(other)
        elsewhere.register()
        plain = event_record(examples()[0], "s")
        assert value_of(elsewhere(plain))[5:] == value_of(encoder(plain))[5:]
        assert value_of(elsewhere(plain))[:5] != value_of(encoder(plain))[:5]


def test_longer_ids_are_written_where_they_are_configured(registry: SchemaRegistry) -> None:
    encoder = encoder_at(registry, id_bytes=8)
    encoder.register()
    plain = event_record(examples()[0], "s")
    value = value_of(encoder(plain))
    assert value[:8] == bytes(8)
    decode = EventDecoder(SchemaRegistrySettings(url=registry.url, id_bytes=8), Credentials())
    assert json.loads(decode(value, "application/avro")) == as_avro_has_it(plain)


def test_tombstones_and_profiles_stay_what_they_are(encoder: EventEncoder) -> None:
    (profile,) = reference_records([(b"k", b"v")])
    assert encoder(tombstone("a")) == tombstone("a")
    assert encoder(profile) == profile


def test_each_type_is_registered_once_under_a_subject_of_its_own(registry: SchemaRegistry) -> None:
    for _ in range(2):
        encoder_at(registry).register()
    ours = [subject for subject in registry.subjects if subject.startswith("dl.")]
    assert len(ours) == len(OUTPUT_EVENTS)
    assert len(registry.entries) == 1 + len(OUTPUT_EVENTS)


def test_registration_goes_on_where_it_was_interrupted(registry: SchemaRegistry) -> None:
    encoder = encoder_at(registry)
    registry.status = 503
    with pytest.raises(RegistryUnavailableError, match=r"The schema of `dl\.events-io\.driftline\.v1\.\w+` cannot be"):
        encoder.register()
    registry.status = None
    other = encoder_at(registry)
    other.register()
    assert value_of(other(event_record(examples()[0], "s")))


def test_an_event_that_does_not_fit_its_schema_is_an_error_that_names_it(encoder: EventEncoder) -> None:
    plain = event_record(examples()[0], "s")
    broken = {**json.loads(value_of(plain)), "n": None}
    with pytest.raises(
        FormatError, match=rf"The event io\.driftline\.\w+\.v1 {dict(plain.headers)['ce_id'].decode()} "
    ):
        encoder(msgspec.structs.replace(plain, value=json.dumps(broken).encode()))
    more = {**json.loads(value_of(plain)), "unheard_of": 1}
    with pytest.raises(FormatError, match="unheard_of"):
        encoder(msgspec.structs.replace(plain, value=json.dumps(more).encode()))


def test_the_published_schemas_are_those_that_are_registered(encoder: EventEncoder, registry: SchemaRegistry) -> None:
    assert encoder.client.problem is None
    published = [json.loads((ROOT / "schemas" / "avro" / f"{name}.avsc").read_text()) for name in OUTPUT_EVENTS]
    assert [json.loads(entry.body["schema"]) for entry in registry.entries[1:]] == published


def test_reading_says_what_is_missing(encoder: EventEncoder, registry: SchemaRegistry) -> None:
    value = value_of(encoder(event_record(examples()[0], "s")))
    assert EventDecoder(None, Credentials())(b"{}", "application/json") == b"{}"
    assert EventDecoder(None, Credentials())(b"{}", None) == b"{}"
    with pytest.raises(BrokerError, match=r"no schema registry is configured .*`--config`"):
        EventDecoder(None, Credentials())(value, "application/avro")
    decode = EventDecoder(SchemaRegistrySettings(url=registry.url), Credentials())
    with pytest.raises(FormatError, match="cannot be read as Avro"):
        decode(value[:-1], "application/avro")
    registry.status = 503
    with pytest.raises(BrokerError, match="HTTP 503"):
        EventDecoder(SchemaRegistrySettings(url=registry.url), Credentials())(value, "application/avro")

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.events.alert import AlertEvent
from driftline.events.cloudevents import epoch_ms, rfc3339
from driftline.events.estimate import EstimateEvent
from driftline.events.finding import FindingEvent
from driftline.events.ids import event_id
from driftline.events.model_key import ModelKey
from driftline.events.output_record import event_record, structured, tombstone
from driftline.events.performance import PerformanceEvent
from driftline.events.window import WindowEvent

if TYPE_CHECKING:
    from driftline.events.evidence import Event

TYPES: dict[str, type[Event]] = {
    "window": WindowEvent,
    "finding": FindingEvent,
    "performance": PerformanceEvent,
    "estimate": EstimateEvent,
    "alert": AlertEvent,
}
EXAMPLES = Path(__file__).resolve().parents[3] / "schemas" / "examples"
MESSAGES = [
    (name, event) for name in TYPES for event in json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
]


def test_times_have_milliseconds_and_read_back() -> None:
    for time_ms in (0, 1, 999, 1_772_366_400_123, 4_102_444_799_999, -1):
        assert epoch_ms(rfc3339(time_ms)) == time_ms
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"


def test_ids_do_not_run_parts_together() -> None:
    ids = {
        event_id("t", ModelKey("ab", "c"), "all", ("x",)),
        event_id("t", ModelKey("a", "bc"), "all", ("x",)),
        event_id("t", ModelKey("a", "b"), "call", ("x",)),
        event_id("t", ModelKey("a", "b"), "all", ("x", "")),
        event_id("t", ModelKey("a", "b"), "all", ("x", 0)),
    }
    assert len(ids) == 5
    assert all(len(each) == 32 for each in ids)


def test_an_id_never_changes_between_versions_of_driftline() -> None:
    about = ("tumbling", 3_600_000, "2026-03-01T12:00:00.000Z", "2026-03-01T13:00:00.000Z", 0)
    found = event_id("io.driftline.window.v1", ModelKey("credit-risk", "3"), "all", about)
    assert found == "a3d122c043ef9ee9fb7b3c94d50dbe32"


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_records_have_the_headers_of_the_kafka_binding(name: str, message: dict[str, object]) -> None:
    event = msgspec.convert(message["data"], TYPES[name])
    record = event_record(event, "driftline/test")
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(message["id"]).encode(),
        "ce_type": f"io.driftline.{name}.v1".encode(),
        "ce_source": b"driftline/test",
        "ce_time": str(message["time"]).encode(),
        "ce_subject": b"credit-risk@3/all",
        "content-type": b"application/json",
    }
    if isinstance(event, AlertEvent):
        assert (record.channel, record.key) == ("alerts", event.alert_id.encode())
    else:
        assert (record.channel, record.key) == ("events", b"credit-risk@3")


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_the_value_is_sorted_json_that_reads_back_as_the_event(name: str, message: dict[str, object]) -> None:
    event = msgspec.convert(message["data"], TYPES[name])
    value = event_record(event, "s").value
    assert value is not None
    assert value == event_record(event, "s").value
    assert msgspec.json.decode(value, type=TYPES[name]) == event
    objects: list[list[str]] = []
    json.loads(value, object_pairs_hook=lambda pairs: objects.append([key for key, _ in pairs]))
    assert len(objects) > 3
    assert all(keys == sorted(keys) for keys in objects)


def test_no_two_events_share_an_id() -> None:
    ids = [message["id"] for _, message in MESSAGES]
    assert len(set(ids)) == len(ids)


def test_structured_mode_has_attributes_beside_the_data() -> None:
    name, message = MESSAGES[0]
    event = msgspec.convert(message["data"], TYPES[name])
    assert structured(event_record(event, str(message["source"]))) == message


def test_a_tombstone_has_no_value() -> None:
    record = tombstone("abc")
    assert (record.channel, record.key, record.value, record.headers) == ("alerts", b"abc", None, ())

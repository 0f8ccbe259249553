from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.config.field_places import Constant
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.settings import Settings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch, one_record
from driftline.events.source import Source
from driftline.runtime.references import production_events
from driftline.runtime.references.production_events import EventReader, EventSelection

if TYPE_CHECKING:
    from pathlib import Path

STRETCH = EventSelection(ModelKey("m", "1"), 1_000, 2_000, positive="yes")


def line(ts: int | None, *, timestamp: int | None = None, **more: object) -> bytes:
    event: dict[str, object] = {
        "prediction_id": f"p{ts}",
        "model": "m",
        "model_version": "1",
        "features": {"a": 1},
        **more,
    }
    if ts is not None:
        event["ts"] = ts
    if timestamp is not None:
        event["kafka"] = {"timestamp": timestamp}
    return json.dumps(event).encode()


def test_only_the_events_of_the_stretch_and_of_the_model_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(production_events, "BATCH", 2)
    lines = [
        line(999),
        line(1_000, score={"yes": 0.25, "no": 0.75}, prediction="yes"),
        line(1_999),
        line(2_000),
        line(1_500, model="other"),
        line(1_500, model_version="2"),
        line(None, timestamp=1_700),
        line(None),
        b"{broken",
        line(1_900, timestamp=1),
    ]
    path = tmp_path / "p.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    reader = EventReader(Settings(), STRETCH)
    for _ in range(2):
        found = [event for batch in reader.read_file(path) for event in batch]
        assert [event.time_ms for event in found] == [1_000, 1_999, 1_700, 1_900]
        assert (found[0].row.prediction, found[0].row.score) == ("yes", 0.25)
        assert (reader.n_refused, reader.n_others) == (2, 4)


def test_an_event_dated_too_far_past_its_record_is_refused_as_in_production() -> None:
    reader = EventReader(Settings(), EventSelection(ModelKey("m", "1"), 0, 10_000_000))
    records = RecordBatch(Source("predictions", 0), "t", [line(600_005), line(600_006)], [0, 1], [5, 5])
    assert len(reader.rows(records)) == 1
    assert reader.n_refused == 1


def test_the_mapping_of_fields_is_followed() -> None:
    fields = PredictionFields(model=Constant("m"), model_version=Constant("1"), ts="/when", features="/input")
    settings = msgspec.structs.replace(Settings(), predictions=PredictionInput(fields=fields))
    record = json.dumps({"prediction_id": 1, "when": "1970-01-01T00:00:01.5Z", "input": {"b": 2}}).encode()
    found = EventReader(settings, STRETCH).rows(one_record("predictions", record))
    assert [(event.time_ms, event.row.features) for event in found] == [(1_500, b'{"b": 2}')]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"Expected a readable file, got No such file or directory - at `.*absent"):
        list(EventReader(Settings(), STRETCH).read_file(tmp_path / "absent"))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(ProfileError, match=r"broken.gz: cannot be unpacked with gzip"):
        list(EventReader(Settings(), STRETCH).read_file(broken))

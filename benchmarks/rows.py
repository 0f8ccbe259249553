"""Processor time per event of records that hold many, beside records of one, through the sketcher to a flush.

Usage: ``python -m benchmarks.rows [--messages N] [--rows N] [--rounds N]``. The same events as records of one event and
in every layout of rows, in process and without Kafka. The layouts take turns, and of several rounds the fastest counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from benchmarks import messages
from driftline.config.field_places import Constant, FeaturesAt
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.settings import Settings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.profiles.profiles import Profiles
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.profiles.profile import Profile

SOURCE: Final = Source("predictions", 0)
_READ: Final = 5_120
"""Events that are read together."""
_MODEL: Final[dict[str, Any]] = {"model": Constant(messages.KEY.model), "model_version": Constant(messages.KEY.version)}
_NAMES: Final = (*messages.NUMERIC, *messages.CATEGORICAL)


class Layout(NamedTuple):
    """How events stand in a record."""

    fields: PredictionFields
    record: Callable[[list[dict[str, Any]]], dict[str, Any]]
    one: bool = False
    """Whether a record holds one event."""


def _of_rows(events: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    return {"prediction_id": events[0]["prediction_id"], "ts": events[0]["ts"], **more}


def _flat(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"id": each["prediction_id"], **each["features"], "prediction": each["prediction"], "score": each["score"]}
        for each in events
    ]


def _parallel(events: list[dict[str, Any]], *, named: bool) -> dict[str, Any]:
    instances = [each["features"] if named else [*each["features"].values()] for each in events]
    scores = [each["score"] for each in events]
    return _of_rows(events, instances=instances, predictions=[each["prediction"] for each in events], scores=scores)


_PARALLEL: Final[dict[str, Any]] = {
    "rows": "/instances",
    "prediction": "/predictions/*",
    "score": "/scores/*",
    **_MODEL,
}
LAYOUTS: Final = {
    "one event a record": Layout(PredictionFields(), lambda events: events[0], one=True),
    "one flat event a record": Layout(
        PredictionFields(features=""),
        lambda events: {
            name: value for name, value in {**events[0], **events[0]["features"]}.items() if name != "features"
        },
        one=True,
    ),
    "rows with an object of features": Layout(
        PredictionFields(
            rows="/rows", prediction="row:/prediction", score="row:/score", features="row:/features", **_MODEL
        ),
        lambda events: _of_rows(
            events, rows=[{name: each[name] for name in ("features", "prediction", "score")} for each in events]
        ),
    ),
    "flat rows with ids": Layout(
        PredictionFields(
            rows="/rows",
            prediction_id="row:/id",
            prediction="row:/prediction",
            score="row:/score",
            features="row:",
            **_MODEL,
        ),
        lambda events: _of_rows(events, rows=_flat(events)),
    ),
    "objects beside a list of predictions": Layout(
        PredictionFields(features="row:", **_PARALLEL), lambda events: _parallel(events, named=True)
    ),
    "lists of values, with names": Layout(
        PredictionFields(features=FeaturesAt("row:", names=_NAMES), **_PARALLEL),
        lambda events: _parallel(events, named=False),
    ),
}


def batches_of(layout: Layout, events: list[dict[str, Any]], n_rows: int) -> list[RecordBatch]:
    """Return events as records in one layout, in batches of equally many events."""
    size = 1 if layout.one else n_rows
    values: list[bytes | None] = [
        json.dumps(layout.record(events[start : start + size]), separators=(",", ":")).encode()
        for start in range(0, len(events), size)
    ]
    many = _READ // size
    return [
        RecordBatch(SOURCE, "t", part, [*range(start, start + len(part))], [-1] * len(part))
        for start in range(0, len(values), many)
        if (part := values[start : start + many])
    ]


def processor_time(layout: Layout, batches: list[RecordBatch], profile: Profile, n_events: int) -> float:
    """Return the processor time in microseconds that an event takes from the record to the flush."""
    profiles = Profiles()
    profiles.add(profile)
    started = time.process_time()
    sketcher = Sketcher(Settings(predictions=PredictionInput("t", fields=layout.fields)), profiles, 1, _no_store)
    sketcher.assign(SOURCE, None)
    for batch in batches:
        sketcher.add(batch)
    flush = sketcher.flush()
    taken = time.process_time() - started
    assert flush is not None
    assert flush.n_events == n_events, "records are refused"
    return taken / n_events * 1e6


def _no_store(*_args: object) -> NoReturn:
    raise AssertionError("without labels nothing is stored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=51_200)
    parser.add_argument("--rows", type=int, default=32, help="events a record")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    rows = messages.table()
    profile = messages.profile(rows)
    events = [json.loads(value) for _, value in messages.predictions(rows, given.messages)]
    batches = {name: batches_of(layout, events, given.rows) for name, layout in LAYOUTS.items()}
    gc.collect()
    gc.freeze()  # the collector would look at the input again and again, in whichever round it has its turn
    best: dict[str, float] = {}
    for _ in range(given.rounds):
        for name, layout in LAYOUTS.items():
            taken = processor_time(layout, batches[name], profile, len(events))
            best[name] = min(taken, best.get(name, taken))
    alone = best["one event a record"]
    for name, taken in best.items():
        size = sum(len(value or b"") for batch in batches[name] for value in batch.values) / len(events)
        print(f"{name:38}{size:6.0f} bytes{taken:8.2f} us/event{alone / taken:7.2f} of the rate of one a record")


if __name__ == "__main__":
    main()

"""A stream's records as JSON: predictions with their features, labels with their value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from benchmarks.incidents.population import CODED

if TYPE_CHECKING:
    from benchmarks.incidents.population import Column, Rows
    from benchmarks.incidents.stream import Stream

_ENCODE = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """A record of one topic."""

    sent_ms: int
    partition: int
    key: str
    value: bytes
    producer: int
    """Who sends it; -1 where it is a label."""


def predictions(stream: Stream) -> list[Record]:
    """Return the records of predictions, in the order of sending."""
    scenario, rows = stream.scenario, stream.rows
    names = [name for name in rows if name not in {"score", "label"}]
    features = [dict(zip(names, values, strict=True)) for values in zip(*columns(rows, names), strict=True)]
    if scenario.as_schema is not None:
        for number in np.flatnonzero(stream.changed).tolist():
            features[number] = scenario.as_schema(features[number])
    scores, times = rows["score"].tolist(), stream.times_ms.tolist()
    onset_ms = scenario.onset_ms if scenario.onset_ms is not None else scenario.end_ms
    country, channel = (listed(rows, name) for name in ("country", "channel"))
    values = [
        _ENCODE(
            {
                "prediction_id": name,
                "model": scenario.model,
                "model_version": scenario.version_after if time_ms >= onset_ms else "1",
                "ts": time_ms,
                "features": of_event,
                "segments": {"country": country[number], "channel": channel[number]},
                "prediction": int(score >= 0.5),  # the decision
                "score": score,
            }
        )
        for number, (name, time_ms, of_event, score) in enumerate(
            zip(stream.names, times, features, scores, strict=True)
        )
    ]
    producers, places = stream.producer.tolist(), stream.partition.tolist()
    return [
        Record(sent_ms, places[number], stream.names[number], values[number], producers[number])
        for sent_ms, number in zip(*(each.tolist() for each in stream.sent), strict=True)
    ]


def labels(stream: Stream) -> list[Record]:
    """Return the records of labels, in the order of sending."""
    truth, places = stream.rows["label"].tolist(), stream.partition.tolist()
    return [
        Record(
            sent_ms,
            places[number],
            stream.names[number],
            _ENCODE({"prediction_id": stream.names[number], "label": truth[number], "ts": sent_ms}),
            -1,
        )
        for sent_ms, number in zip(*(each.tolist() for each in stream.labelled), strict=True)
    ]


def columns(rows: Rows, names: list[str]) -> list[list[object]]:
    """Return columns as JSON values; None for what is missing."""
    return [listed(rows, name) for name in names]


def listed(rows: Rows, name: str) -> list[object]:
    """Return one column as JSON values."""
    column: Column = rows[name]
    if name in CODED:
        categories = (*CODED[name], None)
        return [categories[code] for code in column.tolist()]
    if column.dtype.kind == "f" and np.isnan(column).any():
        return [None if math.isnan(value) else value for value in column.tolist()]
    values: list[object] = column.tolist()
    return values

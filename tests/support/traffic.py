"""Deterministic traffic: predictions and labels of several models, with drift and with everything that may go wrong.

The same seed gives the same records, in the same order, with the same Kafka timestamps: event time lies in the past.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from driftline.config.model import ModelSettings, PerformanceSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.profiles.profile import Profile

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z."""
SPAN_MS = 36 * HOUR
DRIFT_MS = START_MS + SPAN_MS // 2
CLOSING_MS = START_MS + SPAN_MS + 3 * DAY
"""Time of each partition's last event: it closes all windows and revisions before it."""
PANE_MS = 5 * MINUTE
BURN_IN_PANES = 100
"""So few that hourly windows are calibrated hours before the drift; six-hourly ones calibrate to the end."""
CALIBRATED_MS = START_MS + -(-BURN_IN_PANES * PANE_MS // HOUR) * HOUR
LATENESS_MS = 2 * MINUTE
HORIZON_MS = 12 * HOUR
LATE_SHARE = 0.15
"""So many that a worker which starts without its partitions' running maxima will take a late event for one in time."""
PARTITIONS = 3
BY_FEATURE = 3
"""Features by whose values errors are compared."""
OLD = 70
"""Age from which on the labels of credit say the opposite once the traffic has drifted."""
_FUTURE = "2100-01-01T00:00:00Z"

SETTINGS: dict[str, Any] = {
    "time": {"pane": f"{PANE_MS // MINUTE}m", "lateness": "2m", "max_future": "10m", "idle_timeout": "1d"},
    "defaults": {
        "windows": {"verdict": ["1h", "6h"], "display": "1h", "hop": "30m", "performance": "1h", "min_samples": 150},
        "labels": {"horizon": "12h", "wait": "1h", "revisions": ["1h", "6h"], "test_coverage": 0.6},
        "checks": {"dispersion": {"panes": BURN_IN_PANES, "span": "6h"}},
        "bootstrap": {"enabled": False},
        "performance": {"by_feature": BY_FEATURE},
    },
    "models": {"price": {"task": "regression"}, "credit": {"task": "binary", "positive_class": "1"}},
}
"""What the configuration says besides Kafka and topics; no idle mark can fall, so the outputs are determined."""


class Sent(NamedTuple):
    """One record of an input topic."""

    partition: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    reason: str | None = None
    """Why it must become a dead letter; None where it must not."""


@dataclass(frozen=True)
class Traffic:
    """All records of both topics; those of one partition in the order of their offsets."""

    predictions: list[Sent] = field(default_factory=list)
    labels: list[Sent] = field(default_factory=list)

    def by_partition(self, records: Sequence[Sent]) -> list[list[Sent]]:
        """Return one topic's records by partition."""
        parts: list[list[Sent]] = [[] for _ in range(PARTITIONS)]
        for record in records:
            parts[record.partition].append(record)
        return parts


class _Model:
    """Rows of one model: features, what is predicted of them and what turns out."""

    def __init__(self, name: str, version: str, seed: int) -> None:
        self.key = ModelKey(name, version)
        self._random = random.Random(seed)

    def row(self, *, drifted: bool) -> tuple[dict[str, Any], Any, Any, Any]:
        """Return features, prediction, score (None where the model gives none) and label."""
        rng = self._random
        features: dict[str, Any] = {
            "amount": round(math.exp(rng.gauss(3.4 if drifted else 3.0, 0.8)), 2),
            "age": rng.randint(18, 80),
            "ratio": rng.random() if not drifted else rng.random() ** 1.5,
            "visits": min(9, int(rng.expovariate(0.7))),
            "channel": rng.choice(["web", "web", "app", "branch", "partner"] if drifted else ["web", "app", "branch"]),
            "member": rng.random() < 0.3,
        }
        if rng.random() < (0.08 if drifted else 0.01):
            features["ratio"] = None
        if rng.random() < 0.005:
            features["age"] = "unknown"
        if rng.random() < 0.005:
            features["channel"] = f"campaign-{rng.randint(1, 400)}"
        if rng.random() < 0.003:
            features["added_later"] = 1
        return (features, *self._outcome(features, drifted=drifted))

    def _outcome(self, features: dict[str, Any], *, drifted: bool) -> tuple[Any, Any, Any]:
        rng = self._random
        noise = 1.6 if drifted else 0.6
        label: Any
        merit = math.log(features["amount"]) - 3.0 + (features["ratio"] or 0.5) - 0.5
        if self.key.model == "price":
            predicted = 100 + 25 * merit + rng.gauss(0, 1)
            return round(predicted, 3), None, round(predicted + rng.gauss(0, 8 * noise), 3)
        if self.key.model == "credit":
            score = round(1 / (1 + math.exp(-2 * merit)), 6)
            label = int(merit + rng.gauss(0, noise) > 0)
            if drifted and isinstance(features["age"], int) and features["age"] >= OLD:
                label = 1 - label
            return int(score > 0.5), score, bool(label) if rng.random() < 0.01 else label
        classes = ["buy", "ask", "leave"]
        weights = [math.exp(merit), 1.0, math.exp(-merit)]
        scores = {name: round(weight / sum(weights), 6) for name, weight in zip(classes, weights, strict=True)}
        label = rng.choices(classes, weights)[0] if rng.random() < 0.3 * noise else max(scores, key=scores.__getitem__)
        return max(scores, key=scores.__getitem__), scores, "new" if rng.random() < 0.005 else label


def _models(seed: int) -> list[_Model]:
    names = [("credit", "3"), ("price", "1"), ("intent", "2")]
    return [_Model(name, version, seed + 1000 * i) for i, (name, version) in enumerate(names)]


@cache
def profiles(n_rows: int = 4000, seed: int = 7) -> tuple[Profile, ...]:
    """Return the profile of each model's training rows, effective long before the traffic."""
    built = []
    for model in _models(seed):
        rows = [model.row(drifted=False) for _ in range(n_rows)]
        table = ReferenceTable(
            n=n_rows,
            features={name: [row[0].get(name) for row in rows] for name in rows[0][0]},
            prediction=[row[1] for row in rows],
            score=[_plain(row[2]) for row in rows] if rows[0][2] is not None else None,
            label=[row[3] for row in rows],
        )
        task: Literal["regression", "auto"] = "regression" if model.key.model == "price" else "auto"
        settings = ModelSettings(task=task, performance=PerformanceSettings(by_feature=BY_FEATURE))
        built.append(build_profile(model.key, table, settings, START_MS - 365 * DAY, "training"))
    return tuple(built)


def _plain(score: object) -> object:
    return max(score.values()) if isinstance(score, dict) else score


@cache
def traffic(n: int = 30_000, seed: int = 1) -> Traffic:
    """Return about ``n`` predictions, and their labels.

    Among them: events late by minutes and by hours, events out of order, duplicates soon and after the horizon, labels
    before their prediction, corrections, retractions, labels past the horizon and for ids never seen, models that have
    no profile, and records of every kind that must be refused.
    """
    rng = random.Random(seed)
    predictions: list[tuple[int, Sent]] = []
    labels: list[tuple[int, Sent]] = []
    models = _models(seed + 17)
    for i in range(n):
        model = models[0] if i % 4 == 3 else models[i % 4]
        ts = START_MS + SPAN_MS * i // n
        row = model.row(drifted=ts >= DRIFT_MS)
        prediction_id = f"{seed}-{i}"
        predictions += _predictions(rng, model.key, prediction_id, ts, row)
        labels += _labels(rng, prediction_id, ts, row[3])
        if rng.random() < 0.004:
            predictions.append(_refused(rng, i, ts))
        if rng.random() < 0.002:
            labels.append(_refused(rng, i, ts))
    return Traffic(_in_order(predictions), _in_order(labels, is_labels=True))


def _predictions(
    rng: random.Random, key: ModelKey, prediction_id: str, ts: int, row: tuple[dict[str, Any], Any, Any, Any]
) -> Iterator[tuple[int, Sent]]:
    features, prediction, score, _ = row
    event: dict[str, Any] = {"prediction_id": prediction_id, "model": key.model, "model_version": key.version}
    event["features"] = features
    event |= {"prediction": prediction} | ({} if score is None else {"score": score})
    arrival = ts + int(rng.expovariate(1 / 20_000))
    chance = rng.random()
    if chance < LATE_SHARE:
        arrival += rng.randint(LATENESS_MS, 3 * HOUR)
    elif chance < LATE_SHARE + 0.04:
        arrival = ts  # and no `ts`: Kafka's timestamp is the event's time
    event |= {} if LATE_SHARE <= chance < LATE_SHARE + 0.04 else {"ts": ts}
    yield arrival, _sent(prediction_id, arrival, event)
    if rng.random() < 0.01:
        again = arrival + rng.choice([1, 500, 40_000, HORIZON_MS + HOUR])
        yield again, _sent(prediction_id, again, event)
    if rng.random() < 0.002:
        other = event | {"prediction_id": f"other-{prediction_id}", "model": "unknown", "ts": ts}
        yield ts, _sent(f"other-{prediction_id}", ts, other)


def _labels(rng: random.Random, prediction_id: str, ts: int, label: object) -> Iterator[tuple[int, Sent]]:
    chance = rng.random()
    if chance < 0.1:
        return  # never labelled
    if chance < 0.14:
        at = ts - rng.randint(0, 90 * MINUTE)  # before the prediction, some longer than labels wait
    elif chance < 0.16:
        at = ts + HORIZON_MS + rng.randint(-HOUR, HOUR)
    else:
        at = ts + int(rng.expovariate(1 / HOUR))
    arrival = at + int(rng.expovariate(1 / 30_000)) + (rng.randint(0, 5 * HOUR) if rng.random() < LATE_SHARE else 0)
    yield arrival, _sent(prediction_id, arrival, {"prediction_id": prediction_id, "label": label, "ts": at})
    while rng.random() < 0.07:
        at += rng.randint(0, 4 * HOUR)
        mended = None if rng.random() < 0.3 else label
        if isinstance(label, float) and mended is not None:
            mended = round(label + 1, 3)
        yield at + 10, _sent(prediction_id, at + 10, {"prediction_id": prediction_id, "label": mended, "ts": at})
    if rng.random() < 0.01:
        orphan = f"orphan-{prediction_id}"
        yield at, _sent(orphan, at, {"prediction_id": orphan, "label": label, "ts": at})


def _refused(rng: random.Random, i: int, ts: int) -> tuple[int, Sent]:
    """Return a record that neither topic can take."""
    key = f"bad-{i}"
    event = {"prediction_id": key, "model": "credit", "model_version": "3", "label": 1}
    values: list[tuple[bytes | None, str]] = [
        (b"{not json", "not_json"),
        (b'{"prediction_id": "\xff\xfe"}', "not_utf8"),
        (json.dumps({"model": "credit", "label": 1}).encode(), "missing_field"),
        (json.dumps(event | {"ts": [1]}).encode(), "invalid_type"),
        (json.dumps(event | {"ts": _FUTURE}).encode(), "timestamp_in_future"),
        (b"", "empty_record"),
        (None, "empty_record"),
    ]
    value, reason = rng.choice(values)
    return ts, Sent(_partition(key), ts, key.encode(), value, reason)


def _sent(key: str, timestamp_ms: int, event: dict[str, Any]) -> Sent:
    return Sent(_partition(key), timestamp_ms, key.encode(), json.dumps(event).encode())


def _partition(key: str) -> int:
    return zlib.crc32(key.encode()) % PARTITIONS


def _in_order(records: list[tuple[int, Sent]], *, is_labels: bool = False) -> list[Sent]:
    """Return records as they arrive, and in each partition one that closes all windows."""
    arrived = [record for _, record in sorted(records, key=lambda pair: pair[0])]
    assert all(a.timestamp_ms <= b.timestamp_ms for a, b in pairwise(arrived))
    for partition in range(PARTITIONS):
        key = f"closing-{partition}"
        event: dict[str, Any] = {"prediction_id": key, "ts": CLOSING_MS}
        event |= {"label": 0} if is_labels else {"model": "credit", "model_version": "3", "prediction": 1}
        arrived.append(Sent(partition, CLOSING_MS, key.encode(), json.dumps(event).encode()))
    return arrived

"""The traffic that the benchmarks read: one binary classifier with 15 numeric and 5 categorical features."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np
from confluent_kafka import Producer

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.profiles.profile import Profile

N_PARTITIONS: Final = 3
N_NUMERIC: Final = 15
N_CATEGORICAL: Final = 5
NUMERIC: Final = tuple(f"amount_{i:02d}" for i in range(N_NUMERIC))
CATEGORICAL: Final = tuple(f"channel_{i}" for i in range(N_CATEGORICAL))
CATEGORIES: Final = ("web", "app", "shop", "phone", "partner")
KEY: Final = ModelKey("credit-risk", "2024-11")
START_MS: Final = 1_772_366_400_000
STEP_MS: Final = 1
"""Event time between two predictions: 1,000 a second, so a flush meets a few dozen panes at full speed."""
LABEL_DELAY_MS: Final = 60_000
_ROWS: Final = 50_000


def table() -> ReferenceTable:
    """Return the rows that messages repeat and that the profile is built from."""
    rng = np.random.default_rng(20_261_121)
    numeric = {name: rng.normal(10.0 * i, 1.0 + i, _ROWS).round(4) for i, name in enumerate(NUMERIC)}
    categorical = {name: rng.choice(CATEGORIES, _ROWS).tolist() for name in CATEGORICAL}
    score = rng.random(_ROWS).round(4)
    label = (rng.random(_ROWS) < score).astype(int)
    prediction = (score >= 0.5).astype(int)
    features = {**numeric, **categorical}
    return ReferenceTable(_ROWS, features, prediction.tolist(), score.tolist(), label.tolist())


def profile(rows: ReferenceTable) -> Profile:
    """Return the profile of the rows, in force since 1970."""
    return build_profile(KEY, rows, ModelSettings(), 0, "training")


def predictions(rows: ReferenceTable, n: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the key and the value of n predictions."""
    names = list(rows.features)
    columns = [np.asarray(column).tolist() for column in rows.features.values()]
    assert rows.prediction is not None
    assert rows.score is not None
    for i in range(n):
        row = i % _ROWS
        event = {
            "prediction_id": f"p{i:09d}",
            "model": KEY.model,
            "model_version": KEY.version,
            "ts": START_MS + STEP_MS * i,
            "features": {name: column[row] for name, column in zip(names, columns, strict=True)},
            "prediction": rows.prediction[row],
            "score": rows.score[row],
        }
        yield f"p{i:09d}".encode(), json.dumps(event, separators=(",", ":")).encode()


def labels(rows: ReferenceTable, n: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the key and the value of the labels of n predictions, each a minute after its own."""
    assert rows.label is not None
    for i in range(n):
        label = {
            "prediction_id": f"p{i:09d}",
            "label": rows.label[i % _ROWS],
            "ts": START_MS + STEP_MS * i + LABEL_DELAY_MS,
        }
        yield f"p{i:09d}".encode(), json.dumps(label, separators=(",", ":")).encode()


def send(bootstrap: str, topic: str, records: Iterator[tuple[bytes, bytes]]) -> tuple[int, int]:
    """Write records to a topic, acknowledged; return how many, and the bytes of their values."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "batch.size": 1 << 20,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
        }
    )
    failed: list[str] = []
    n_records = n_bytes = 0
    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, on_delivery=lambda e, _: failed.append(str(e)) if e else None)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        n_records += 1
        n_bytes += len(value)
    left = producer.flush(60)
    assert not left, f"{left} records were not taken"
    assert not failed, failed[:3]
    return n_records, n_bytes

"""One small traffic that is written in many layouts: batches of predictions of two models, and their labels.

A batch is what one request asks for. Its rows have the ids ``batch#0``, ``batch#1`` and so on.
"""

from __future__ import annotations

import json
import math
import random
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driftline.profiles.profile import Profile

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
START_MS = 1_772_323_200_000
SPAN_MS = 8 * HOUR_MS
CLOSING_MS = START_MS + 40 * HOUR_MS
"""Time of the last batches: they close all windows and revisions before."""
N_PREDICTIONS = 3_000
MODELS = ("risk", "price")
VERSION = "4"
FEATURES = ("amount", "age", "channel")

SETTINGS: dict[str, Any] = {
    "time": {"pane": "5m", "lateness": "2m", "max_future": "10m", "idle_timeout": "1d"},
    "defaults": {
        "windows": {"verdict": ["1h"], "display": "1h", "hop": "1h", "performance": "1h", "min_samples": 100},
        "labels": {"horizon": "12h", "wait": "30m", "revisions": ["1h", "6h"]},
        "checks": {"dispersion": {"mode": "independent"}},
        "bootstrap": {"enabled": False},
    },
    "models": {"price": {"task": "regression"}, "risk": {"task": "binary", "positive_class": "1"}},
}
"""What the configuration says besides the layouts."""


class Row(NamedTuple):
    """One prediction."""

    features: dict[str, Any]
    prediction: int | float
    score: float | None
    label: int | float


class Batch(NamedTuple):
    """What one request asks for; a label comes for each row a while later."""

    id: str
    model: str
    at_ms: int
    rows: list[Row]
    labelled_ms: int

    def ids(self) -> list[str]:
        """Return the ids of the rows."""
        return [f"{self.id}#{number}" for number in range(len(self.rows))]


class Retraction(NamedTuple):
    """A label that is taken back."""

    id: str
    at_ms: int
    label: int | float
    """What it was."""


def _row(rng: random.Random, model: str, *, drifted: bool) -> Row:
    amount = round(math.exp(rng.gauss(3.6 if drifted else 3.0, 0.8)), 2)
    age = rng.randint(18, 80)
    channel = rng.choice(["web", "web", "app"] if drifted else ["web", "app", "branch"])
    merit = math.log(amount) - 3 + (age - 49) / 60
    if model == "price":
        predicted = round(100 + 25 * merit + rng.gauss(0, 1), 3)
        label: int | float = round(predicted + rng.gauss(0, 8), 3)
        return Row({"amount": amount, "age": age, "channel": channel}, predicted, None, label)
    score = round(1 / (1 + math.exp(-2 * merit)), 6)
    label = int(rng.random() < score)
    return Row({"amount": amount, "age": age, "channel": channel}, int(score > 0.5), score, label)


@cache
def profiles() -> tuple[Profile, ...]:
    """Return the profiles of both models, effective long before the traffic."""
    built = []
    for model in MODELS:
        rng = random.Random(model)
        rows = [_row(rng, model, drifted=False) for _ in range(2_000)]
        table = ReferenceTable(
            n=len(rows),
            features={name: [row.features[name] for row in rows] for name in FEATURES},
            prediction=[row.prediction for row in rows],
            score=[row.score for row in rows] if model == "risk" else None,
            label=[row.label for row in rows],
        )
        settings = ModelSettings(task="regression" if model == "price" else "binary")
        built.append(build_profile(ModelKey(model, VERSION), table, settings, START_MS - 9_000 * HOUR_MS, "training"))
    return tuple(built)


@cache
def batches() -> tuple[Batch, ...]:
    """Return the batches in the order of their times."""
    rng = random.Random(11)
    found: list[Batch] = []
    n = 0
    while n < N_PREDICTIONS:
        at_ms = START_MS + SPAN_MS * n // N_PREDICTIONS
        model = MODELS[len(found) % 2]
        rows = [_row(rng, model, drifted=n > N_PREDICTIONS // 2) for _ in range(rng.choice([1, 2, 3, 6]))]
        found.append(Batch(f"r{len(found)}", model, at_ms, rows, at_ms + rng.randint(1, 90) * MINUTE_MS))
        n += len(rows)
    for model in MODELS:
        rows = [_row(rng, model, drifted=True)]
        found.append(Batch(f"last-{model}", model, CLOSING_MS, rows, CLOSING_MS))
    return tuple(found)


def labelled() -> list[Batch]:
    """Return the batches in the order of their labels."""
    return sorted(batches(), key=lambda batch: batch.labelled_ms)


def retractions() -> list[Retraction]:
    """Return labels that are taken back, all at the end of the traffic, in time for the later revisions."""
    at_ms = START_MS + SPAN_MS + 100 * MINUTE_MS
    return [
        Retraction(batch.ids()[0], at_ms + number, batch.rows[0].label)
        for number, batch in enumerate(batches()[900:1_000:7])
    ]


def write_traffic(folder: Path) -> None:
    """Write the traffic for producers in other languages: ``predictions.ndjson`` and ``labels.ndjson``."""
    predictions = [
        {
            "id": batch.id,
            "model": batch.model,
            "version": VERSION,
            "at": batch.at_ms,
            "rows": [{**row.features, "prediction": row.prediction, "score": row.score} for row in batch.rows],
        }
        for batch in batches()
    ]
    labels: list[tuple[int, dict[str, Any]]] = [
        (batch.labelled_ms, {"op": "c", "prediction_id": of, "label": row.label, "at": batch.labelled_ms})
        for batch in batches()
        for of, row in zip(batch.ids(), batch.rows, strict=True)
    ]
    labels += [
        (each.at_ms, {"op": "d", "prediction_id": each.id, "label": each.label, "at": each.at_ms})
        for each in retractions()
    ]
    labels.sort(key=lambda pair: pair[0])
    _write(folder / "predictions.ndjson", predictions)
    _write(folder / "labels.ndjson", [label for _, label in labels])


def _write(path: Path, lines: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

"""From records to metrics: what is left after corrections, retractions and repetitions, against scikit-learn."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelFields, LabelInput
from driftline.config.model import LabelSettings, ModelSettings, PerformanceSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source
from driftline.panes.flush_record import decode
from driftline.performance import metrics_of
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.sparse import unpack_into
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

START_MS, MINUTE_MS = 1_772_366_400_000, 60_000
N = 900
Rows = dict[str, tuple[Any, float | None, Any, float]]
"""Prediction, score, label and weight by prediction id; the label is None where none counts."""


def settings_of(*, weighted: bool) -> Settings:
    return Settings(
        labels=LabelInput(fields=LabelFields(weight="/weight" if weighted else None)),
        time=TimeSettings(pane=Duration(MINUTE_MS), lateness=Duration(MINUTE_MS)),
        defaults=ModelSettings(
            windows=WindowSettings(performance=Duration(5 * MINUTE_MS)),
            labels=LabelSettings(horizon=Duration(600 * MINUTE_MS), revisions=(Duration(600 * MINUTE_MS),)),
            performance=PerformanceSettings(weighted=weighted),
        ),
    )


def prediction_of(kind: str, rng: np.random.Generator) -> tuple[Any, float | None]:
    if kind == "regression":
        return float(rng.normal(1e4, 5)), None
    if kind == "multiclass":
        return str(rng.choice(["a", "b", "c"])), None
    score = float(rng.beta(1, 3))
    return int(score > 0.4), score


def label_of(kind: str, prediction: Any, score: float | None, rng: np.random.Generator) -> Any:  # noqa: ANN401  # JSON
    if kind == "regression":
        return prediction + float(rng.standard_t(3))
    if kind == "multiclass":
        return prediction if rng.random() < 0.7 else str(rng.choice(["a", "b", "c"]))
    return int(rng.random() < (score or 0.0))


def records_of(kind: str, *, weighted: bool) -> tuple[list[bytes], list[bytes], Rows]:
    """Return predictions, labels (some corrected, taken back, sent twice, or never sent), and what then counts."""
    rng = np.random.default_rng(7)
    predictions: list[bytes] = []
    labels: list[bytes] = []
    rows: Rows = {}
    for number in range(N):
        prediction, score = prediction_of(kind, rng)
        record = {
            "prediction_id": f"p{number}",
            "model": "m",
            "ts": START_MS + number * 1_000,
            "prediction": prediction,
        }
        predictions.append(json.dumps(record | ({} if score is None else {"score": score})).encode())
        rows[f"p{number}"] = (prediction, score, None, 1.0)
    for number in np.concatenate([rng.permutation(int(N * 0.95)), rng.integers(0, N, 60)]).tolist():
        key = f"p{number}"
        prediction, score, *_ = rows[key]
        label = None if rng.random() < 0.02 else label_of(kind, prediction, score, rng)
        weight = float(rng.choice([0.0, 0.25, 1.0, 7.5])) if weighted else 1.0
        record = {"prediction_id": key, "ts": START_MS + N * 1_000 + len(labels) * 500, "label": label}
        value = json.dumps(record | ({"weight": weight} if weighted else {})).encode()
        labels += [value, value] if rng.random() < 0.01 else [value]
        rows[key] = (prediction, score, label, weight)
    return predictions, labels, rows


def vectors_of(
    settings: Settings, book: Profiles, n_cells: int, predictions: list[bytes], labels: list[bytes]
) -> dict[int, np.ndarray]:
    """Return the performance vector of each window that a sketcher adds to, flushing now and then."""
    sketcher = Sketcher(settings, book, 1, MemoryStores)
    for source in (Source("predictions", 0), Source("labels", 0)):
        sketcher.assign(source, None)
    sketcher.joins.restored(0, 0, whole=True)
    vectors: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(n_cells, dtype=np.int64))
    for kind, values in (("predictions", predictions), ("labels", labels)):
        for start in range(0, len(values), 200):
            part: list[bytes | None] = [*values[start : start + 200]]
            source = Source("predictions" if kind == "predictions" else "labels", 0)
            sketcher.add(RecordBatch(source, kind, part, list(range(start, start + len(part))), [-1] * len(part)))
            flush = sketcher.flush()
            assert flush is not None
            for delta in (
                d for records in flush.panes.values() for each in records for d in decode(each, "test").joins
            ):
                if delta.key != LABEL_STREAM and delta.segment == SEGMENT_ALL:
                    for window in delta.windows:
                        unpack_into(window.cells, vectors[window.window_ms])
            sketcher.committed()
    return vectors


def expected_of(kind: str, rows: Rows, *, weighted: bool) -> dict[str, float]:
    counted = [row for row in rows.values() if row[2] is not None]
    predicted, scores, actual, weights = (list(column) for column in zip(*counted, strict=True))
    of: dict[str, Any] = {"sample_weight": weights if weighted else None}
    if kind == "regression":
        return {
            "mae": sk.mean_absolute_error(actual, predicted, **of),
            "mse": sk.mean_squared_error(actual, predicted, **of),
            "r2": sk.r2_score(actual, predicted, **of),
            "mape": sk.mean_absolute_percentage_error(actual, predicted, **of),
            "rmsle": sk.root_mean_squared_log_error(actual, predicted, **of),
        }
    expected = {
        "accuracy": sk.accuracy_score(actual, predicted, **of),
        "cohen_kappa": sk.cohen_kappa_score(actual, predicted, **of),
        "matthews_correlation": sk.matthews_corrcoef(actual, predicted, **of),
        "f1": sk.f1_score(actual, predicted, average="binary" if kind == "binary" else "macro", **of),
    }
    if kind == "binary":
        expected["log_loss"] = sk.log_loss(actual, scores, **of)
        expected["brier"] = sk.brier_score_loss(actual, scores, **of)
    return expected


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_what_is_left_of_all_labels_is_what_scikit_learn_says(kind: str, *, weighted: bool) -> None:
    predictions, labels, rows = records_of(kind, weighted=weighted)
    settings = settings_of(weighted=weighted)
    table = ReferenceTable(len(rows), {}, prediction=[row[0] for row in rows.values()])
    profile = build_profile(ModelKey("m", ""), table, settings.defaults, START_MS - 1_000_000, "training")
    assert (profile.task.kind, profile.task.weighted) == (kind, weighted)
    book = Profiles()
    book.add(profile)
    vectors = vectors_of(settings, book, profile.task.performance_layout.n_cells, predictions, labels)
    assert len(vectors) == N // 300
    for window_ms, vector in vectors.items():
        first = (window_ms - START_MS) // 1_000
        inside = {key: row for key, row in rows.items() if first <= int(key[1:]) < first + 300}
        found = metrics_of(profile.task, vector)
        for name, value in expected_of(kind, inside, weighted=weighted).items():
            assert found[name] == pytest.approx(value, rel=1e-9), (name, window_ms)

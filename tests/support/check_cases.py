"""Cases of every scope of checks, unchanged and changed in many ways, for what all checks must keep."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import structs

from driftline.checks.contract.closed_window import (
    PerformanceBaseline,
    PerformanceCase,
    PerformanceRevision,
    VolumeReference,
)
from driftline.checks.labels.arrival_check import CohortAt, CohortCase
from driftline.checks.labels.baseline_comparison import BaselineComparison
from driftline.checks.labels.estimate_check import EstimateCase
from driftline.checks.labels.label_stream_check import SpanCase, StreamSpan
from driftline.checks.operations.case import EarlierWindow, OperationsCase
from driftline.checks.references.cases import ColumnCase, WindowCase
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.model import CheckSettings, ModelSettings, PerformanceSettings, ReferenceSettings, RollingSettings
from driftline.performance.metric_estimate import MetricEstimate
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.task import Task
from driftline.sketches.bottom_k import sample_rows
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.joint import complete_rows
from driftline.sketches.layout import UNEXPECTED
from driftline.sketches.scores import DUPLICATES, PREDICTED
from tests.support.by_feature import cells_of, evidence_of
from tests.support.operations import made_operations
from tests.support.windows import HOUR, KEY, PANE_MS, independent, profile_of, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.checks.contract.check import Scope
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.profiles.profile import Profile
    from driftline.sketches.bottom_k import SampledRows

SETTINGS = independent(
    ModelSettings(
        checks=CheckSettings(
            multivariate=("correlation", "reconstruction", "mean_embedding", "domain_classifier"),
            thresholds={"psi": 0.5, "jensen_shannon": 0.5},
        ),
        reference=ReferenceSettings(rolling=RollingSettings()),
        performance=PerformanceSettings(
            metrics=("accuracy", "precision", "recall", "log_loss", "mae", "mse"), by_feature=3
        ),
    )
)
"""Everything that can be tested is."""
LEVEL = 1e-3
CLASSES, NUMBERS = Task("binary", ("0", "1")), Task("regression", (), 10.0)


class Examples(NamedTuple):
    """Cases of one unit of a scope, whose outcomes together cost what :attr:`Check.tests` says."""

    changed: bool
    cases: Sequence[Any]


def examples(scope: Scope) -> Iterator[Examples]:
    """Yield units of a scope: a column, a window, a revision, a cohort at all its ages, a span, an estimate."""
    yield from {
        "column": _columns,
        "window": _windows,
        "performance": _revisions,
        "cohort": _cohorts,
        "label stream": _spans,
        "estimate": _estimates,
        "operations": _operations,
    }[scope]()


def table_of(n: int, seed: int, *, sign: float = 1.0, shift: float = 0.0, odd: object = None) -> ReferenceTable:
    """Return rows of three correlated numbers, a category and a score; every tenth value is ``odd`` where given."""
    rng = np.random.default_rng(seed)
    common, scores = rng.normal(size=n), np.round(rng.random(n), 6)
    age, limit, income = (0.97 * common + 0.243 * rng.normal(size=n) for _ in range(3))
    plain = rng.choice(["web", "branch", "phone"], n, p=[0.6, 0.3, 0.1]).tolist()
    features: dict[str, list[object]] = {
        "age": (shift + age).tolist(),
        "limit": limit.tolist(),
        "income": (sign * income).tolist(),
        "channel": plain,
    }
    if odd is not None:
        features = {name: [odd if i % 10 == 0 else v for i, v in enumerate(each)] for name, each in features.items()}
    return ReferenceTable(n, dict(features), (scores > 0.5).astype(int).tolist(), scores.tolist())


def _changes() -> Iterator[tuple[bool, ReferenceTable]]:
    yield from ((False, table_of(2_000, seed)) for seed in range(2, 6))
    yield from ((False, table_of(n, 6)) for n in (0, 1, 60))
    yield True, table_of(2_000, 7, shift=0.8)
    yield True, table_of(2_000, 8, sign=-1.0, shift=3.0)
    yield from ((True, table_of(2_000, 9, odd=odd)) for odd in ("", "NaN", "Infinity", "new", 1e6, 7))
    gone = table_of(2_000, 10)
    yield True, replace(gone, features={**gone.features, "age": [None] * 2_000, "channel": ["web"] * 2_000})


@cache
def _closed_windows() -> list[tuple[bool, ReferenceView, ClosedWindow]]:
    profile = profile_of(table_of(20_000, 0), SETTINGS)
    past = window_of(profile, table_of(8_000, 1)).sketch
    usual = VolumeReference(rate=2_000 / 60, n=80_000, weeks=4, spread=0.1, degrees_of_freedom=20)
    view, found = ReferenceView(profile, SETTINGS, PANE_MS), []
    for changed, table in _changes():
        window = structs.replace(window_of(profile, table), rolling=past, volume=usual if table.n == 2_000 else None)
        window.sketch.rows = _sampled(profile, table)
        if changed:
            window.sketch.counts[UNEXPECTED] = 300
            window = structs.replace(window, volume=structs.replace(usual, rate=4_000 / 60))
        found.append((changed, view, window))
    return found


def _sampled(profile: Profile, table: ReferenceTable) -> SampledRows:
    values = {**table.features, "prediction": table.prediction or [], "score": table.score or []}
    encoded = [encode_values(column, values[column.name]) for column in profile.columns]
    assert profile.joint is not None
    z, complete = complete_rows(profile.joint, profile.layout.numeric, EncodedColumns.of(encoded, table.n))
    hashes = np.random.default_rng(3).integers(0, 2**60, table.n).astype(np.uint64)
    hashes = hashes if complete is None else hashes[complete]
    return dict(sample_rows(z, hashes, np.zeros(hashes.size, dtype=np.int64)))[0] if hashes.size else {}


def _columns() -> Iterator[Examples]:
    for changed, view, window in _closed_windows():
        for index in range(len(view.profile.columns)):
            yield Examples(changed, [ColumnCase(view, window, LEVEL, index)])


def _windows() -> Iterator[Examples]:
    for changed, view, window in _closed_windows():
        yield Examples(changed, [WindowCase(view, window, LEVEL)])


def _vector(task: Task, n: int, seed: int, error: float, repeated: int) -> np.ndarray:
    rng, vector = np.random.default_rng(seed), np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    if task.kind == "binary":
        actual = rng.integers(0, 2, n).astype(np.float64)
        predicted = np.where(rng.random(n) < error, 1 - actual, actual)
    else:
        actual = rng.normal(size=n)
        predicted = actual + error * rng.normal(size=n)
    rows = LabelledPairs(predicted, actual, np.where(predicted > 0.5, 0.8, 0.2), np.ones(n, dtype=np.int64))
    add_joined(task.performance_layout, rows, vector)
    vector[[PREDICTED, DUPLICATES]] = n, repeated
    return vector


def _revisions() -> Iterator[Examples]:
    plain = profile_of(table_of(2_000, 0), SETTINGS)
    for task in (CLASSES, NUMBERS):
        profile = replace(plain, task=task)
        baseline = PerformanceBaseline(vector=_vector(task, 4_000, 0, 0.1, 5), origin="reference")
        before = cells_of(profile, 4_000, 0)
        for seed, n, error, repeated in ((1, 900, 0.1, 1), (2, 0, 0.1, 0), (3, 900, 0.4, 90)):
            changed = error > 0.1
            now = cells_of(profile, n, seed, wrong_at={3: error}, positive_at={4: 0.9 if changed else 0.5})
            revision = PerformanceRevision(
                key=KEY,
                segment="all",
                start_ms=0,
                end_ms=HOUR,
                vector=_vector(task, n, seed, error, repeated),
                offsets={},
                revision=0,
                age_ms=HOUR,
                final=False,
                tested=True,
                by_feature=evidence_of(now, before),
            )
            yield Examples(changed, [PerformanceCase(profile, revision, baseline, SETTINGS)])


def _earlier(share: float, n: int) -> list[tuple[int, int, bool]]:
    return [(int(n * share) + 9 * (day % 4), n, False) for day in range(9)]


def _cohorts() -> Iterator[Examples]:
    for changed, n_labelled, n_days in ((False, 5_010, 9), (False, 5_010, 3), (True, 1_000, 9), (True, 0, 9)):
        earlier = _earlier(0.5, 10_000)[:n_days]
        comparison = BaselineComparison.of(n_labelled, 10_000, earlier, "less")
        cohorts = [
            CohortAt(
                KEY,
                "all",
                0,
                HOUR,
                age_ms,
                final=False,
                n_predictions=10_000,
                by_age=np.zeros(17, dtype=np.int64),
                earlier=earlier,
                curve=(),
                offsets={},
                flags=(),
            )
            for age_ms in SETTINGS.labels.ages_ms
        ]
        yield Examples(changed, [CohortCase(cohort, comparison, SETTINGS) for cohort in cohorts])


def _spans() -> Iterator[Examples]:
    for changed, n_orphans, n_days in ((False, 100, 9), (False, 100, 3), (True, 5_000, 9)):
        earlier = _earlier(0.01, 10_000)[:n_days]
        span = StreamSpan(0, HOUR, 10_000, 10_000 - n_orphans, n_orphans, earlier, {}, ())
        yield Examples(
            changed, [SpanCase(span, BaselineComparison.of(n_orphans, 10_000, earlier, "greater"), SETTINGS)]
        )


def _estimates() -> Iterator[Examples]:
    for changed, accuracy in ((False, 0.9), (False, None), (True, 0.5)):
        estimated = None if accuracy is None else MetricEstimate(accuracy, 0.01, 0.01)
        yield Examples(
            changed, [EstimateCase(CLASSES, {"accuracy": estimated}, {"accuracy": 0.91}, 1_000, 4_000, SETTINGS)]
        )


def _operations() -> Iterator[Examples]:
    before = made_operations(0, usage={"memory_bytes": 1e9})
    measures = {"memory_bytes": before.operations.measures["memory_bytes"]}
    earlier = [EarlierWindow(1_000, hour % 3, before.latency, slow=False, measures=measures) for hour in range(24)]
    for n_failed, factor in ((0, 1.0), (2, 1.0), (90, 1.0), (0, 2.0), (300, 3.0)):
        now = made_operations(n_failed, factor, usage={"memory_bytes": 1e9 * factor})
        yield Examples(n_failed > 2 or factor > 1, [OperationsCase(0, 1_000, now.operations, earlier, SETTINGS)])
    yield Examples(changed=False, cases=[OperationsCase(0, 1_000, made_operations(5).operations, [], SETTINGS)])

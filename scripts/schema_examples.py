"""Example messages for the schemas: what the pipeline emits for a small loan model whose applicants change.

No random number and no clock: values are quantiles at evenly spread points, so the examples are the same on every
machine, but for the last digits of logarithms.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import structs
from retraining_examples import loop_back_records

from driftline.alerts import ModelAlerts
from driftline.checks.columns.window_check import examine_window
from driftline.checks.contract.closed_window import (
    ArrivalEvidence,
    ClosedWindow,
    PerformanceBaseline,
    PerformanceRevision,
    SegmentEvidence,
    SegmentWindow,
)
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.arrival_check import CohortAt, examine_arrival
from driftline.checks.labels.estimate_check import EstimateRevision, Truth, examine_estimate
from driftline.checks.labels.label_stream_check import StreamSpan, examine_stream
from driftline.checks.labels.performance_check import examine_performance
from driftline.checks.operations.case import Activity, EarlierWindow, OperationsCase, OperationsWindow, latency_of
from driftline.checks.operations.operations_check import examine_operations
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.input_settings import LabelInput
from driftline.config.model import CheckSettings, ColumnSettings, DispersionSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.errors import ProfileError
from driftline.events.estimate import TrackRecord
from driftline.events.model_key import ModelKey
from driftline.events.operation_fields import LATENCY
from driftline.events.output_record import event_records, structured
from driftline.events.record_batch import RecordBatch
from driftline.events.source import SEGMENT_ALL, Source
from driftline.monitoring.alerting import settled
from driftline.monitoring.control.answers import answer
from driftline.monitoring.control.kept import kept
from driftline.monitoring.model_setup import WatermarkReach
from driftline.monitoring.pages.page_accounts import PageAccounts
from driftline.monitoring.predictions.problem_history import ProblemHistory
from driftline.panes.flush_record import PaneDelta
from driftline.performance.arrival_curve import AgedCohort, maturity_curve
from driftline.performance.metric_cases import cases_of
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.estimates import count_estimates
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.log_grid import N_BINS, UNIT, bins_of
from driftline.sketches.operations import Operations, measure_of
from driftline.sketches.pane_sketch import count as count_events
from driftline.sketches.scores import PREDICTED
from driftline.sketches.sparse import pack
from driftline.sketching.control_intake import ControlIntake

if TYPE_CHECKING:
    from driftline.events.evidence import Event
    from driftline.events.output_record import OutputRecord
    from driftline.events.source import Kind, Offsets
    from driftline.profiles.profile import Profile

KEY: Final = ModelKey("credit-risk", "3")
HOUR_MS: Final = 3_600_000
PANE_MS: Final = 10_000
NOON_MS: Final = 1_772_366_400_000
"""2026-03-01T12:00:00Z."""
SETTINGS: Final = Settings(
    labels=LabelInput(),
    defaults=ModelSettings(
        checks=CheckSettings(bins=5, dispersion=DispersionSettings(mode="independent")),
        columns={"income": ColumnSettings(importance=2.0)},
        segments={"country": ("DE", "FR")},
    ),
)

PREDICTION: Final = {
    "prediction_id": "9f2c",
    "model": "credit-risk",
    "model_version": "3",
    "ts": "2026-03-01T12:00:00.123Z",
    "features": {"age": 41, "income": 52000.0, "channel": "web"},
    "prediction": 1,
    "score": 0.83,
    "segments": {"country": "DE"},
    "latency_ms": 12.5,
    "error": None,
}
LABEL: Final = {"prediction_id": "9f2c", "label": 0, "ts": "2026-03-04T08:00:00Z"}
COMMANDS: Final[list[dict[str, Any]]] = [
    {
        "command": "acknowledge",
        "by": "ann",
        "model": "credit-risk",
        "alert": "907a674502bcc02539a07ee9d8a3f80b",
        "comment": "the new channel, until Monday",
        "useful": True,
    },
    {
        "command": "mute",
        "by": "ann",
        "id": "backfill",
        "at": "2026-03-01T13:30:00Z",
        "until": "2026-03-02T08:00:00Z",
        "model": "credit-risk",
        "columns": ["income"],
        "causes": ["data drift"],
    },
    {"command": "unmute", "by": "ann", "mute": "backfill"},
    {
        "command": "deploy",
        "by": "deploy-bot",
        "at": "2026-03-01T14:00:00Z",
        "model": "credit-risk",
        "model_version": "4",
        "replaces": "3",
    },
    {"command": "rollback", "by": "deploy-bot", "model": "credit-risk", "model_version": "3", "comment": "too slow"},
    {
        "command": "rebaseline",
        "by": "ann",
        "model": "credit-risk",
        "model_version": "3",
        "profile_id": "8d3f5a",
        "columns": ["income"],
    },
    {
        "command": "maintenance",
        "by": "ann",
        "start": "2026-11-26T00:00:00-05:00",
        "until": "2026-11-28T00:00:00-05:00",
        "kind": "holiday",
        "name": "Thanksgiving",
    },
    {"command": "note", "by": "ann", "model": "credit-risk", "text": "the supplier of incomes changed"},
]


def examples() -> dict[str, list[dict[str, Any]]]:
    """Return example messages by schema: values of records for the input, structured CloudEvents for the output."""
    budget = ErrorBudget.of(SETTINGS, KEY.model)
    profile = build_profile(KEY, _applicants(4_000, mean_income=52_000.0, web=0.55), SETTINGS.defaults, 0, "training")
    view = ReferenceView(profile, SETTINGS.defaults, PANE_MS)
    drifted = _window(profile, _applicants(1_200, mean_income=61_000.0, web=0.40), NOON_MS)
    problems = ProblemHistory(24 * HOUR_MS)
    book, records, changed = settled(examine_window(view, drifted, budget), ModelAlerts(), budget)
    problems.note(changed)
    opened = changed
    for hour in (1, 2):
        clean = _window(profile, _applicants(1_200, mean_income=52_000.0, web=0.55), NOON_MS + hour * HOUR_MS)
        book, more, changed = settled(examine_window(view, clean, budget), book, budget)
        records += more
        problems.note(changed)
    vector = _labelled(profile, 1_150, wrong=230)
    revision = PerformanceRevision(
        key=KEY,
        segment="all",
        start_ms=NOON_MS,
        end_ms=NOON_MS + HOUR_MS,
        vector=vector,
        offsets={"predictions": {0: (48_112, 49_311)}, "labels": {0: (39_870, 41_020)}},
        revision=1,
        age_ms=24 * HOUR_MS,
        final=False,
        tested=True,
        arrival=_arrival(profile, profile.task.performance_layout.confusion_of(vector), int(vector[PREDICTED])),
        segments=_segments(profile, vector),
    )
    baseline = PerformanceBaseline(vector=_labelled(profile, 4_000, wrong=400), origin="reference")
    verdict = examine_performance(profile, revision, baseline, budget)
    records += settled(verdict, ModelAlerts(), budget, problems).outputs
    records += settled(examine_arrival(profile, _cohort(), budget), ModelAlerts(), budget).outputs[:1]
    records += settled(examine_stream(_labels_of_a_day(), budget), ModelAlerts(), budget).outputs[:1]
    records += event_records(_estimates(budget), budget.source)
    records += settled(examine_operations(*_operations(), budget), ModelAlerts(), budget).outputs[:1]
    records += _pages(records)
    records += loop_back_records(SETTINGS, KEY, profile, baseline, opened, NOON_MS)
    records += _answers(budget)
    found: dict[str, list[dict[str, Any]]] = {"prediction": [PREDICTION], "label": [LABEL], "command": COMMANDS}
    for record in records:
        event = structured(record)
        found.setdefault(event["type"].split(".")[2], []).append(event)
    return {**found, "window": found["window"][:1]}


def _answers(budget: ErrorBudget) -> list[OutputRecord]:
    """Return the answers to a mute, and to an acknowledgement of an alert that there is not."""
    intake = ControlIntake(1)
    values: list[bytes | None] = [json.dumps(command).encode() for command in COMMANDS[:2]]
    stamps = [NOON_MS + HOUR_MS, NOON_MS + 2 * HOUR_MS]
    intake.add(RecordBatch(Source("control", 0), "driftline.control", values, [7, 8], stamps))
    unknown, mute = (kept(entry, NOON_MS) for entry in intake.entries[0])
    refused = f"No alert of the id {unknown.alert} of the model 'credit-risk' is open."
    return [answer(mute, budget, PANE_MS), answer(unknown, budget, PANE_MS, refused)]


def _segments(profile: Profile, vector: np.ndarray[Any, np.dtype[np.int64]]) -> SegmentEvidence:
    """Return a window of which nearly half is from Germany, after a day of hours with a fifth from there."""

    def window(hour: int, whole: np.ndarray[Any, np.dtype[np.int64]], **parts: tuple[int, int]) -> SegmentWindow:
        vectors = {f"country={name}": _labelled(profile, n, wrong=wrong) for name, (n, wrong) in parts.items()}
        sums = {name: cases_of(profile.task, each) for name, each in {SEGMENT_ALL: whole, **vectors}.items()}
        return SegmentWindow(NOON_MS + hour * HOUR_MS, NOON_MS + (hour + 1) * HOUR_MS, "", sums)

    before = _labelled(profile, 1_000, wrong=110)
    earlier = tuple(window(-hour, before, DE=(200, 56), FR=(400, 32)) for hour in range(24, 0, -1))
    return SegmentEvidence(window(0, vector, DE=(550, 180), FR=(300, 26)), earlier)


def _arrival(profile: Profile, counts: np.ndarray[Any, np.dtype[np.int64]], n: int) -> ArrivalEvidence:
    """Return what 28 days show of labels of which the positives come sooner."""
    layout = ArrivalLayout.of(profile.task.performance_layout)
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    layout.counting_of(vector)[3], layout.counting_of(vector)[5] = counts // 2, counts - counts // 2
    layout.predictions_of(vector)[3] = [n - n // 3, n // 3, 0]
    in_the_end = np.zeros((28, layout.n_scores, layout.n_codes), dtype=np.int64)
    in_the_end[:, [3, 5], :2] = 400
    by_now = in_the_end * np.array([95, 99, 0]) // 100
    by_now[::4] -= in_the_end[::4] // 100
    return ArrivalEvidence(layout, vector, by_now, in_the_end)


def _labels_of_a_day() -> StreamSpan:
    """Return a day of labels, 1.2 % of which are orphans, as usual."""
    earlier = [(190 + 7 * (day % 4), 16_700 + 90 * (day % 5), False) for day in range(9)]
    offsets: dict[Kind, Offsets] = {"labels": {0: (30_310, 47_207)}}
    return StreamSpan(NOON_MS - 12 * HOUR_MS, NOON_MS + 12 * HOUR_MS, 28_800, 16_690, 208, earlier, offsets, ())


def _cohort() -> CohortAt:
    """Return a day of predictions, of which half as many have a label after a day as usual."""
    day_ms, n = 24 * HOUR_MS, 28_800
    usual, late = (
        np.array([int(part * share) for part in (0, 0, 60, 500, 2_400, 6_900, 7_500, 900)] + [0] * 9)
        for share in (1.0, 0.5)
    )
    earlier = [(int(usual.sum()) + 150 * (day % 3), n, False) for day in range(9)]
    return CohortAt(
        key=KEY,
        segment="all",
        start_ms=NOON_MS - 12 * HOUR_MS,
        end_ms=NOON_MS + 12 * HOUR_MS,
        age_ms=day_ms,
        final=False,
        n_predictions=n,
        by_age=late,
        earlier=earlier,
        curve=maturity_curve([*[AgedCohort(day_ms, n, usual)] * 9, AgedCohort(day_ms, n, late)], 30 * day_ms),
        offsets={"predictions": {0: (40_001, 68_800)}, "labels": {0: (30_310, 40_044)}},
        flags=(),
    )


def _operations() -> tuple[OperationsWindow, OperationsCase]:
    """Return an hour in which predictions fail because a store does not answer, after a day in which hardly any did."""

    def made(n: int, n_failed: int) -> Operations:
        latencies = np.array([18 * math.exp(0.4 * z) for z in _normal(n, 0.618033988749895)])
        counts = np.bincount(bins_of(latencies), minlength=N_BINS)
        latency = measure_of(pack(counts), round(float(latencies.sum()) * UNIT), float(latencies.max()), 0)
        return Operations(
            n_failed,
            {"feature store unavailable": n_failed - n_failed // 9, "timeout": n_failed // 9},
            {LATENCY: latency},
        )

    earlier = [
        EarlierWindow(1_100 + 20 * (hour % 7), hour % 3, latency_of(made(1_100, 0).measures), slow=False)
        for hour in range(24)
    ]
    now = made(1_200, 96)
    window = OperationsWindow(
        key=KEY,
        start_ms=NOON_MS,
        end_ms=NOON_MS + HOUR_MS,
        n_events=1_200,
        operations=now,
        activity=Activity(longest_gap_ms=20_000, down_ms=0),
        offsets={0: (48_112, 49_311)},
        flags=frozenset(),
    )
    return window, OperationsCase(NOON_MS, 1_200, now, earlier, SETTINGS.defaults)


def _pages(records: list[OutputRecord]) -> list[OutputRecord]:
    """Return the report on a month in which the notifications of some records fall, when labels have passed its end."""
    accounts, day_ms = PageAccounts(SETTINGS), 24 * HOUR_MS
    for day in range(31):
        start_ms = NOON_MS - 12 * HOUR_MS + day * day_ms
        accounts.add(PaneDelta(KEY, SEGMENT_ALL, start_ms, "", 28_800, {}, None, []), day_ms)
    accounts.count(records)
    end = WatermarkReach(NOON_MS + 31 * day_ms, NOON_MS + 31 * day_ms)
    return accounts.advance(end, end)[-1:]


def _estimates(budget: ErrorBudget) -> list[Event]:
    """Return what is estimated of an hour of doubtful applicants, with the finding, and the same beside its labels."""
    table = _applicants(4_000, mean_income=52_000.0, web=0.55)
    labels = [int(u < 0.05 + 0.9 * float(str(p))) for u, p in zip(_even(4_000), table.score or (), strict=True)]
    profile = build_profile(KEY, replace(table, label=labels), SETTINGS.defaults, 0, "training")
    estimator, now = profile.estimator, _applicants(1_200, mean_income=57_000.0, web=0.55)
    if estimator is None:
        message = "Expected the labelled example to have an estimator, got none"
        raise ProfileError(message)
    values = [*now.features.values(), now.prediction or [], now.score or []]
    encoded = [encode_values(column, each) for column, each in zip(profile.columns, values, strict=True)]
    columns = EncodedColumns.of(encoded, now.n)._replace(scores=np.array(now.score, dtype=np.float64))
    slots = np.zeros(now.n, dtype=np.int64)
    ((_, cells),) = count_estimates(estimator.layout, estimator.evaluate(columns, []), slots)
    revision = EstimateRevision(
        key=KEY,
        start_ms=NOON_MS,
        end_ms=NOON_MS + HOUR_MS,
        cells=cells,
        offsets={"predictions": {0: (48_112, 49_311)}},
    )
    first = examine_estimate(profile, revision, budget)
    value = {name: each.value for name, each in first.event.metrics.items() if each is not None}
    truth = Truth(
        metrics={name: round(each - 0.004, 3) for name, each in value.items()},
        coverage=0.96,
        matured=True,
        record={
            name: TrackRecord(n_windows=31, mean_error=-0.001, mean_absolute_error=0.006, within=1.0) for name in value
        },
        refitted=None,
    )
    later = structs.replace(
        revision,
        offsets={**revision.offsets, "labels": {0: (39_870, 41_020)}},
        revision=2,
        age_ms=24 * HOUR_MS,
    )
    return [first.event, *first.findings, examine_estimate(profile, later, budget, truth).event]


def _even(n: int) -> list[float]:
    """Return points that fill the unit interval evenly, in no order that scores have."""
    return [i * 0.7548776662466927 % 1 for i in range(n)]


def _applicants(n: int, *, mean_income: float, web: float) -> ReferenceTable:
    ages = [float(round(42 + 11 * z)) for z in _normal(n, 0.618033988749895)]
    incomes = [float(round(mean_income + 9_000 * z, -1)) for z in _normal(n, 0.414213562373095)]
    channels = ["web" if (7 * i) % 100 < 100 * web else "branch" if i % 3 else "phone" for i in range(n)]
    scores = [round(1 / (1 + math.exp((income - 60_000) / 8_000)), 4) for income in incomes]
    return ReferenceTable(
        n=n,
        features={
            "age": np.array(ages),
            "income": [None if i % 100 == 0 else income for i, income in enumerate(incomes)],
            "channel": channels,
        },
        prediction=[round(score) for score in scores],
        score=scores,
    )


def _normal(n: int, step: float) -> list[float]:
    """Return normal quantiles at points that fill the unit interval evenly, in no order."""
    return [NormalDist().inv_cdf((i * step % 1 + 0.5 / n) % 1 or 0.5) for i in range(n)]


def _window(profile: Profile, table: ReferenceTable, start_ms: int) -> ClosedWindow:
    values = [*table.features.values(), table.prediction or [], table.score or []]
    encoded = [encode_values(column, each) for column, each in zip(profile.columns, values, strict=True)]
    sketch = count_events(profile.layout, encoded, np.zeros(table.n, dtype=np.int64), 1)[0]
    return ClosedWindow(
        key=KEY,
        segment="all",
        kind="tumbling",
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        size_ms=HOUR_MS,
        sketch=sketch,
        offsets={0: (48_112, 48_711), 1: (50_003, 50_602)},
    )


def _labelled(profile: Profile, n: int, *, wrong: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    layout = profile.task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    rows = np.arange(n)
    predicted = (rows % 3 == 0).astype(np.float64)
    actual = np.where(rows * wrong % n < wrong, 1 - predicted, predicted)
    scores = np.where(predicted == 1, 0.5 + rows % 50 / 100, 0.5 - rows % 49 / 100)
    vector[PREDICTED] = n + n // 20
    add_joined(layout, LabelledPairs(predicted, actual, scores, np.ones(n, dtype=np.int64)), vector)
    return vector

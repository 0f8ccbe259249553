"""Examples of what labels keep: open joins, performance windows and their revisions, the arrival of labels."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import CheckSettings, DispersionSettings, LabelSettings, ModelSettings
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source
from driftline.monitoring.labels.cohorts import Cohorts
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions
from driftline.monitoring.labels.error_watch import ErrorWatch
from driftline.monitoring.labels.feature_baselines import FeatureBaselines
from driftline.monitoring.labels.label_stream_monitor import LabelStreamMonitor
from driftline.monitoring.labels.label_times import LabelTimes
from driftline.monitoring.labels.loose_joins import LooseJoins
from driftline.monitoring.labels.open_joins import ClosedLabels, OpenJoins
from driftline.monitoring.labels.performance_windows import (
    DueRevision,
    PerformanceWindows,
    ProductionBaselines,
    WindowState,
)
from driftline.monitoring.labels.segment_baselines import SegmentBaselines
from driftline.monitoring.labels.segment_watch import SeenRevision, SegmentWatch
from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
from driftline.monitoring.predictions.problem_steps import ProblemSteps
from driftline.panes.counting.contributions import Address, OfProfile, Pairs
from driftline.panes.counting.loose_joins import loose_deltas
from driftline.panes.flush_record import JoinDelta
from driftline.profiles.profiles import Profiles
from driftline.profiles.raw_values import raw_values
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.sparse import pack
from tests.support import monitoring
from tests.support.arrival import arrival_settings
from tests.support.by_feature import cells_of
from tests.support.state_examples.example import KEY, Example, of
from tests.support.windows import budget_of
from tests.unit.checks.labels.test_performance_check import PROFILE as LABELLED
from tests.unit.checks.labels.test_performance_check import cut_of, vector_of
from tests.unit.monitoring.labels import test_open_joins as joins
from tests.unit.monitoring.labels import test_performance_windows as performance

JOIN_SETTINGS = joins.small((60_000, 120_000), 240_000)


def _wait(part: OpenJoins, i: int) -> object:
    at_ms = 20_000 * i
    for pane_ms in (at_ms, at_ms + 40_000):
        start_ms = pane_ms - pane_ms % 60_000
        part.add(joins.delta(pane_ms, {start_ms: 1, start_ms - 60_000: 2}, {"labels": {0: (i, i)}}, (1, i, 2)))
    closed = part.close(WatermarkReach(at_ms, at_ms if i % 3 else None), missed=i == 5)
    taken = []
    while (due_ms := part.due_ms()) is not None and due_ms <= at_ms:
        taken += [
            (due_ms, window_ms, profile_id, joins.total(each.pieces), each.offsets, each.flags)
            for window_ms, parts in part.take()
            for profile_id, each in parts.items()
        ]
    return closed, taken


LOOSE_PROFILE = monitoring.training_profile(KEY, monitoring.START_MS + 100_000)


def _loose() -> LooseJoins:
    budget = ErrorBudget.of(monitoring.small_settings(), KEY.model)
    return LooseJoins(ModelSetup(KEY, budget, monitoring.PANE_MS, Profiles([LOOSE_PROFILE])))


def _settle(part: LooseJoins, i: int) -> object:
    start_ms = monitoring.START_MS + 20_000 * i
    times = np.array([start_ms, start_ms + 4_000, start_ms + 35_000])
    at = Address(np.zeros(3, dtype=np.int64), times + 1_000, times, Source("labels", i % 2), np.arange(3) + 3 * i)
    values = raw_values(["1", 0, "0"])
    pairs = LabelledPairs(values, values, np.full(3, 0.5), np.ones(3, dtype=np.int64))
    own = OfProfile([Pairs(at, pairs, np.ones(3, dtype=np.bool_))], [], [])
    for delta in loose_deltas(KEY, monitoring.PANE_MS, own):
        part.add(delta)
    return part.settle(start_ms)


def _revise(part: PerformanceWindows, i: int) -> object:
    end_ms = 60 * i + 50
    due = performance.cuts_until(part, end_ms - 1)
    part.add(*performance.joined(end_ms, end_ms // 100 * 100, 10, i % 4))
    return [(each.start_ms, each.at_ms, each.revision, each.final, performance.head(each)) for each in due]


def _compare_with_earlier(part: EarlierRevisions, i: int) -> object:
    revision = msgspec.structs.replace(cut_of(vector_of(LABELLED, 100 + i, 10)), revision=i % 2)
    task = "other" if i > 3 else "task"
    before = part.before(revision, task)
    part.add(revision, task, examine_performance(LABELLED, revision, None, budget_of()).event)
    return before


def _baseline(part: ProductionBaselines, i: int) -> object:
    part.add(f"p{i // 2}", performance.window_vector(300))
    vectors = [part.vector(f"p{number}", performance.TASK) for number in range(7)]
    return [None if vector is None else vector.tolist() for vector in vectors]


ARRIVALS = arrival_settings().defaults


ARRIVAL_LAYOUT = ArrivalLayout.of(LABELLED.task.performance_layout)


def _arrive(part: Cohorts, i: int) -> object:
    start_ms = i * 120_000
    for age_ms in ARRIVALS.labels.ages_ms:
        window_ms, vector = start_ms - age_ms, np.arange(ARRIVAL_LAYOUT.n_cells, dtype=np.int64) % (i + 2)
        window = (window_ms - window_ms % 60_000, age_ms)
        part.add(window, "t", 10 + i, (ARRIVAL_LAYOUT, vector), {"labels": {0: (i, i)}}, ("idle",) if i == 3 else ())
    said = []
    while (due_ms := part.due_ms()) is not None and due_ms <= start_ms:
        complete = part.take()
        if i % 2:
            part.mark_late(complete)
        said.append((complete, part.earlier(complete), part.mature("t", ARRIVALS.labels.ages_ms[0])))
        part.forget_oldest()
    return [msgspec.to_builtins(each) for each in said]


def _come(part: LabelTimes, i: int) -> object:
    """Let labels come in stretches that join and end, and ask since when there are none."""
    if i % 10 < 6:
        part.add((i * 7 % 5 + i) * 10_000)
    return part.silent_since(i * 10_000)


def _listen(part: LabelStreamMonitor, i: int) -> object:
    span_ms = ARRIVALS.cohort_ms
    counts = (100, 98 - 40 * (i % 5 == 0), 2)
    part.add_labels(
        JoinDelta(LABEL_STREAM, SEGMENT_ALL, i * span_ms, "", {"labels": {0: (i, i)}}, [], (0, 0, 0), counts)
    )
    if i == 4:
        part.miss_labels()
    return part.advance(WatermarkReach(i * span_ms, i * span_ms))


WATCHED = monitoring.training_profile(KEY, 0, n=4_000, labelled=True)
WATCH_SETTINGS = msgspec.structs.replace(
    monitoring.small_settings(),
    defaults=ModelSettings(checks=CheckSettings(dispersion=DispersionSettings(mode="independent"))),
)


def _error_watch() -> ErrorWatch:
    return ErrorWatch(
        ModelSetup(KEY, ErrorBudget.of(WATCH_SETTINGS, KEY.model), monitoring.PANE_MS, Profiles([WATCHED]))
    )


def _err(part: ErrorWatch, i: int) -> object:
    """Let errors rise, fall, and rise again; two panes come before it begins, and in the middle it begins anew."""
    if i == 20:
        part.clear()
    if i % 20 == 2:
        part.begin(i * monitoring.PANE_MS)
    assert WATCHED.performance is not None
    baseline = PerformanceBaseline(vector=WATCHED.performance, origin="reference")
    start_ms, wrong = i * monitoring.PANE_MS, (2, 9, 1)[i // 7 % 3]
    end_ms = start_ms + monitoring.PANE_MS
    pane = ClosedLabels(start_ms, end_ms, {}, {"labels": {0: (i, i)}}, (), (30, i % 3, 0, 7))
    found = part.add(WATCHED, baseline, pane, (40 - wrong, wrong), untold=math.inf if i % 5 == 4 else 0.0)
    return None if found is None else msgspec.to_builtins(found)


SEGMENT_SETTINGS = WATCH_SETTINGS.defaults.replace(segments={"country": ("DE",)}, labels=LabelSettings())


def _segment_watch() -> SegmentWatch:
    settings = msgspec.structs.replace(WATCH_SETTINGS, defaults=SEGMENT_SETTINGS)
    budget = ErrorBudget.of(settings, KEY.model)
    return SegmentWatch(ModelSetup(KEY, budget, monitoring.PANE_MS, Profiles([WATCHED])), "country=DE")


def _watch(part: SegmentWatch, i: int) -> object:
    """Let windows of a few panes each be the baseline, errors rise and fall, and windows follow them."""
    incidents = ProblemSteps(3_600_000, "elsewhere")
    start_ms, wrong = i * monitoring.PANE_MS, 30 if 14 <= i < 22 else 4
    end_ms = start_ms + monitoring.PANE_MS
    errors = {WATCHED.profile_id: (40, wrong << 24, 0)}
    pane = ClosedLabels(start_ms, end_ms, errors, {"labels": {0: (i, i)}}, (), (30, 10))
    said = part.feed(pane, incidents, 0)
    vector = vector_of(WATCHED, 40, wrong)
    due = DueRevision(start_ms, end_ms, end_ms + 60_000, 0, final=True, window=WindowState({}, {}, [], 0, tested=False))
    revision = due.counted(KEY, "country=DE", vector, WatermarkReach(end_ms, end_ms), tested=False)
    event = examine_performance(WATCHED, revision, None, ErrorBudget.of(WATCH_SETTINGS, KEY.model)).event
    said += part.look(SeenRevision(due, WATCHED, revision, event), incidents, 0)
    return said


def _first_windows(part: SegmentBaselines, i: int) -> object:
    """Add windows of two profiles, and ask for the baseline of both."""
    name, other = ("one", "two")[:: 1 if i % 3 else -1]
    part.add(name, WATCHED.task, vector_of(WATCHED, 30 + i, i % 5), (i * 3_600_000, (i + 1) * 3_600_000))
    baselines = [part.of(each, WATCHED.task) for each in (name, other)]
    known = [None if each is None else each.vector.tolist() for each in baselines]
    return known, part.spread(name), part.lacking(other)


FEATURES = [monitoring.training_profile(KEY, number, seed=number) for number in range(6)]


def _first_features(part: FeatureBaselines, i: int) -> object:
    """Keep windows of several profiles, two each, and ask for the baselines of all."""
    profile = FEATURES[i // 2 % len(FEATURES)]
    window = WindowState({}, {}, [], 0, tested=True, by_feature={profile.profile_id: pack(cells_of(profile, 700, i))})
    evidence = part.take(profile, window)
    assert evidence is not None
    part.keep(profile, evidence)
    asked = [part.take(each, WindowState({}, {}, [], 0, tested=True)) for each in FEATURES]
    return [
        None if each is None else (each.n_baseline, None if each.before is None else each.before.tolist())
        for each in asked
    ]


EXAMPLES: list[Example[Any]] = [
    of(FeatureBaselines, lambda: FeatureBaselines(2), _first_features, 14),
    of(SegmentWatch, _segment_watch, _watch, 32),
    of(SegmentBaselines, lambda: SegmentBaselines(independent=False), _first_windows, 60),
    of(ErrorWatch, _error_watch, _err, 40),
    of(OpenJoins, lambda: OpenJoins(JOIN_SETTINGS, joins.PANE_MS), _wait, 25),
    of(LooseJoins, _loose, _settle, 12),
    of(PerformanceWindows, lambda: PerformanceWindows(performance.settings()), _revise, 25),
    of(EarlierRevisions, EarlierRevisions, _compare_with_earlier, 6),
    of(ProductionBaselines, lambda: ProductionBaselines(30), _baseline, 14),
    of(Cohorts, lambda: Cohorts(ARRIVALS), _arrive, 30),
    of(LabelTimes, lambda: LabelTimes(30_000), _come, 40),
    of(LabelStreamMonitor, lambda: LabelStreamMonitor(ErrorBudget.of(arrival_settings(), "")), _listen, 15),
]

"""An example of each part of the monitor that keeps state: how it is made, and a stretch of its life."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import numpy as np

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.performance_check import examine_performance
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, ReferenceSettings, RollingSettings
from driftline.detectors import Block
from driftline.events.model_key import ModelKey
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source, Watermark
from driftline.events.source_numbers import PlaceNames
from driftline.monitoring.control.control_book import ControlBook
from driftline.monitoring.intake.intake_monitor import IntakeMonitor
from driftline.monitoring.intake.match_monitor import MatchMonitor
from driftline.monitoring.intake.refused_monitor import RefusedMonitor
from driftline.monitoring.labels.arrival_monitor import ArrivalMonitor
from driftline.monitoring.labels.cohorts import Cohorts
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions
from driftline.monitoring.labels.estimate_revisions import EstimateRevisions
from driftline.monitoring.labels.join_monitor import JoinMonitor
from driftline.monitoring.labels.label_stream_monitor import LabelStreamMonitor
from driftline.monitoring.labels.label_times import LabelTimes
from driftline.monitoring.labels.loose_joins import LooseJoins
from driftline.monitoring.labels.open_joins import OpenJoins
from driftline.monitoring.labels.performance_windows import PerformanceWindows, ProductionBaselines
from driftline.monitoring.labels.segment_monitor import SegmentMonitor
from driftline.monitoring.labels.segment_windows import SegmentWindows
from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
from driftline.monitoring.operations.earlier_windows import EarlierWindows, KeptWindow
from driftline.monitoring.operations.operations_monitor import OperationsMonitor
from driftline.monitoring.operations.silence_monitor import SilenceMonitor
from driftline.monitoring.pages.page_accounts import PageAccounts
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.bootstrap import BootstrapReference, BootstrapSample
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.column_detectors import ColumnDetectors
from driftline.monitoring.predictions.estimate_windows import EstimateWindows
from driftline.monitoring.predictions.missing_values import MissingValues
from driftline.monitoring.predictions.origin_trail import OriginTrail
from driftline.monitoring.predictions.prediction_monitor import PredictionMonitor
from driftline.monitoring.predictions.problem_history import ProblemHistory
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
from driftline.monitoring.predictions.rolling import RollingReference
from driftline.monitoring.predictions.volume_history import VolumeHistory
from driftline.monitoring.predictions.windowing import SlidingWindow, TumblingWindow
from driftline.monitoring.retraining.alert_steps import AlertSteps
from driftline.monitoring.retraining.labelled_windows import LabelledWindows
from driftline.monitoring.retraining.loop_back import LoopBack
from driftline.monitoring.retraining.proposal_monitor import ProposalMonitor
from driftline.monitoring.retraining.retraining_monitor import RetrainingMonitor
from driftline.panes.counting.contributions import Address, OfProfile, Pairs
from driftline.panes.counting.loose_joins import loose_deltas
from driftline.panes.flush_record import JoinDelta, PaneDelta
from driftline.panes.intake_record import FirstRefused, IntakeMark, IntakeSpan, SeenId
from driftline.panes.watermarks import Watermarks
from driftline.profiles.profiles import Profiles
from driftline.profiles.raw_values import raw_values
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.origin_cells import OriginCells
from driftline.sketches.origin_table import OriginTable
from driftline.sketches.sparse import pack_cells
from tests.support import monitoring
from tests.support.arrival import arrival_settings
from tests.support.commands import entries
from tests.support.operations import made_operations, settings_of
from tests.support.pages import notification, page_settings
from tests.support.retraining import EAGER_PROPOSALS, EAGER_RETRAINING
from tests.support.windows import budget_of, profile_of, table_of, window_of
from tests.unit.checks.labels.test_performance_check import PROFILE as LABELLED
from tests.unit.checks.labels.test_performance_check import cut_of, vector_of
from tests.unit.monitoring import test_estimates as estimates
from tests.unit.monitoring.labels import test_open_joins as joins
from tests.unit.monitoring.labels import test_performance_windows as performance
from tests.unit.monitoring.predictions import test_bootstrap as bootstrap
from tests.unit.monitoring.predictions import test_burn_in as burn_in
from tests.unit.monitoring.predictions import test_rolling as rolling
from tests.unit.monitoring.predictions import test_windowing as windowing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.config.model import ModelSettings
    from driftline.events.alert import Cause
    from driftline.monitoring.state.scope import StateScope
    from driftline.monitoring.state.table import Stateful, Tables
    from driftline.sketches.origin_table import OriginTables

P = TypeVar("P", bound="Stateful")
HOUR_MS = 3_600_000
KEY = ModelKey("m", "1")


@dataclass(frozen=True)
class Example(Generic[P]):
    """One stateful part, or several that belong together.

    Attributes
    ----------
    covers : set of type
        Classes whose tables it fills.
    make : callable of StateScope to part
    steps : list of callable of part
        Its life; each returns what it tells, comparable. Between two of them it may stop.
    """

    covers: set[type]
    make: Callable[[StateScope], P]
    steps: list[Callable[[P], object]]


def of(part: type[P], make: Callable[[], P], step: Callable[[P, int], object], n: int) -> Example[P]:
    """Return the example of a part that is given the numbers of its steps."""
    return Example({part}, lambda _: make(), [numbered(step, i) for i in range(n)])


def numbered(step: Callable[[P, int], object], number: int) -> Callable[[P], object]:
    """Return a step that knows its number."""
    return lambda part: step(part, number)


def told(windows: Iterable[ClosedWindow | None]) -> list[object]:
    """Return what windows hold, comparable."""
    return [
        None
        if window is None
        else (
            window.kind,
            window.start_ms,
            window.end_ms,
            window.extended,
            window.flags,
            window.hours,
            window.offsets,
            window.sketch.pack(),
            None if window.rolling is None else window.rolling.pack(),
        )
        for window in windows
    ]


def _gather(part: BootstrapSample, i: int) -> object:
    profile = part.add(10 * i, 10 * i + 10, bootstrap.part(i, 45))
    return None if profile is None else profile.profile_id


COUNTED, PANES = bootstrap.grid_panes(4, 60)


def _count(part: BootstrapReference, i: int) -> object:
    profile = part.add(PANES[i])
    return None if profile is None else profile.profile_id


def _tumble(part: TumblingWindow, i: int) -> object:
    due_ms, start_ms = part.due_ms(), 30 * i
    closed = part.close(due_ms) if due_ms is not None and due_ms <= start_ms else None
    part.add(windowing.pane(start_ms, 20 if i % 7 else 3, frozenset(("idle",) if i == 2 else ())))
    return told([closed])


def _slide(part: SlidingWindow, i: int) -> object:
    start_ms, shown = 10 * i + 200 * (i > 8), []
    while (due_ms := part.due_ms()) is not None and due_ms <= start_ms:
        shown.append(part.show(due_ms))
    part.add(windowing.pane(start_ms, 4))
    return told(shown)


def _learn(part: BurnIn, i: int) -> object:
    for number in range(20 * i, 20 * i + 20):
        part.add(burn_in.pane(number))
    part.settle((20 * i + 20) * burn_in.PANE_MS)
    known = part.dispersions(burn_in.SIZE_MS, 300 * burn_in.PANE_MS)
    return part.calibrating, None if known is None else [each.covariance.tolist() for each in known]


def _roll(part: RollingReference, i: int) -> object:
    part.add(i * HOUR_MS, rolling.pane(float(i % 3), i + 1))
    current = part.current(i * HOUR_MS)
    return None if current is None else current.pack()


def _detect(part: ColumnDetectors, i: int) -> object:
    rng, said = random.Random(i), []
    for pane in range(60 * i, 60 * i + 60):
        mean = rng.random() * 0.1 + (0.8 if i > 5 else 0.1)
        blocks = [(column, Block(50, mean, 0.1)) for column in (0, 30)]
        said += part.update(pane * 10_000, blocks, {30})
    return said


WINDOW = window_of(LABELLED, table_of(500, 1))


def _remember(part: VolumeHistory, i: int) -> object:
    start_ms = (i % 24 + 168 * (i // 24)) * HOUR_MS
    return part.judged(msgspec.structs.replace(WINDOW, start_ms=start_ms, end_ms=start_ms + HOUR_MS)).volume


def _estimate(part: EstimateWindows, i: int) -> object:
    start_ms = i * estimates.HOUR_MS // 3
    outputs = part.report(WatermarkReach(start_ms, start_ms))
    part.add(start_ms, estimates.opened(start_ms, [0.2, 0.9]), frozenset(("idle",) if i == 4 else ()))
    hour_ms = start_ms - start_ms % estimates.HOUR_MS
    matured = part.mature(hour_ms - 2 * estimates.HOUR_MS)
    part.expire(start_ms - 3 * estimates.HOUR_MS)
    return outputs, matured, len(part)


def _profile_monitor() -> ProfileMonitor:
    length = Duration(burn_in.SIZE_MS)
    recent = ReferenceSettings(rolling=RollingSettings(length=length, gap=length, step=length))
    return ProfileMonitor(burn_in.PROFILE, burn_in.SETTINGS.replace(reference=recent), burn_in.PANE_MS)


def _monitor(part: ProfileMonitor, i: int) -> object:
    said: list[object] = []
    for number in range(7 * i, 7 * i + 7):
        while (due_ms := part.due_ms()) is not None and due_ms <= number * burn_in.PANE_MS:
            closed = part.close(due_ms)
            for window in closed:
                part.origins.located((), window, PlaceNames())
            said += told(closed)
        said += part.add(burn_in.pane(number)._replace(origins=_origins(number)))
    return said, part.calibrating, _past(part.origins)


def _origins(number: int) -> OriginTables:
    """Return a table of two partitions, whose events, and first offsets, go by a number."""
    n_cells = OriginCells(burn_in.PROFILE.layout).n
    counts = pack_cells(np.array([0, n_cells]), np.array([number + 1, 3]))
    firsts = pack_cells(np.array([0, 3 * n_cells]), np.array([number, 2 * number]))
    return {"partition": OriginTable(n_cells, ["0", "1"], [0, 1], counts, firsts)}


def _past(trail: OriginTrail) -> object:
    spans, usual = trail.tables
    return sorted(spans.items()), usual.or_none


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


def _miss(part: MissingValues, i: int) -> object:
    """Count panes of some cohorts, none of them complete; the oldest is forgotten in the end."""
    window = window_of(MISSED, table_of(60, i, missing=0.2 * (i % 3)))
    start_ms = i * ARRIVALS.cohort_ms // 3
    part.add(MISSED, ClosedPane(start_ms, start_ms + 10_000, window.sketch, {}, frozenset(), {}))
    if i == 9:
        part.expire(ARRIVALS.cohort_ms)
    return [part.of(cohort * ARRIVALS.cohort_ms) for cohort in range(5)]


def _come(part: LabelTimes, i: int) -> object:
    """Let labels come in stretches that join and end, and ask since when there are none."""
    if i % 10 < 6:
        part.add((i * 7 % 5 + i) * 10_000)
    return part.silent_since(i * 10_000)


MISSED = profile_of(table_of(400, missing=0.1))


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


class Sequences:
    """A model's predictions and joins, pane by pane: each pane is complete before the next step."""

    def __init__(self, scope: StateScope, settings: ModelSettings, profiles: Profiles) -> None:
        budget = ErrorBudget.of(monitoring.small_settings(defaults=settings), KEY.model)
        setup = ModelSetup(KEY, budget, monitoring.PANE_MS, profiles)
        self.predictions = PredictionMonitor(setup, scope)
        self.joins = JoinMonitor(setup, self.predictions)
        self.segment = SegmentMonitor(setup, "country=DE")
        scope.add(self.segment.tables, "segment/country=DE/")

    @property
    def tables(self) -> Tables:
        """The tables of all traffic; those of the slice stand under a prefix."""
        return (*self.predictions.tables, *self.joins.tables)


def sequences() -> Example[Sequences]:
    traffic = monitoring.generate(4, [KEY], n_partitions=1, n_predictions=400)
    start_ms = monitoring.START_MS
    published = [
        monitoring.training_profile(KEY, start_ms + 30_000, n=4_000, labelled=True),
        monitoring.training_profile(KEY, start_ms + 215_000, seed=1),
    ]
    for profile in published:
        traffic.knows(profile)
    panes, joined, _ = traffic.cut(0, 0, len(traffic.partitions[0]) - 2)
    settings = monitoring.small_settings().defaults
    settings = settings.replace(
        labels=msgspec.structs.replace(settings.labels, cohort=Duration(monitoring.WINDOW_MS), test_coverage=0.5),
        segments={"country": ("DE",)},
        retraining=EAGER_RETRAINING,
        proposals=EAGER_PROPOSALS,
    )

    def step(part: Sequences, pane_ms: int) -> object:
        for pane in panes:
            if pane.pane_ms == pane_ms:
                part.predictions.add_pane(pane, 0)
        for delta in joined:
            if delta.pane_ms == pane_ms:
                part.joins.add(delta)
                part.segment.open.add(msgspec.structs.replace(delta, segment="country=DE"))
        if pane_ms == start_ms + 100_000:
            part.predictions.miss_pane()
            part.joins.miss_joins()
        end_ms = pane_ms + monitoring.PANE_MS
        reach = WatermarkReach(end_ms, end_ms)
        said = [*part.predictions.advance(reach), *part.segment.advance(reach)]
        return [*said, *part.joins.advance(reach, None, {"country=DE": part.segment.revisions})]

    moments = range(start_ms - 4 * monitoring.PANE_MS, start_ms + 420_000, monitoring.PANE_MS)
    return Example(
        {
            PredictionMonitor,
            JoinMonitor,
            SegmentMonitor,
            SegmentWindows,
            ArrivalMonitor,
            EstimateRevisions,
            ProblemHistory,
            AlertSteps,
            LabelledWindows,
            LoopBack,
            ProposalMonitor,
            RetrainingMonitor,
        },
        lambda scope: Sequences(scope, settings, Profiles(published)),
        [numbered(step, at) for at in moments],
    )


def _listen(part: LabelStreamMonitor, i: int) -> object:
    span_ms = ARRIVALS.cohort_ms
    counts = (100, 98 - 40 * (i % 5 == 0), 2)
    part.add_labels(
        JoinDelta(LABEL_STREAM, SEGMENT_ALL, i * span_ms, "", {"labels": {0: (i, i)}}, [], (0, 0, 0), counts)
    )
    if i == 4:
        part.miss_labels()
    return part.advance(WatermarkReach(i * span_ms, i * span_ms))


def _refuse(part: IntakeMonitor, i: int) -> object:
    """Let a topic's records be refused now and then, and labels meet nothing; one record comes for a closed window."""
    size_ms = int(INTAKE_SETTINGS.intake.window)
    start_ms = (i - 3 if i == 9 else i) * size_ms
    refused = {"not_json": 60 + i} if i % 5 == 0 else {}
    first = FirstRefused(10 * i, f"no JSON {i}") if refused else None
    span = IntakeSpan(start_ms, 200, refused, (10 * i, 10 * i + 9), first)
    sources = (Source("predictions", 0), Source("labels", 0))
    seen = SeenId(0, 0, "p-1") if i == 0 else None
    told = part.take([IntakeMark(source, 1, start_ms, idle=False, spans=[span], seen=seen) for source in sources])
    counts = (100, 10, 400) if i % 4 else (100, 500, 0)
    delta = JoinDelta(LABEL_STREAM, SEGMENT_ALL, i * size_ms, "", {"labels": {0: (i, i)}}, [], (0, 0, 0), counts)
    part.add_labels(delta, is_open=i != 6)
    return [*told, *part.advance(WatermarkReach(i * size_ms, i * size_ms))]


INTAKE_SETTINGS = arrival_settings()


def _intake() -> IntakeMonitor:
    return IntakeMonitor(INTAKE_SETTINGS, ErrorBudget.of(INTAKE_SETTINGS, ""))


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


def _detectors() -> ColumnDetectors:
    return ColumnDetectors(CheckSettings(detectors=("ddm", "adwin", "kswin")), 10_000, "detectors")


def _burn_in() -> BurnIn:
    return BurnIn(ReferenceView(burn_in.PROFILE, burn_in.SETTINGS, burn_in.PANE_MS))


OPERATIONS = settings_of(silence=Duration(60_000), max_failed=0.05, min_events=50)


def _earlier(part: EarlierWindows, i: int) -> object:
    made = made_operations(i, n=60)
    part.add(60_000 * i, KeptWindow(60_000 * (i + 1), 60, made.operations.n_failed, made.latency, slow=i == 3))
    return part.known()


def _operations() -> OperationsMonitor:
    return OperationsMonitor(ModelSetup(KEY, ErrorBudget.of(OPERATIONS, KEY.model), 10_000, Profiles()))


def _operate(part: OperationsMonitor, i: int) -> object:
    """Fail now and then, say nothing at first, make no predictions for a while, and miss a pane."""
    start_ms = 10_000 * i + (600_000 if i > 120 else 0)
    operations = (
        None if i < 10 else made_operations(10 if i % 60 < 12 else 0, 3.0 if 80 < i < 90 else 1.0, 30).operations
    )
    part.add(start_ms, 30, operations, [{0: (30 * i, 30 * i + 29)}], frozenset(("idle",) if i == 20 else ()))
    if i == 45:
        part.miss()
    return part.advance(WatermarkReach(start_ms, start_ms))


def _hear(part: SilenceMonitor, i: int) -> object:
    start_ms = 10_000 * i + 100_000 * (i // 5)
    part.add(PaneDelta(KEY, SEGMENT_ALL, start_ms, "", 1, {}, None, []))
    marks = Watermarks(with_labels=False)
    marks.update([Watermark(Source("predictions", 0), 1, start_ms, idle=i == 7, quiet_ms=60_000)])
    reach = WatermarkReach(start_ms - 20_000, start_ms - 20_000)
    return [*part.advance(reach), *part.listen(marks)], part.silent(KEY), part.alerts_of(KEY)


def _account(part: PageAccounts, i: int) -> object:
    """Watch a model for a third of a year, notify every week, and let labels be a month behind."""
    day_ms = 86_400_000
    part.add(PaneDelta(KEY, SEGMENT_ALL, i * day_ms, "", 10, {}, None, []), 10_000)
    if i % 7 == 3:
        cause: Cause = "performance" if i % 2 else "data drift"
        part.count([notification(KEY, i * day_ms + 60_000, cause=cause, in_budget=i % 3 > 0)])
    return part.advance(WatermarkReach(i * day_ms, i * day_ms), WatermarkReach((i - 30) * day_ms, None))


def _command(part: ControlBook, i: int) -> object:
    """Mute, unmute, deploy and note at some steps; models come, settings change, and old commands are forgotten."""
    start_ms = 10_000 * i + 86_400_000 * 60 * (i // 20)
    part.reached_ms = start_ms
    part.see(f"m{i % 7}", start_ms)
    part.configured("m1", str(i // 10))
    said: list[dict[str, Any]] = [
        {"command": "mute", "model": f"m{i % 9}", "until": start_ms + 90_000},
        {"command": "unmute", "mute": f"{i - 1}"},
        {"command": "deploy", "model": "m1", "model_version": str(i)},
        {"command": "acknowledge", "model": "m1", "alert": "a"},
    ]
    outputs = part.take(entries([{"by": "ann", "id": str(i), "at": start_ms + 5_000, **said[i % 4]}]))
    outputs += part.answers()
    for command in [*part.undecided][:-1]:
        outputs += part.settle(command, None)
    part.expire(start_ms)
    return outputs, len(part), part.changes("m1"), [each.over_ms for each in part.mutes]


EXAMPLES: list[Example[Any]] = [
    of(ControlBook, lambda: ControlBook(OPERATIONS, 10_000), _command, 45),
    of(BootstrapSample, lambda: bootstrap.sample_of(bootstrap.SETTINGS), _gather, 7),
    of(BootstrapReference, lambda: BootstrapReference(COUNTED.grid, 200), _count, 4),
    of(TumblingWindow, windowing.tumbling, _tumble, 16),
    of(SlidingWindow, windowing.sliding, _slide, 16),
    of(BurnIn, _burn_in, _learn, 10),
    of(RollingReference, rolling.reference, _roll, 20),
    of(ColumnDetectors, _detectors, _detect, 10),
    of(VolumeHistory, lambda: VolumeHistory([HOUR_MS]), _remember, 60),
    of(EstimateWindows, lambda: estimates.windows(labels=True), _estimate, 20),
    replace(of(ProfileMonitor, _profile_monitor, _monitor, 27), covers={ProfileMonitor, OriginTrail}),
    of(OpenJoins, lambda: OpenJoins(JOIN_SETTINGS, joins.PANE_MS), _wait, 25),
    of(LooseJoins, _loose, _settle, 12),
    of(PerformanceWindows, lambda: PerformanceWindows(performance.settings()), _revise, 25),
    of(EarlierRevisions, EarlierRevisions, _compare_with_earlier, 6),
    of(ProductionBaselines, lambda: ProductionBaselines(30), _baseline, 14),
    of(MissingValues, lambda: MissingValues(ARRIVALS), _miss, 12),
    of(Cohorts, lambda: Cohorts(ARRIVALS), _arrive, 30),
    of(LabelTimes, lambda: LabelTimes(30_000), _come, 40),
    of(LabelStreamMonitor, lambda: LabelStreamMonitor(ErrorBudget.of(arrival_settings(), "")), _listen, 15),
    Example(
        {IntakeMonitor, RefusedMonitor, MatchMonitor}, lambda _: _intake(), [numbered(_refuse, i) for i in range(16)]
    ),
    of(EarlierWindows, lambda: EarlierWindows(OPERATIONS.defaults), _earlier, 20),
    of(OperationsMonitor, _operations, _operate, 180),
    of(SilenceMonitor, lambda: SilenceMonitor(OPERATIONS, 10_000), _hear, 25),
    of(PageAccounts, lambda: PageAccounts(page_settings()), _account, 130),
    sequences(),
]

"""Examples of what a model's predictions keep: references in the making, windows, detectors, histories."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from driftline.checks.references.bet_reference import BetReference
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, ReferenceSettings, RollingSettings
from driftline.detectors import Block
from driftline.events.source_numbers import PlaceNames
from driftline.monitoring.model_setup import WatermarkReach
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.bootstrap import BootstrapReference, BootstrapSample
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.column_detectors import ColumnDetectors
from driftline.monitoring.predictions.column_mixture import ColumnMixture
from driftline.monitoring.predictions.constant_columns import ConstantColumns
from driftline.monitoring.predictions.estimate_windows import EstimateWindows
from driftline.monitoring.predictions.missing_values import MissingValues
from driftline.monitoring.predictions.origin_trail import OriginTrail
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
from driftline.monitoring.predictions.recent_past import RecentPast
from driftline.monitoring.predictions.rolling import RollingReference
from driftline.monitoring.predictions.volume_history import VolumeHistory
from driftline.monitoring.predictions.windowing import SlidingWindow, TumblingWindow
from driftline.sketches.origin_cells import OriginCells
from driftline.sketches.origin_table import OriginTable
from driftline.sketches.sparse import pack_cells
from tests.support.state_examples.example import HOUR_MS, Example, of, told
from tests.support.state_examples.labels import ARRIVALS
from tests.support.windows import independent, profile_of, table_of, window_of
from tests.unit.checks.labels.test_performance_check import PROFILE as LABELLED
from tests.unit.monitoring import test_estimates as estimates
from tests.unit.monitoring.predictions import test_bootstrap as bootstrap
from tests.unit.monitoring.predictions import test_burn_in as burn_in
from tests.unit.monitoring.predictions import test_rolling as rolling
from tests.unit.monitoring.predictions import test_windowing as windowing

if TYPE_CHECKING:
    from driftline.sketches.origin_table import OriginTables


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


def _burn_in() -> BurnIn:
    return BurnIn(ReferenceView(burn_in.PROFILE, burn_in.SETTINGS, burn_in.PANE_MS))


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


def _detectors() -> ColumnDetectors:
    return ColumnDetectors(CheckSettings(detectors=("ddm", "adwin", "kswin")), 10_000, "detectors")


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
    settings = burn_in.SETTINGS.replace(reference=recent)
    checks = msgspec.structs.replace(settings.checks, detectors=("adwin",))
    return ProfileMonitor(burn_in.PROFILE, settings.replace(checks=checks), burn_in.PANE_MS, 100.0)


def _monitor(part: ProfileMonitor, i: int) -> object:
    said: list[object] = []
    for number in range(7 * i, 7 * i + 7):
        while (due_ms := part.due_ms()) is not None and due_ms <= number * burn_in.PANE_MS:
            closed = part.close(due_ms)
            for window in closed:
                part.origins.located((), window, PlaceNames())
            said += told(closed)
        said.append(part.add(burn_in.pane(number)._replace(origins=_origins(number))))
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


MISSED = profile_of(table_of(400, missing=0.1))


def _miss(part: MissingValues, i: int) -> object:
    """Count panes of some cohorts, none of them complete; the oldest is forgotten in the end."""
    window = window_of(MISSED, table_of(60, i, missing=0.2 * (i % 3)))
    start_ms = i * ARRIVALS.cohort_ms // 3
    part.add(MISSED, ClosedPane(start_ms, start_ms + 10_000, window.sketch, {}, frozenset(), {}))
    if i == 9:
        part.expire(ARRIVALS.cohort_ms)
    return [part.of(cohort * ARRIVALS.cohort_ms) for cohort in range(5)]


STEADY = ReferenceView(MISSED, independent(), 10_000)
AGAINST = BetReference(STEADY, 0.01)


def _freeze(part: ConstantColumns, i: int) -> object:
    """Let a category be the only one in two runs of panes, with one of a single event between."""
    events = table_of(1 if i == 3 else 4, i)
    frozen = window_of(MISSED, replace(events, features={**events.features, "channel": ["web"] * events.n}))
    sketch = frozen.sketch if i not in {0, 6} else window_of(MISSED, events).sketch
    pane = ClosedPane(i * 10_000, (i + 1) * 10_000, sketch, {}, frozenset())
    counts, expected = AGAINST.counts_of(sketch.counts), AGAINST.expected(pane.start_ms, pane.end_ms)
    return part.add(pane, counts, expected, AGAINST.ratios), part.evidence().tolist()


EXAMPLES: list[Example[Any]] = [
    of(BootstrapSample, lambda: bootstrap.sample_of(bootstrap.SETTINGS), _gather, 7),
    of(BootstrapReference, lambda: BootstrapReference(COUNTED.grid, 200), _count, 4),
    of(TumblingWindow, windowing.tumbling, _tumble, 16),
    of(SlidingWindow, windowing.sliding, _slide, 16),
    of(BurnIn, _burn_in, _learn, 10),
    of(RollingReference, rolling.reference, _roll, 20),
    of(ColumnDetectors, _detectors, _detect, 10),
    of(VolumeHistory, lambda: VolumeHistory([HOUR_MS]), _remember, 60),
    of(EstimateWindows, lambda: estimates.windows(labels=True), _estimate, 20),
    replace(
        of(ProfileMonitor, _profile_monitor, _monitor, 27),
        covers={ProfileMonitor, OriginTrail, ColumnMixture, RecentPast},
    ),
    of(ConstantColumns, lambda: ConstantColumns(STEADY, AGAINST, 6.0), _freeze, 10),
    of(MissingValues, lambda: MissingValues(ARRIVALS), _miss, 12),
]

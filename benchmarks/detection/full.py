"""A simulated model through the pipeline as it is: panes, windows, checks, alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from benchmarks.detection.early import EarlyAlarm, examined
from benchmarks.detection.reference import KEY
from benchmarks.detection.traffic import DAY_MS, PANE_MS, PANES_PER_DAY
from driftline.alerts import ModelAlerts
from driftline.checks.columns.window_check import examine_window
from driftline.checks.contract.check import Subject
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.quality.outcome import Quality
from driftline.checks.quality.whole import ALTERNATIVES, appeared, volume
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings
from driftline.config.settings import Settings
from driftline.events.cloudevents import epoch_ms
from driftline.monitoring.alerting import settled
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
from driftline.monitoring.predictions.volume_history import VolumeHistory
from driftline.profiles.building.column_values import encode_values
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.pane_sketch import count_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.detection.traffic import ColumnKind, Day
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.verdict import Verdict
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.config.model import ModelSettings
    from driftline.events.evidence import Event
    from driftline.events.finding import FindingEvent
    from driftline.events.output_record import OutputRecord
    from driftline.events.window import WindowEvent
    from driftline.profiles.profile import Profile


class Page(NamedTuple):
    """An alert that opened, or paged again."""

    at_ms: int
    cause: str
    check: str


class Tested(NamedTuple):
    """A p-value that is small enough to be looked at."""

    start_ms: int
    size_ms: int
    family: str
    check: str
    column: str
    p_value: float


class Run(NamedTuple):
    """What came of one model.

    Attributes
    ----------
    tested : list of Tested
        P-values up to :data:`KEPT`.
    found : list of Tested
        Findings within the budget.
    pages : list of Page
    n_windows : dict of int to int
        Verdict windows by size, without those in which nothing may page yet.
    """

    tested: list[Tested]
    found: list[Tested]
    pages: list[Page]
    n_windows: dict[int, int]


KEPT = 0.011
"""P-values up to this are kept: those at or below 10⁻² are counted."""


def quiet(settings: ModelSettings) -> ModelSettings:
    """Return settings without what never pages: informative detectors, and windows for display that overlap."""
    checks = msgspec.structs.replace(settings.checks, detectors=())
    windows = msgspec.structs.replace(settings.windows, display=Duration(DAY_MS), hop=Duration(DAY_MS))
    return settings.replace(checks=checks, windows=windows)


class Watch:
    """The pipeline of one model, from panes on.

    Parameters
    ----------
    profile : Profile
    settings : ModelSettings
    """

    def __init__(self, profile: Profile, settings: ModelSettings) -> None:
        self.budget = ErrorBudget.of(Settings(defaults=settings), KEY.model)
        alarms = self.budget.detector_alarms(len(profile.columns))
        self._watch = ProfileMonitor(profile, settings, PANE_MS, alarms)
        self._volumes = VolumeHistory(settings.windows.verdict)
        self._book = ModelAlerts()
        self.verdicts: list[tuple[ClosedWindow, Verdict[WindowEvent], frozenset[str]]] = []
        """Without those in which nothing may page yet; with the columns that may not."""
        self.records: list[OutputRecord] = []
        self.early: list[FindingEvent] = []
        """Of e-detectors, without those for information."""

    def add(self, panes: Iterable[ClosedPane]) -> None:
        """Close panes, in the order of time, and all windows that are due."""
        for pane in panes:
            self._run_due(pane.start_ms)
            changes, _ = self._watch.add(pane)
            if changes:
                alarms = [EarlyAlarm(pane, change) for change in changes]
                self._settle(examined(self._watch.view, alarms, self.budget))
            self._run_due(pane.end_ms)

    def _run_due(self, limit_ms: int) -> None:
        while (due_ms := self._watch.due_ms()) is not None and due_ms <= limit_ms:
            for window in self._watch.close(due_ms):
                if window.kind != "tumbling":
                    continue
                judged = self._volumes.judged(window)
                verdict = examine_window(self._watch.view, judged, self.budget)
                waiting = calibrating(self._watch.view, judged)
                if len(waiting) < len(self._watch.view.profile.columns):
                    self.verdicts.append((judged, verdict, waiting))
                self._settle(verdict)

    def _settle(self, verdict: Verdict[Event]) -> None:
        if verdict.sequence == "predictions" and not verdict.events:
            self.early += [each for each in verdict.findings if each.severity != "info"]
        self._book, records, _ = settled(verdict, self._book, self.budget)
        self.records += records


def panes_of(profile: Profile, kinds: Sequence[ColumnKind], day: Day) -> Iterable[ClosedPane]:
    """Yield the panes of a day, counted as the sketch stage counts them."""
    encoded = [
        encode_values(column, kind.of(codes))
        for column, kind, codes in zip(profile.columns, kinds, day.codes, strict=True)
    ]
    columns = EncodedColumns.of(encoded, day.panes.size)
    held = np.bincount(day.panes, minlength=PANES_PER_DAY) > 0
    for slot, sketch in enumerate(count_each(profile.layout, columns, day.panes, PANES_PER_DAY)):
        if held[slot]:
            start_ms = day.start_ms + slot * PANE_MS
            yield ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset())


def run_full(profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings, days: Iterable[Day]) -> Run:
    """Return what came of a model, all of it by the pipeline."""
    watch = Watch(profile, settings)
    for day in days:
        watch.add(panes_of(profile, kinds, day))
    tested, found = [], []
    n_windows: dict[int, int] = {}
    for window, verdict, waiting in watch.verdicts:
        size = int(window.size_ms)
        n_windows[size] = n_windows.get(size, 0) + 1
        tested += [*tested_of(window, verdict, waiting), *whole_tested(profile, window)]
        found += found_of(window, verdict.findings)
    return Run(tested, [*found, *early_of(watch.early)], pages_of(watch.records), n_windows)


def calibrating(view: ReferenceView, window: ClosedWindow) -> frozenset[str]:
    """Return the columns that may not page yet."""
    every = enumerate(view.profile.columns)
    return frozenset(column.name for index, column in every if view.column(index, window).calibrating)


def tested_of(window: ClosedWindow, verdict: Verdict[WindowEvent], waiting: frozenset[str]) -> list[Tested]:
    """Return the p-values of a verdict that are small, but for columns that may not page yet."""
    small = []
    for each in verdict.statistics:
        if each.p_value is None or each.p_value > KEPT or each.column in waiting:
            continue
        family = each.check.split(".")[0]
        small.append(Tested(window.start_ms, int(window.size_ms), family, each.check, each.column, each.p_value))
    return small


def whole_tested(profile: Profile, window: ClosedWindow) -> list[Tested]:
    """Return the p-value of the quality of the window as a whole, where it is small."""
    about = Quality(Subject(), CheckSettings(), ALTERNATIVES)
    outcomes = [each for each in (appeared(about, profile, window), volume(about, window)) if each is not None]
    p_value, check = min(((each.p_value or 0.0, each.check) for each in outcomes), default=(1.0, ""))
    if p_value > KEPT:
        return []
    return [Tested(window.start_ms, int(window.size_ms), "whole", check, "", p_value)]


def found_of(window: ClosedWindow, findings: Iterable[FindingEvent]) -> list[Tested]:
    """Return the findings of a window that may page."""
    return [
        Tested(
            window.start_ms,
            int(window.size_ms),
            each.family,
            each.check,
            each.column or "",
            each.statistic.p_value or 0.0,
        )
        for each in findings
        if each.severity != "info"
    ]


def early_of(findings: Iterable[FindingEvent]) -> list[Tested]:
    """Return what e-detectors found."""
    return [
        Tested(epoch_ms(each.window.start), 0, each.family, each.check, each.column or "", 0.0) for each in findings
    ]


def pages_of(records: Iterable[OutputRecord]) -> list[Page]:
    """Return the pages of alert records: openings, and those of alerts that page again."""
    pages = []
    for record in records:
        if record.channel != "alerts" or record.value is None:
            continue
        alert = msgspec.json.decode(record.value)
        if alert["notify"]:
            pages.append(Page(alert["window"]["end"], alert["cause"], alert["findings"][0]["check"]))
    return pages

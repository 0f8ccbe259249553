"""A simulated model through the same checks, without what no page depends on: made for hundreds of models.

What is left out: panes are added up to windows by code, not by sketch; a column of a window is looked at by
:func:`~driftline.checks.columns.window_check.window_findings`, as the pipeline does, only where a rough p-value is
small enough for it to matter (``roughly``); windows make no events. Tests, levels, gates, findings and the alert
book are the pipeline's own. ``python -m benchmarks.detection check`` runs models both ways, and every p-value up to
10⁻², every finding and every page have to be the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

from benchmarks.detection.early import EarlyAlarm, EarlyWatch, examined
from benchmarks.detection.full import Run, early_of, found_of, pages_of, tested_of, whole_tested
from benchmarks.detection.reference import KEY, joint_cells, z_table
from benchmarks.detection.rough import correlations, rough_p_values
from benchmarks.detection.traffic import DAY_MS, PANES_PER_DAY
from driftline.alerts import ModelAlerts
from driftline.checks.columns.column_summary import column_statistics, column_summary
from driftline.checks.columns.multivariate_check import inflation_of
from driftline.checks.columns.window_check import window_findings
from driftline.checks.contract.closed_window import ClosedWindow
from driftline.checks.contract.common_fields import window_fields
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.contract.verdict import Verdict
from driftline.checks.references.cases import ColumnCase, WindowCase
from driftline.config.settings import Settings
from driftline.events.source import SEGMENT_ALL
from driftline.events.window import ColumnBlock, WindowEvent
from driftline.monitoring.alerting import settled
from driftline.monitoring.predictions.volume_history import VolumeHistory
from driftline.profiles.season import week_and_slot
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import join, split
from driftline.sketches.grouping import tail_bins
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import ColumnKind, Day
    from driftline.checks.references.column_reference import ColumnReference
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

HOURS: Final = 24
SURELY: Final = 0.7
"""Of the inflation of one window's correlations, what that of another has at least."""

P_VALUES: Final = 0.025
"""Rough p-values up to this are computed exactly where p-values are counted: the exact ones are at most 0.01."""
PAGES: Final = 0.001
"""The same where only notifications are counted, of tests whose levels are 5 · 10⁻⁵ at most. While an alert is open,
what keeps it open matters as well, and :data:`P_VALUES` holds.
"""


class _Windows(NamedTuple):
    """The windows of all days: 25 rows a day, 24 of an hour each, then one of the day.

    Attributes
    ----------
    start_ms : list of int
        Of each day.
    n : ndarray of int64, shape (rows,)
        Events.
    bins : list of ndarray of int64, each of shape (rows, n_bins)
    absent : ndarray of int64, shape (columns, rows)
    joint : ndarray of int64, shape (rows, n_joint)
    """

    start_ms: list[int]
    n: Counts
    bins: list[Counts]
    absent: Counts
    joint: Counts


class LeanWatch:
    """One model.

    Parameters
    ----------
    profile : Profile
    kinds : sequence of ColumnKind
    settings : ModelSettings
    roughly : float
        :data:`P_VALUES`, or :data:`PAGES` if only notifications are counted.
    """

    def __init__(
        self, profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings, roughly: float = P_VALUES
    ) -> None:
        self._roughly = roughly
        self.budget = ErrorBudget.of(Settings(defaults=settings), KEY.model)
        self.profile = profile
        self._early_watch = EarlyWatch(profile, kinds, settings)
        self._early: list[EarlyAlarm] = []
        """The alarms of the e-detectors; the latest first, when windows are looked at."""
        self._standard = self._early_watch.view
        self._sizes = self._standard.unknown_sizes()
        joint = profile.joint
        self._z = [] if joint is None else [(i, z_table(kinds[i], profile.columns[i])) for i in joint.columns]
        self._volumes = VolumeHistory(settings.windows.verdict)
        self._book = ModelAlerts()
        self.run = Run([], [], [], {})

    def watch(self, days: Iterable[Day]) -> Run:
        """Look at all windows of these days."""
        windows = self._counted(days)
        self._early.reverse()
        p_values = np.stack([self._rough(windows, index) for index in range(len(self.profile.columns))])
        together = self._rough_joint(windows)
        known = self._known(windows)
        for row in range(windows.n.size):
            self._settle_early(span(windows.start_ms[row // (HOURS + 1)], row % (HOURS + 1))[1])
            roughly = P_VALUES if self._book.open else self._roughly
            columns = np.flatnonzero(p_values[:, row] <= roughly).tolist() if known[row] else []
            columns = [index for index in columns if not self._calibrating(windows, row, index)]
            joint = bool(known[row] and together[row] <= roughly)
            self._examine(windows, row, columns, together=joint, known=bool(known[row]))
        return self.run

    def _settle_early(self, until_ms: int) -> None:
        """Let the alarms up to a moment open alerts, pane by pane."""
        while self._early and self._early[-1].pane.end_ms <= until_ms:
            pane = self._early[-1].pane
            alarms = []
            while self._early and self._early[-1].pane is pane:
                alarms.append(self._early.pop())
            verdict = examined(self._standard, alarms, self.budget)
            self._book, records, _ = settled(verdict, self._book, self.budget)
            self.run.pages.extend(pages_of(records))
            self.run.found.extend(early_of(each for each in verdict.findings if each.severity != "info"))

    def _known(self, windows: _Windows) -> NDArray[np.bool_]:
        """Return for which windows some column's dispersion is known, shape (rows,): in others nothing may page."""
        known = np.ones(windows.n.size, dtype=np.bool_)
        for row in range(windows.n.size):
            start_ms, _, size = span(windows.start_ms[row // (HOURS + 1)], row % (HOURS + 1))
            shown = self._early_watch.burn_in.dispersions(size, start_ms)
            learnt = shown is not None and any(each.status != "calibrating" for each in shown)
            known[row] = size not in self._sizes or learnt
        return known

    def _calibrating(self, windows: _Windows, row: int, index: int) -> bool:
        extent = span(windows.start_ms[row // (HOURS + 1)], row % (HOURS + 1))
        return self._standard.column(index, _window(PaneSketch(self.profile.layout), extent)).calibrating

    def _counted(self, days: Iterable[Day]) -> _Windows:
        counted = [self._count(day) for day in days]
        return _Windows(
            [day.start_ms[0] for day in counted],
            np.concatenate([day.n for day in counted]),
            [np.concatenate(bins) for bins in zip(*(day.bins for day in counted), strict=True)],
            np.concatenate([day.absent for day in counted], axis=1),
            np.concatenate([day.joint for day in counted]),
        )

    def _count(self, day: Day) -> _Windows:
        """Return the windows of a day, after its panes have gone through the e-detectors."""
        panes = self._early_watch.of_day(day)
        self._early.extend(self._early_watch.alarms_of(panes, day.start_ms))
        hours = day.panes // (PANES_PER_DAY // HOURS)
        cells = panes.cells.reshape(HOURS, PANES_PER_DAY // HOURS, -1).sum(axis=1)
        cells = np.concatenate([cells, cells.sum(axis=0, keepdims=True)])
        places = self.profile.layout.places
        bins = [cells[:, place.bins] for place in places]
        absent = np.stack([cells[:, place.quality.start + ABSENT] for place in places])
        joint = np.zeros((HOURS + 1, 0), dtype=np.int64)
        if self.profile.joint is not None:
            z = np.stack([table[day.codes[index]] for index, table in self._z])
            cuts = np.searchsorted(hours, np.arange(HOURS + 1))
            of_hours = [joint_cells(self.profile.joint, z[:, a:b]) for a, b in pairwise(cuts)]
            joint = np.stack([*of_hours, np.sum(of_hours, axis=0)])
        return _Windows([day.start_ms], cells[:, EVENTS], bins, absent, joint)

    def _rough(self, windows: _Windows, index: int) -> NDArray[np.float64]:
        """Return the least rough p-value of a column in each window, 0 where it takes an exact look; shape (rows,)."""
        column, bins, absent = self.profile.columns[index], windows.bins[index], windows.absent[index]
        place, reference = self.profile.layout.places[index], self.profile.reference.counts
        n, n_reference = bins.sum(axis=1), int(reference[place.bins].sum())
        hourly = np.arange(n.size) % (HOURS + 1) < HOURS
        least = np.where(bins.max(axis=1) == n, 0.0, 1.0)  # frozen
        for rows, slot in ((hourly, 0), (~hourly, HOURS)):
            held = self._held(windows, index, slot)
            shares = held.of_shares(0, 0)
            if isinstance(column, NumericColumn):
                first, last = tail_bins(column)
                beyond = np.maximum(bins[:, :first].sum(axis=1), bins[:, last + 1 :].sum(axis=1))
                chance = (n / (n + n_reference)) ** (beyond / shares("", "out_of_range").factor)
                least = np.where(rows & (beyond > 0), np.minimum(least, 12 * chance), least)
            else:
                least[rows & (bins[:, column.unlisted] > 0)] = 0.0
            missing = int(reference[place.quality.start + ABSENT])
            share = (missing + 0.5) / (int(reference[EVENTS]) + 1.0)
            tails = np.minimum(
                special.bdtr(absent, windows.n, share), special.bdtrc(np.maximum(absent, 1) - 1, windows.n, share)
            )
            some = rows & ((absent > 0) | (missing > 0))
            least = np.where(some, np.minimum(least, tails ** (1 / shares("", "missing").factor)), least)
            ordered = isinstance(column, NumericColumn)
            there = self._references(windows, index, slot)[n[rows] > 0]
            held_rows = np.flatnonzero(rows & (n > 0))
            found = rough_p_values(held, there, bins[held_rows], ordered=ordered)
            least[held_rows] = np.minimum(least[held_rows], found)
        return least

    def _held(self, windows: _Windows, index: int, slot: int) -> ColumnReference:
        return self._standard.column(index, _window(PaneSketch(self.profile.layout), span(windows.start_ms[-1], slot)))

    def _references(self, windows: _Windows, index: int, slot: int) -> NDArray[np.float64]:
        """Return the reference of the groups of each window of one size, shape (windows, groups)."""
        held = self._held(windows, index, slot)
        n_windows = len(windows.start_ms) * (HOURS if slot < HOURS else 1)
        history = self.profile.history
        if not held.seasonal or history is None:
            return np.tile(held.reference.astype(np.float64), (n_windows, 1))
        # All hours of the week were seen in as many weeks, so that what is held against a window is a sum of hours.
        of_hours = history.season(index).astype(np.float64)
        unions = np.zeros((of_hours.shape[1], held.grouping.n_groups))
        groups = dict(zip(held.base.groups, held.grouping.groups, strict=True))
        unions[list(groups), list(groups.values())] = 1
        starts = np.array(windows.start_ms)[:, None] + np.arange(HOURS) * (DAY_MS // HOURS)
        found: NDArray[np.float64] = (of_hours @ unions)[week_and_slot(starts.ravel())[1]]
        return found if slot < HOURS else found.reshape(-1, HOURS, found.shape[1]).sum(axis=1)

    def _rough_joint(self, windows: _Windows) -> NDArray[np.float64]:
        """Return the rough p-value of a change of some correlation in each window, shape (rows,)."""
        cells, n = windows.joint, windows.n
        joint, held = self.profile.joint, self.profile.joint_reference
        if joint is None or held is None:
            return np.zeros(len(cells))
        complete = cells[:, 0] > 0
        counts = cells[complete, :1]
        here, there = (correlations(joint.n_columns, each) for each in (cells[complete], _joined(self.profile)))
        spread = np.sqrt(held.influences()[0]) / (1 - there**2)
        score = np.abs(np.arctanh(here) - np.arctanh(there)) / (
            spread * np.sqrt(1 / counts + 1 / int(join_cells(self.profile)[0]))
        )
        largest = np.zeros(len(cells))
        largest[complete] = score.max(axis=1)
        hourly = np.arange(n.size) % (HOURS + 1) < HOURS
        for rows, slot in ((hourly, 0), (~hourly, HOURS)):
            sketch = PaneSketch(self.profile.layout)
            sketch.counts[EVENTS] = n[rows].min()
            inflation = inflation_of(self._standard, _window(sketch, span(windows.start_ms[-1], slot)), joint)
            largest[rows] /= np.sqrt(max(1.0, SURELY * inflation.factor))
        pairs = joint.n_columns * (joint.n_columns - 1) // 2
        found: NDArray[np.float64] = 2 * pairs * special.ndtr(-largest)
        return found

    def _examine(self, windows: _Windows, row: int, columns: Sequence[int], *, together: bool, known: bool) -> None:
        extent = span(windows.start_ms[row // (HOURS + 1)], row % (HOURS + 1))
        sketch = PaneSketch(self.profile.layout)
        sketch.counts[EVENTS] = windows.n[row]
        for index in columns:
            place = self.profile.layout.places[index]
            sketch.counts[place.bins] = windows.bins[index][row]
            sketch.counts[place.quality.start + ABSENT] = windows.absent[index, row]
        window = self._volumes.judged(_window(sketch, extent, _hours_of(windows, row)))
        context, profile = self.budget, self.profile
        common = window_fields(profile, window, context)
        level = context.column_level(window.size_ms, len(profile.columns))
        if together:
            sketch.joint += split(windows.joint[row])
        cases = [ColumnCase(self._standard, window, level.level, index) for index in columns]
        whole = WindowCase(self._standard, window, level.level)
        found = window_findings(whole, cases, context, common)
        statistics = [each for case in cases for each in column_statistics(column_summary(case))]
        event = WindowEvent(
            **common,
            late=0,
            unexpected_features=0,
            n_columns=0,
            n_findings=len(found.findings),
            block=ColumnBlock(index=0, of=1),
            columns=[],
        )
        verdict = Verdict(
            events=(event,),
            findings=found.findings,
            statistics=(*statistics, *found.statistics),
            sequence="predictions",
            tested=True,
            lingering=found.lingering,
        )
        self._book, records, _ = settled(verdict, self._book, context)
        run = self.run
        if known:
            run.n_windows[extent[2]] = run.n_windows.get(extent[2], 0) + 1
            run.tested.extend([*tested_of(window, verdict, frozenset()), *whole_tested(profile, window)])
            run.found.extend(found_of(window, found.findings))
        run.pages.extend(pages_of(records))


def join_cells(profile: Profile) -> list[int]:
    """Return the cells of the reference's cross-moments."""
    return join(profile.reference.joint)


def _joined(profile: Profile) -> NDArray[np.float64]:
    return np.array([join_cells(profile)], dtype=np.float64)


def span(day_ms: int, slot: int) -> tuple[int, int, int]:
    """Return start, end and size of a window of a day."""
    if slot == HOURS:
        return day_ms, day_ms + DAY_MS, DAY_MS
    hour_ms = DAY_MS // HOURS
    return day_ms + slot * hour_ms, day_ms + (slot + 1) * hour_ms, hour_ms


def _hours_of(windows: _Windows, row: int) -> dict[int, int]:
    """Return a window's events by hour of the week, as its accumulator would."""
    day, slot = divmod(row, HOURS + 1)
    rows = range(HOURS) if slot == HOURS else (slot,)
    slots = week_and_slot(windows.start_ms[day] + np.array(rows) * (DAY_MS // HOURS))[1].tolist()
    events = (int(windows.n[day * (HOURS + 1) + each]) for each in rows)
    return {hour: n for hour, n in zip(slots, events, strict=True) if n}


def _window(sketch: PaneSketch, extent: tuple[int, int, int], hours: dict[int, int] | None = None) -> ClosedWindow:
    return ClosedWindow(
        key=KEY,
        segment=SEGMENT_ALL,
        kind="tumbling",
        start_ms=extent[0],
        end_ms=extent[1],
        size_ms=extent[2],
        sketch=sketch,
        offsets={},
        hours=hours or {},
    )


def run_lean(
    profile: Profile,
    kinds: Sequence[ColumnKind],
    settings: ModelSettings,
    days: Iterable[Day],
    roughly: float = P_VALUES,
) -> Run:
    """Return what came of a model."""
    return LeanWatch(profile, kinds, settings, roughly).watch(days)

"""The e-detectors of a simulated model, pane by pane: the product's own, fed with counted panes."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.detection.reference import KEY, bin_table
from benchmarks.detection.traffic import MISSING, PANE_MS, PANES_PER_DAY
from driftline.checks.columns.mixture_findings import ChangedPane, examine_changes
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.settings import Settings
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.column_mixture import ColumnMixture
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import standardise
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch
from driftline.sketches.tails import NO_EXTREME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind, Day
    from driftline.checks.columns.mixture_findings import FoundChange
    from driftline.checks.contract.verdict import Verdict
    from driftline.config.model import ModelSettings
    from driftline.events.evidence import Event
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

HOUR_MS: Final = 3_600_000
LEAST_SCORE: Final = -6.0
"""Scores from which on they are worked out: budgets are not raised past e⁶ pages a month."""


class EarlyAlarm(NamedTuple):
    """What the e-detector of a column found, in the pane that brought it to light."""

    pane: ClosedPane
    change: FoundChange


class Panes(NamedTuple):
    """Counted panes.

    Attributes
    ----------
    cells : ndarray of int64, shape (panes, layout.n_cells)
    extremes : ndarray of int64, shape (panes, layout.n_numeric, 2)
        As in :class:`~driftline.sketches.pane_sketch.PaneSketch`.
    """

    cells: NDArray[np.int64]
    extremes: NDArray[np.int64]


class EarlyWatch:
    """The e-detectors of one model, with what teaches them how much its columns vary.

    Parameters
    ----------
    profile : Profile
    kinds : sequence of ColumnKind
    settings : ModelSettings
    """

    def __init__(self, profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings) -> None:
        self.profile = profile
        self.view = ReferenceView(profile, settings, PANE_MS)
        self.burn_in = BurnIn(self.view)
        alarms = ErrorBudget.of(Settings(defaults=settings), KEY.model).detector_alarms(len(profile.columns))
        self.mixture = ColumnMixture(self.view, PANE_MS, alarms)
        self._tables = [bin_table(kind, column) for kind, column in zip(kinds, profile.columns, strict=True)]
        self._units = [_units(kind, column) for kind, column in zip(kinds, profile.columns, strict=True)]

    def forked(self) -> EarlyWatch:
        """Return a watch that goes on from here by itself; what does not change with panes is shared."""
        shared = (self.profile, self.view, self._tables, self._units)
        return deepcopy(self, {id(each): each for each in shared})

    def scores(self, panes: Panes, start_ms: int, enough: float = math.inf) -> list[tuple[int, float, float]]:
        """Return, after each pane, minus the logarithm of the budget from which some column alarms.

        Parameters
        ----------
        panes : Panes
        start_ms : int
            Of the first of them.
        enough : float
            End after a pane whose first score is above it.

        Returns
        -------
        list of (int, float, float)
            End of the pane, the score of what is as large as matters, and that of the e-detectors alone.

        Notes
        -----
        No column begins anew, so that one run shows all budgets: the first alarm of each is exact.
        """
        found = []
        self.mixture.decide_nothing()
        for number, held in enumerate(zip(*panes, strict=True)):
            pane = self._pane(start_ms + number * PANE_MS, *held)
            self.burn_in.add(pane)
            self.mixture.add(pane)
            standing = self.mixture.evidence(LEAST_SCORE)
            plain = max((evidence for evidence, _ in standing), default=-math.inf)
            gated = max((evidence for evidence, size in standing if size >= 1), default=-math.inf)
            found.append((pane.end_ms, gated, plain))
            if pane.end_ms % HOUR_MS == 0:
                self.burn_in.settle(pane.end_ms)
            if gated > enough:
                break
        return found

    def of_day(self, day: Day) -> Panes:
        """Return what each pane of a day holds."""
        return self.counted(day.codes, day.panes, PANES_PER_DAY)

    def alarms_of(self, panes: Panes, start_ms: int) -> Iterator[EarlyAlarm]:
        """Yield the alarms of panes, the first of which starts at a moment; empty ones have none."""
        for number, (cells, extremes) in enumerate(zip(*panes, strict=True)):
            if cells[EVENTS]:
                yield from self._of_pane(self._pane(start_ms + number * PANE_MS, cells, extremes))

    def counted(self, codes: Codes, panes: NDArray[np.int64], n_panes: int) -> Panes:
        """Return what each pane holds of codes, shape (columns, n), given the pane of each event, ascending."""
        layout = self.profile.layout
        counts = np.zeros((n_panes, layout.n_cells), dtype=np.int64)
        extremes = np.full((n_panes, layout.n_numeric, 2), NO_EXTREME)
        counts[:, EVENTS] = np.bincount(panes, minlength=n_panes)
        for index, table in enumerate(self._tables):
            place, bins = self.profile.layout.places[index], table[codes[index]]
            n_bins, held = self.profile.columns[index].n_bins, bins >= 0
            keys = panes[held] * n_bins + bins[held]
            counts[:, place.bins] = np.bincount(keys, minlength=n_panes * n_bins).reshape(-1, n_bins)
            missing = panes[codes[index] == MISSING]
            counts[:, place.quality.start + ABSENT] = np.bincount(missing, minlength=n_panes)
            units = self._units[index]
            if units is not None and held.any():
                firsts = np.flatnonzero(np.diff(panes[held], prepend=-1))
                z = units[codes[index][held]]
                ends = np.stack([np.maximum.reduceat(sign * z, firsts) for sign in (-1, 1)], axis=1)
                extremes[panes[held][firsts], place.moments] = ends
        return Panes(counts, extremes)

    def _pane(self, start_ms: int, cells: NDArray[np.int64], extremes: NDArray[np.int64]) -> ClosedPane:
        sketch = PaneSketch(self.profile.layout)
        sketch.counts[...] = cells
        sketch.extremes[...] = extremes
        return ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset())

    def _of_pane(self, pane: ClosedPane) -> Iterator[EarlyAlarm]:
        self.burn_in.add(pane)
        for change in self.mixture.add(pane):
            yield EarlyAlarm(pane, change)
        if pane.end_ms % HOUR_MS == 0:
            self.burn_in.settle(pane.end_ms)


def examined(view: ReferenceView, alarms: Sequence[EarlyAlarm], budget: ErrorBudget) -> Verdict[Event]:
    """Return the findings of all alarms of one pane."""
    pane = alarms[0].pane
    place = ChangedPane(key=KEY, segment=SEGMENT_ALL, start_ms=pane.start_ms, end_ms=pane.end_ms, offsets={})
    return examine_changes(view, place, [(alarm.change, None) for alarm in alarms], budget)


def _units(kind: ColumnKind, column: Column) -> NDArray[np.int64] | None:
    """Return the value of each code of a column of numbers, in the units of extremes."""
    if not isinstance(column, NumericColumn) or not isinstance(kind.values, np.ndarray):
        return None
    values = np.nan_to_num(kind.values[kind.table].astype(np.float64))
    return standardise(values, column.mean, column.spread)[0]

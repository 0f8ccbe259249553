"""The e-detectors of a simulated model, pane by pane: the product's own, fed with counted panes."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.detection.reference import KEY, bin_table
from benchmarks.detection.traffic import DAY_MS, MISSING, PANE_MS, PANES_PER_DAY
from driftline.checks.columns.mixture_findings import ChangedPane, examine_changes
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.settings import Settings
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.column_mixture import ColumnMixture
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind, Day
    from driftline.checks.columns.mixture_findings import FoundChange
    from driftline.checks.contract.verdict import Verdict
    from driftline.config.model import ModelSettings
    from driftline.events.evidence import Event
    from driftline.profiles.profile import Profile

HOUR_MS: Final = 3_600_000
LEAST_SCORE: Final = -6.0
"""Scores from which on they are worked out: budgets are not raised past e⁶ pages a month."""


class EarlyAlarm(NamedTuple):
    """What the e-detector of a column found, in the pane that brought it to light."""

    pane: ClosedPane
    change: FoundChange


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

    def forked(self) -> EarlyWatch:
        """Return a watch that goes on from here by itself; what does not change with panes is shared."""
        shared = (self.profile, self.view, self._tables)
        return deepcopy(self, {id(each): each for each in shared})

    def scores(
        self, counts: NDArray[np.int64], start_ms: int, enough: float = math.inf
    ) -> list[tuple[int, float, float]]:
        """Return, after each pane, minus the logarithm of the budget from which some column alarms.

        Parameters
        ----------
        counts : ndarray of int64, shape (panes, layout.n_cells)
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
        for number, held in enumerate(counts):
            pane = self._pane(start_ms + number * PANE_MS, held)
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

    def alarms(self, days: Iterable[Day]) -> list[EarlyAlarm]:
        """Return all alarms of these days."""
        return [alarm for day in days for alarm in self._of_day(day)]

    def counted(self, codes: Codes, panes: NDArray[np.int64], n_panes: int) -> NDArray[np.int64]:
        """Return the cells of each pane, shape (n_panes, layout.n_cells), of codes, shape (columns, n)."""
        counts = np.zeros((n_panes, self.profile.layout.n_cells), dtype=np.int64)
        counts[:, EVENTS] = np.bincount(panes, minlength=n_panes)
        for index, table in enumerate(self._tables):
            place, bins = self.profile.layout.places[index], table[codes[index]]
            n_bins, held = self.profile.columns[index].n_bins, bins >= 0
            keys = panes[held] * n_bins + bins[held]
            counts[:, place.bins] = np.bincount(keys, minlength=n_panes * n_bins).reshape(-1, n_bins)
            missing = panes[codes[index] == MISSING]
            counts[:, place.quality.start + ABSENT] = np.bincount(missing, minlength=n_panes)
        return counts

    def _pane(self, start_ms: int, counts: NDArray[np.int64]) -> ClosedPane:
        sketch = PaneSketch(self.profile.layout)
        sketch.counts[...] = counts
        return ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset())

    def _of_day(self, day: Day) -> Iterator[EarlyAlarm]:
        counts = self.counted(day.codes, day.panes, PANES_PER_DAY)
        for start_ms, held_counts in zip(range(day.start_ms, day.start_ms + DAY_MS, PANE_MS), counts, strict=True):
            if not held_counts[EVENTS]:
                continue
            yield from self._of_pane(start_ms, held_counts)

    def _of_pane(self, start_ms: int, counts: NDArray[np.int64]) -> Iterator[EarlyAlarm]:
        pane = self._pane(start_ms, counts)
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

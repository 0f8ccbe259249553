"""The e-detectors of a simulated model, pane by pane: the product's own, fed with counted panes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.detection.reference import KEY, bin_table
from benchmarks.detection.traffic import DAY_MS, MISSING, PANE_MS, PANES_PER_DAY
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.settings import Settings
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.burn_in import BurnIn
from driftline.monitoring.predictions.column_mixture import ColumnMixture
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.detection.traffic import ColumnKind, Day
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile

HOUR_MS = 3_600_000


class EarlyAlarm(NamedTuple):
    """An alarm of the e-detector of a column."""

    at_ms: int
    column: str
    check: str
    multiple: float
    """Its size in multiples of the smallest that matters: from 1 on it pages."""


class EarlyWatch:
    """The e-detectors of one model, with what teaches them how much its columns vary.

    Parameters
    ----------
    profile : Profile
    kinds : sequence of ColumnKind
    settings : ModelSettings
    budget_scale : float
        The budget in multiples of the configured one.
    """

    def __init__(
        self, profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings, budget_scale: float = 1.0
    ) -> None:
        self.profile = profile
        self.view = ReferenceView(profile, settings, PANE_MS)
        self._burn_in = BurnIn(self.view)
        alarms = ErrorBudget.of(Settings(defaults=settings), KEY.model).detector_alarms(len(profile.columns))
        self.mixture = ColumnMixture(self.view, PANE_MS, budget_scale * alarms)
        self._tables = [bin_table(kind, column) for kind, column in zip(kinds, profile.columns, strict=True)]

    def alarms(self, days: Iterable[Day]) -> list[EarlyAlarm]:
        """Return all alarms of these days."""
        return [alarm for day in days for alarm in self._of_day(day)]

    def _of_day(self, day: Day) -> Iterator[EarlyAlarm]:
        counts = np.zeros((PANES_PER_DAY, self.profile.layout.n_cells), dtype=np.int64)
        counts[:, EVENTS] = np.bincount(day.panes, minlength=PANES_PER_DAY)
        for index, table in enumerate(self._tables):
            place, bins = self.profile.layout.places[index], table[day.codes[index]]
            n_bins, held = self.profile.columns[index].n_bins, bins >= 0
            keys = day.panes[held] * n_bins + bins[held]
            counts[:, place.bins] = np.bincount(keys, minlength=PANES_PER_DAY * n_bins).reshape(-1, n_bins)
            missing = day.panes[day.codes[index] == MISSING]
            counts[:, place.quality.start + ABSENT] = np.bincount(missing, minlength=PANES_PER_DAY)
        for start_ms, held_counts in zip(range(day.start_ms, day.start_ms + DAY_MS, PANE_MS), counts, strict=True):
            if not held_counts[EVENTS]:
                continue
            yield from self._of_pane(start_ms, held_counts)

    def _of_pane(self, start_ms: int, counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Iterator[EarlyAlarm]:
        sketch = PaneSketch(self.profile.layout)
        sketch.counts[...] = counts
        pane = ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset())
        self._burn_in.add(pane)
        for change in self.mixture.add(pane):
            name = self.profile.columns[change.column].name
            yield EarlyAlarm(pane.end_ms, name, change.check, change.size.multiple)
        if pane.end_ms % HOUR_MS == 0:
            self._burn_in.settle(pane.end_ms)

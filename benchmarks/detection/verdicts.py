"""The verdicts of the pipeline's checks for one column of a stream, for any budget at once.

The level of each test is proportional to the budget, so what counts is the budget at which a p-value is at its level:
a window comes out at every budget from there on. Windows are made by the pipeline's own tumbling windows, which wait
for 500 events; tests, dispersion and gates are its own functions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.detection.full import quiet
from benchmarks.detection.reference import KEY, bin_table, joint_cells, z_table
from benchmarks.detection.traffic import MISSING, PANE_MS
from driftline.checks.columns.distribution_check import distribution
from driftline.checks.columns.multivariate_check import multivariate
from driftline.checks.contract.closed_window import ClosedWindow
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.quality.columns import quality
from driftline.checks.references.cases import ColumnCase, WindowCase
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.settings import Settings
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.windowing import TumblingWindow, WindowPlace
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.fixed_point import Z_LIMIT, Z_SCALE, split
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import Codes, ColumnKind
    from driftline.checks.contract.check import Outcome
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile

NEVER = -math.inf


class Span(NamedTuple):
    """A verdict window, and which of the events are its own."""

    start_ms: int
    end_ms: int
    size_ms: int
    first: int
    last: int


class Checks:
    """The checks of one model.

    Parameters
    ----------
    profile : Profile
    kinds : sequence of ColumnKind
    settings : ModelSettings
    """

    def __init__(self, profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings) -> None:
        self.profile = profile
        self._settings = quiet(settings)
        self._standard = ReferenceView(profile, self._settings, PANE_MS)
        context = ErrorBudget.of(Settings(defaults=self._settings), KEY.model)
        self._levels = {
            int(size): context.column_level(int(size), len(kinds)).level for size in self._settings.windows.verdict
        }
        self._tables = [bin_table(kind, column) for kind, column in zip(kinds, profile.columns, strict=True)]
        self._values = {
            i: kind.values[kind.table] for i, kind in enumerate(kinds) if isinstance(kind.values, np.ndarray)
        }
        joint = profile.joint
        self._z = {} if joint is None else {i: z_table(kinds[i], profile.columns[i]) for i in joint.columns}

    def spans(self, times_ms: NDArray[np.int64], since_ms: int) -> list[Span]:
        """Return the verdict windows of events, in the order of their ends."""
        starts, firsts = np.unique(times_ms // PANE_MS * PANE_MS, return_index=True)
        counts = np.diff([*firsts, times_ms.size])
        found = []
        for size in self._levels:
            window = TumblingWindow(WindowPlace(KEY, Layout(())), size, self._settings.windows.min_samples, since_ms)
            for start_ms, n in zip(starts.tolist(), counts.tolist(), strict=True):
                sketch = PaneSketch(Layout(()))
                sketch.counts[EVENTS] = n
                window.add(ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset()))
                due_ms = window.due_ms()
                if due_ms is not None and due_ms <= start_ms + PANE_MS:
                    closed = window.close(due_ms)
                    if closed is not None:
                        first, last = np.searchsorted(times_ms, [closed.start_ms, closed.end_ms]).tolist()
                        found.append(Span(closed.start_ms, closed.end_ms, size, first, last))
        return sorted(found, key=lambda span: (span.end_ms, span.size_ms))

    def scores(self, spans: Sequence[Span], index: int, codes: Codes) -> NDArray[np.float64]:
        """Return, of one column, minus the logarithm of the budget from which each window comes out: shape (2, spans).

        First with what has to matter, then by the tests alone.
        """
        bins = self._tables[index][codes]
        found = [
            self._score(span, index, codes[span.first : span.last], bins[span.first : span.last]) for span in spans
        ]
        return np.array(found, dtype=np.float64).reshape(-1, 2).T

    def _score(self, span: Span, index: int, codes: Codes, bins: NDArray[np.int64]) -> tuple[float, float]:
        column, place = self.profile.columns[index], self.profile.layout.places[index]
        window = self._window(span, codes.size)
        window.sketch.counts[place.bins] = np.bincount(bins[bins >= 0], minlength=column.n_bins)
        window.sketch.counts[place.quality.start + ABSENT] = int((codes == MISSING).sum())
        if isinstance(column, CategoricalColumn):
            unlisted = int(window.sketch.counts[place.bins][column.unlisted])
            window.sketch.unseen = {index: {1: ("new", unlisted)}} if unlisted else {}
        elif codes.size and codes[0] != MISSING and (codes == codes[0]).all():
            constant = (self._values[index][codes[0]] - column.mean) / column.spread
            at = int(np.clip(constant, -Z_LIMIT, Z_LIMIT) * Z_SCALE)
            window.sketch.extremes[place.moments] = -at, at
        case = ColumnCase(self._standard, window, self._levels[span.size_ms], index)
        return self._scores([*distribution.examine(case), *quality.examine(case)], span)

    def _scores(self, outcomes: Sequence[Outcome], span: Span) -> tuple[float, float]:
        """Return the score of what has to matter, and of the tests alone."""
        tested = [(each.p_value, each.effect) for each in outcomes if each.p_value is not None]
        mattering = [p_value for p_value, effect in tested if effect is not None and effect.corrected >= effect.gate]
        least = min((p_value for p_value, _ in tested), default=1.0)
        return self._of_p(min(mattering, default=1.0), span), self._of_p(least, span)

    def joint_scores(self, spans: Sequence[Span], codes: Codes) -> NDArray[np.float64]:
        """Return the same of what is looked at of all numbers together; codes of all columns, shape (columns, n)."""
        joint = self.profile.joint
        if joint is None:
            return np.full((2, len(spans)), NEVER)
        z = np.stack([self._z[index][codes[index]] for index in joint.columns])
        found = []
        for span in spans:
            window = self._window(span, span.last - span.first)
            window.sketch.joint += split(joint_cells(joint, z[:, span.first : span.last]))
            case = WindowCase(self._standard, window, self._levels[span.size_ms])
            found.append(self._scores([*multivariate.examine(case)], span))
        return np.array(found, dtype=np.float64).reshape(-1, 2).T

    def _of_p(self, p_value: float, span: Span) -> float:
        if p_value >= 1:
            return NEVER
        return math.log(self._levels[span.size_ms]) - math.log(max(p_value, 1e-300))

    def _window(self, span: Span, n: int) -> ClosedWindow:
        sketch = PaneSketch(self.profile.layout)
        sketch.counts[EVENTS] = n
        return ClosedWindow(
            key=KEY,
            segment=SEGMENT_ALL,
            kind="tumbling",
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            size_ms=span.size_ms,
            sketch=sketch,
            offsets={},
        )

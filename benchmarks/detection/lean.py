"""A simulated model through the same checks, without what no page depends on: made for hundreds of models.

What is left out: panes are added up to windows by code, not by sketch; a column of a window is looked at by
:func:`~driftline.pipeline.checking.column_check.examine_column`, as the pipeline does, only where a rough p-value is
small enough for it to matter (:data:`ROUGHLY`); windows make no events. Tests, levels, gates, findings and the alert book
are the pipeline's own. ``python -m benchmarks.detection --check`` runs models both ways, and every p-value up to 10⁻²,
every finding and every page have to be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import special

from benchmarks.calibration_tests import merged_groups
from benchmarks.detection.full import KEPT, Run, Tested, found_of, pages_of, tested_of, whole_tested
from benchmarks.detection.reference import KEY, bin_table, joint_cells, z_table
from benchmarks.detection.traffic import DAY_MS, MISSING, PANES_PER_DAY
from driftline.alerts import AlertBook
from driftline.config.settings import Settings
from driftline.events.pane import SEGMENT_ALL
from driftline.events.window import ColumnBlock, WindowEvent
from driftline.pipeline.checking.check_context import CheckContext
from driftline.pipeline.checking.closed_window import ClosedWindow
from driftline.pipeline.checking.column_check import examine_column
from driftline.pipeline.checking.common_fields import window_fields
from driftline.pipeline.checking.multivariate_check import examine_multivariate
from driftline.pipeline.checking.quality.whole import whole_findings
from driftline.pipeline.checking.standard import Standard
from driftline.pipeline.checking.verdict import WindowVerdict
from driftline.pipeline.monitoring.alerting import settle_window
from driftline.pipeline.monitoring.volume_book import VolumeBook
from driftline.significance.pearson import LEAST_EXPECTED
from driftline.sketches.columns import MISSING as ABSENT
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import split
from driftline.sketches.grouping import tail_bins
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.detection.traffic import ColumnKind, Day
    from driftline.config.model import ModelSettings
    from driftline.pipeline.checking.standard import ColumnStandard
    from driftline.profiles.profile import Profile
    from driftline.significance.dispersion import Dispersion

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

ROUGHLY: Final = 0.03
"""Rough p-values up to this are computed exactly; the exact ones that are counted are three times smaller."""
HOURS: Final = 24


class _Windows(NamedTuple):
    """The windows of one day: 24 of an hour, then one of the day.

    Attributes
    ----------
    start_ms : int
    n : ndarray of int64, shape (25,)
        Events.
    bins : list of ndarray of int64, each of shape (25, n_bins)
    absent : ndarray of int64, shape (columns, 25)
    joint : ndarray of int64, shape (25, n_joint)
    """

    start_ms: int
    n: Counts
    bins: list[Counts]
    absent: Counts
    joint: Counts


class LeanWatch:
    """One model.

    Parameters
    ----------
    profile : Profile
        With a history that shows the dispersion of every verdict window; they are of an hour and of a day.
    kinds : sequence of ColumnKind
    settings : ModelSettings
    """

    def __init__(self, profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings, pane_ms: int) -> None:
        self.context = CheckContext.of(Settings(defaults=settings), KEY.model)
        self.profile = profile
        self._standard = Standard(profile, settings, pane_ms)
        assert not self._standard.unknown_sizes(), "the reference does not tell the dispersion of every window"
        self._tables = [bin_table(kind, column) for kind, column in zip(kinds, profile.columns, strict=True)]
        joint = profile.joint
        self._z = [] if joint is None else [(i, z_table(kinds[i], profile.columns[i])) for i in joint.columns]
        self._volumes = VolumeBook(settings.windows.verdict)
        self._book = AlertBook()
        self._screens: dict[tuple[int, int], _Screen] = {}
        self.run = Run([], [], [], {})

    def add(self, day: Day) -> None:
        """Look at the windows of a day."""
        windows = self._count(day)
        wanted = [self._wanted(windows, index) for index in range(len(self.profile.columns))]
        for slot in range(HOURS + 1):
            columns = [index for index, rows in enumerate(wanted) if rows[slot]]
            self._examine(windows, slot, columns)

    def _count(self, day: Day) -> _Windows:
        hours = day.panes // (PANES_PER_DAY // HOURS)
        n = np.bincount(hours, minlength=HOURS)
        bins, absent = [], np.zeros((len(self._tables), HOURS + 1), dtype=np.int64)
        for index, table in enumerate(self._tables):
            n_bins = self.profile.columns[index].n_bins
            keys = table[day.codes[index]] + 1 + hours * (n_bins + 1)
            counted = np.bincount(keys, minlength=HOURS * (n_bins + 1)).reshape(HOURS, n_bins + 1)
            counted = np.concatenate([counted, counted.sum(axis=0, keepdims=True)])
            absent[index] = counted[:, 0]
            bins.append(counted[:, 1:])
        joint = np.zeros((HOURS + 1, 0), dtype=np.int64)
        if self.profile.joint is not None:
            z = np.stack([table[day.codes[index]] for index, table in self._z])
            cuts = np.searchsorted(hours, np.arange(HOURS + 1))
            of_hours = [joint_cells(self.profile.joint, z[:, a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
            joint = np.stack([*of_hours, np.sum(of_hours, axis=0)])
        return _Windows(day.start_ms, np.array([*n, n.sum()]), bins, absent, joint)

    def _wanted(self, windows: _Windows, index: int) -> NDArray[np.bool_]:
        """Return which windows have a column that may have a small p-value, shape (25,)."""
        column, bins, absent = self.profile.columns[index], windows.bins[index], windows.absent[index]
        wanted = bins.max(axis=1) == bins.sum(axis=1)  # frozen
        if isinstance(column, NumericColumn):
            first, last = tail_bins(column)
            wanted |= (bins[:, :first].sum(axis=1) > 0) | (bins[:, last + 1 :].sum(axis=1) > 0)
        else:
            wanted |= bins[:, column.unlisted] > 0
        for slot in range(HOURS + 1):
            screen = self._screen(index, windows, slot)
            wanted[slot] |= screen.share(int(absent[slot]), int(windows.n[slot])) <= ROUGHLY
        for rows in (slice(0, HOURS), slice(HOURS, HOURS + 1)):
            screens = [self._screen(index, windows, slot) for slot in range(HOURS + 1)[rows]]
            wanted[rows] |= rough_p_values(screens, bins[rows]) <= ROUGHLY
        return wanted

    def _screen(self, index: int, windows: _Windows, slot: int) -> _Screen:
        start_ms, end_ms, size_ms = span(windows.start_ms, slot)
        key = (index, start_ms % (7 * DAY_MS) + (size_ms == DAY_MS))
        if key not in self._screens:
            bare = _window(PaneSketch(self.profile.layout), (start_ms, end_ms, size_ms))
            held = self._standard.column(index, bare)
            place, counts = self.profile.layout.places[index], self.profile.reference.counts
            share = (int(counts[place.quality.start + ABSENT]), int(counts[EVENTS]))
            ordered = isinstance(self.profile.columns[index], NumericColumn)
            self._screens[key] = _Screen(held, share, ordered=ordered)
        return self._screens[key]

    def _examine(self, windows: _Windows, slot: int, columns: Sequence[int]) -> None:
        extent = span(windows.start_ms, slot)
        sketch = PaneSketch(self.profile.layout)
        sketch.counts[EVENTS] = windows.n[slot]
        for index in columns:
            place = self.profile.layout.places[index]
            sketch.counts[place.bins] = windows.bins[index][slot]
            sketch.counts[place.quality.start + ABSENT] = windows.absent[index, slot]
        sketch.joint += split(windows.joint[slot])
        window = self._volumes.judged(_window(sketch, extent))
        context, profile = self.context, self.profile
        common = window_fields(profile, window, context)
        level = context.column_level(window.size_ms, len(profile.columns))
        checked = [examine_column(self._standard, index, window, context, common, level) for index in columns]
        findings = [finding for column in checked for finding in column.findings]
        findings += whole_findings(profile, window, context.settings.checks, common, [level])
        together, statistics = examine_multivariate(self._standard, window, context, common, level)
        findings += together
        statistics += [statistic for column in checked for statistic in column.statistics]
        event = WindowEvent(
            **common,
            late=0,
            unexpected_features=0,
            n_columns=0,
            n_findings=len(findings),
            block=ColumnBlock(index=0, of=1),
            columns=[],
        )
        verdict = WindowVerdict(windows=(event,), findings=tuple(findings), statistics=tuple(statistics))
        self._book, records = settle_window(verdict, self._book, context)
        run = self.run
        run.n_windows[extent[2]] = run.n_windows.get(extent[2], 0) + 1
        run.tested.extend([*tested_of(window, verdict), *whole_tested(profile, window)])
        run.found.extend(found_of(window, findings))
        run.pages.extend(pages_of(records))


def span(day_ms: int, slot: int) -> tuple[int, int, int]:
    """Return start, end and size of a window of a day."""
    if slot == HOURS:
        return day_ms, day_ms + DAY_MS, DAY_MS
    hour_ms = DAY_MS // HOURS
    return day_ms + slot * hour_ms, day_ms + (slot + 1) * hour_ms, hour_ms


def _window(sketch: PaneSketch, extent: tuple[int, int, int]) -> ClosedWindow:
    return ClosedWindow(
        key=KEY,
        segment=SEGMENT_ALL,
        kind="tumbling",
        start_ms=extent[0],
        end_ms=extent[1],
        size_ms=extent[2],
        sketch=sketch,
        offsets={},
    )


class _Screen:
    """What a column is held against in the windows of one hour of the week, for rough p-values."""

    def __init__(self, held: ColumnStandard, share: tuple[int, int], *, ordered: bool) -> None:
        self.held = held
        self.ordered = ordered
        self.groups = np.array(held.grouping.groups)
        self._factor = held.of_shares()("", "").factor
        self._share = (share[0] + 0.5) / (share[1] + 1.0)
        self._any = share[0] > 0

    def share(self, k: int, n: int) -> float:
        """Return a rough p-value of so many missing values, no larger than the exact one of the whole quality."""
        if not k and not self._any:
            return 1.0
        tail = min(float(special.bdtr(k, n, self._share)), float(special.bdtrc(k - 1, n, self._share)) if k else 1.0)
        return float(tail ** (1 / self._factor))


def rough_p_values(screens: Sequence[_Screen], bins: Counts) -> NDArray[np.float64]:
    """Return rough p-values of the distribution of one column in windows of one size, shape (windows,)."""
    screen, width = screens[0], screens[0].held.grouping.n_groups
    rows = len(bins)
    keys = (screen.groups + np.arange(rows)[:, None] * width).ravel()
    here = np.bincount(keys, bins.ravel(), rows * width).reshape(rows, width)
    there = np.stack([each.held.reference for each in screens]).astype(np.float64)
    n, n_reference = here.sum(axis=1, keepdims=True), there.sum(axis=1, keepdims=True)
    known: Dispersion | None = screen.held.dispersion
    alone = known is None or known.independent
    factors = np.ones(width) if alone or known is None else np.maximum(known.design_effects(float(n.mean())), 1.0)
    expected = (here + there) * np.minimum(n, n_reference) / (n + n_reference) / factors
    groups = merged_groups(expected, LEAST_EXPECTED) if screen.ordered else _unordered(expected)
    keys = (groups + np.arange(rows)[:, None] * width).ravel()
    c = np.bincount(keys, here.ravel(), rows * width).reshape(rows, width)
    r = np.bincount(keys, there.ravel(), rows * width).reshape(rows, width)
    statistic = ((c / n - r / n_reference) ** 2 / np.maximum(c + r, 1e-300)).sum(axis=1)
    statistic *= ((n + n_reference) / (1 / n + 1 / n_reference))[:, 0]
    modes, first = groups.max(axis=1).astype(np.float64), np.zeros(rows)
    if alone or known is None:
        first[:] = modes
    else:
        sizes = (float(n.mean()), float(n_reference.mean()))
        of_groups: dict[bytes, tuple[float, float]] = {}
        for row, found in enumerate(groups):
            if (at := found.tobytes()) not in of_groups:
                of_groups[at] = _moments(known, tuple(found.tolist()), sizes)
            first[row], modes[row] = of_groups[at]
    p = special.chdtrc(np.maximum(modes, 1e-9), statistic * modes / np.maximum(first, 1e-9))
    return np.where(groups.max(axis=1) > 0, p, 0.0)


def _moments(known: Dispersion, groups: tuple[int, ...], sizes: tuple[float, float]) -> tuple[float, float]:
    """Return the sum of the weights, and how many equal ones they are worth."""
    if max(groups) == 0:
        return 0.0, 0.0
    covariance, excess = known.standardised(groups)
    n, n_reference = sizes
    matrix = (covariance / n + excess + (covariance + excess * known.window_events) / n_reference) / (
        1 / n + 1 / n_reference
    )
    # The least eigenvalue is 0 and adds to neither.
    first, second = float(np.trace(matrix)), float((matrix**2).sum())
    return first, first**2 / second


def _unordered(expected: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return :func:`driftline.significance.merging.merge_unordered` of every row."""
    kept = expected >= LEAST_EXPECTED
    rest = np.where(kept, 0.0, expected).sum(axis=1)
    short = (rest < LEAST_EXPECTED) & kept.any(axis=1) & ~kept.all(axis=1)
    least = np.where(kept, expected, np.inf).argmin(axis=1)
    kept[short, least[short]] = False
    numbers = np.cumsum(kept, axis=1) - 1
    return np.where(kept, numbers, kept.sum(axis=1, keepdims=True))


def run_lean(
    profile: Profile, kinds: Sequence[ColumnKind], settings: ModelSettings, days: Iterable[Day], pane_ms: int
) -> Run:
    """Return what came of a model."""
    watch = LeanWatch(profile, kinds, settings, pane_ms)
    for day in days:
        watch.add(day)
    return watch.run


__all__ = ["KEPT", "MISSING", "LeanWatch", "Tested", "run_lean"]

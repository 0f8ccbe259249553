"""Performance windows of one model: vectors by prediction time that labels revise, evaluated at fixed ages.

A window's revision r is due at the window's end plus age r, after all join panes that end by then; its
moment is in event time, so how many revisions there are, and what each holds, follows from the labels alone.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

from driftline.checks.contract.closed_window import PerformanceRevision
from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.table import Table, Value
from driftline.panes.flush_record import first_names
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.packed import Sparse
from driftline.sketches.scores import LABELLED, PREDICTED
from driftline.sketches.sparse import merge_sparse, pack, unpack_into

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.labels.open_joins import OpenJoins, RevisionPart
    from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
    from driftline.profiles.profile import Profile
    from driftline.profiles.profiles import Profiles
    from driftline.profiles.task import Task

MIN_BASELINE: Final = 500
"""Labelled predictions that the first windows need at least before they are a baseline."""


class WindowState(Struct, array_like=True):
    """One performance window that still waits for labels."""

    vectors: dict[str, Sparse]
    """Performance cells by task: only those of one task add up."""
    offsets: dict[Kind, Offsets]
    flags: list[str]
    revision: int
    """The next one that is due."""
    tested: bool
    arrivals: dict[str, Sparse] = {}
    """Arrival cells by task."""
    unknown: list[str] = []
    """Names of labels of unknown classes, the first few."""
    by_feature: dict[str, Sparse] = {}
    """Cells of errors by feature, by profile; nothing once the window was tested."""


class DueRevision(NamedTuple):
    """A revision that is due."""

    start_ms: int
    end_ms: int
    """Of the window."""
    at_ms: int
    """Event time at which it is due."""
    revision: int
    final: bool
    window: WindowState

    def measured(self, setup: ModelSetup) -> tuple[Profile, NDArray[np.int64]] | None:
        """Return the profile at the window's end and the window's vector for its task; None without predictions."""
        profile = setup.profile_until(self.end_ms)
        if profile is None:
            return None
        vector = vector_of(self.window, profile.task)
        return (profile, vector) if vector[PREDICTED] > 0 else None

    def counted(
        self, key: ModelKey, segment: str, vector: NDArray[np.int64], reach: WatermarkReach, *, tested: bool
    ) -> PerformanceRevision:
        """Return what the checks read of the revision, with the window's vector for one task."""
        return PerformanceRevision(
            key=key,
            segment=segment,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            vector=vector,
            offsets=self.window.offsets,
            revision=self.revision,
            age_ms=self.at_ms - self.end_ms,
            final=self.final,
            tested=tested,
            flags=tuple(sorted(reach.flags(self.at_ms).union(self.window.flags))),
            unknown=tuple(self.window.unknown),
        )


class PerformanceWindows:
    """All windows of a model between their first prediction and their last revision.

    Notes
    -----
    *State*: one sparse vector a window, and horizon / size windows. *Cost*: of panes, one merge for each window they
    touch; of a revision, O(log windows).

    The offsets of a window enclose what contributed: they are those of all joins in the spans, from one moment at which
    any revision could be due to the next, in which a pane touched it. So they follow from the events alone.
    """

    def __init__(self, settings: ModelSettings, *, with_arrivals: bool = True) -> None:
        self._times = RevisionTimes.of(settings)
        self._with_arrivals = with_arrivals
        self._windows = Table("performance", int, WindowState, self._restored)
        self._due: list[tuple[int, int]] = []
        self.n_expired = 0
        self.tables = (self._windows,)

    def __len__(self) -> int:
        return len(self._windows)

    def add_due(self, joins: OpenJoins, profiles: Profiles, at_ms: int) -> int:
        """Add what waited for a revision at a moment; return the contributions whose profile is not known."""
        n_unknown = 0
        for start_ms, parts in joins.take():
            for profile_id, part in sorted(parts.items()):
                profile = profiles.get(profile_id)
                if profile is None:
                    n_unknown += 1
                else:
                    self.add(start_ms, at_ms, task_id(profile.task), part, profile_id)
        return n_unknown

    def add(self, start_ms: int, end_ms: int, task: str, part: RevisionPart, profile_id: str = "") -> None:
        """Merge what panes that end by ``end_ms`` add to a window; all its revisions due before have been taken."""
        window = self._windows.get(start_ms) or self._open(start_ms, end_ms)
        if window is None:
            self.n_expired += 1
            return
        for vectors, pieces in ((window.vectors, part.pieces), (window.arrivals, part.arrivals)):
            if self._with_arrivals or vectors is window.vectors:
                vectors[task] = merge_sparse([vectors[task], *pieces] if task in vectors else pieces)
        if part.by_feature and not window.tested:
            before = [window.by_feature[profile_id]] if profile_id in window.by_feature else []
            window.by_feature[profile_id] = merge_sparse([*before, *part.by_feature])
        for kind, offsets in part.offsets.items():
            merge_offsets(window.offsets.setdefault(kind, {}), offsets)
        window.flags = sorted({*part.flags, *window.flags})
        window.unknown = first_names(part.unknown, window.unknown)
        self._windows.changed(start_ms)

    def _open(self, start_ms: int, pane_end_ms: int) -> WindowState | None:
        """Return a new window, at the first revision that panes can be part of; None where all are past."""
        revision = self._times.revision_after(start_ms, pane_end_ms)
        if revision is None:
            return None
        window = WindowState({}, {}, [], revision, tested=False)
        self._windows.put(start_ms, window)
        heapq.heappush(self._due, (self._times.due_ms(start_ms, revision), start_ms))
        return window

    def due_ms(self) -> int | None:
        """Return the moment of the next revision."""
        return self._due[0][0] if self._due else None

    def take(self) -> DueRevision:
        """Return the next revision: at one moment, that of the oldest window first."""
        at_ms, start_ms = heapq.heappop(self._due)
        window = self._windows[start_ms]
        revision = window.revision
        final = revision == len(self._times.ages_ms) - 1
        if final:
            self._windows.drop(start_ms)
        else:
            window.revision += 1
            heapq.heappush(self._due, (self._times.due_ms(start_ms, window.revision), start_ms))
            self._windows.changed(start_ms)
        return DueRevision(start_ms, start_ms + self._times.size_ms, at_ms, revision, final, window)

    def _restored(self) -> None:
        """Take up the windows; one whose next revision is no longer configured goes on with the last."""
        for start_ms, window in self._windows.items():
            window.revision = min(window.revision, len(self._times.ages_ms) - 1)
            self._due.append((self._times.due_ms(start_ms, window.revision), start_ms))
        heapq.heapify(self._due)


def vector_of(window: WindowState, task: Task) -> NDArray[np.int64]:
    """Return a window's performance vector for a task; zeros where it has none."""
    return unpacked(window.vectors.get(task_id(task)), task.performance_layout.n_cells)


def arrival_of(window: WindowState, task: Task) -> NDArray[np.int64]:
    """Return a window's arrival vector for a task; zeros where it has none."""
    return unpacked(window.arrivals.get(task_id(task)), ArrivalLayout.of(task.performance_layout).n_cells)


def unpacked(packed: Sparse | None, n_cells: int) -> NDArray[np.int64]:
    """Return a sparse vector as an array, shape (n_cells,); zeros where there is none."""
    vector = np.zeros(n_cells, dtype=np.int64)
    if packed is not None:
        unpack_into(packed, vector)
    return vector


def coverage_of(vector: NDArray[np.int64]) -> float:
    """Return the share of a vector's predictions that have a label; 0 without predictions."""
    predicted = int(vector[PREDICTED])
    return int(vector[LABELLED]) / predicted if predicted > 0 else 0.0


class ProductionBaseline(Struct, array_like=True):
    """The baseline of a model whose profile has no labels: its first windows, until there are enough labels."""

    cells: Sparse
    n_labelled: int


class ProductionBaselines:
    """Baselines made of first windows by profile, of the latest few profiles."""

    KEPT: Final = 4

    def __init__(self, min_labelled: int) -> None:
        self._min_labelled = max(MIN_BASELINE, min_labelled)
        # One value, as the order in which profiles came is part of it.
        self._by_profile = Value("baselines", dict[str, ProductionBaseline], {})
        self.tables = (self._by_profile,)

    def __len__(self) -> int:
        return len(self._by_profile.value)

    def vector(self, profile_id: str, task: Task) -> NDArray[np.int64] | None:
        """Return a profile's baseline; None while there are too few labels."""
        baseline = self._by_profile.value.get(profile_id)
        if baseline is None or baseline.n_labelled < self._min_labelled:
            return None
        return unpacked(baseline.cells, task.performance_layout.n_cells)

    def add(self, profile_id: str, vector: NDArray[np.int64]) -> None:
        """Add a window; the profile that came first is forgotten where there are too many."""
        by_profile, cells, n_labelled = self._by_profile.value, pack(vector), int(vector[LABELLED])
        before = by_profile.get(profile_id)
        if before is not None:
            cells, n_labelled = merge_sparse([before.cells, cells]), n_labelled + before.n_labelled
        by_profile[profile_id] = ProductionBaseline(cells, n_labelled)
        while len(by_profile) > self.KEPT:
            del by_profile[next(iter(by_profile))]
        self._by_profile.changed()

"""Performance windows of one model: vectors by prediction time that labels revise, cut at fixed ages.

A window's revision r is cut at the window's end plus age r, after all join panes that end by then; the moment of the
cut is in event time, so how many revisions there are, and what each holds, follows from the labels alone.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.checkpoint import load
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.packed import Sparse
from driftline.sketches.packed_merge import merge_sparse
from driftline.sketches.scores import LABELLED, PREDICTED
from driftline.sketches.sparse import unpack_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
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
    """The next one to be cut."""
    tested: bool
    arrivals: dict[str, Sparse] = {}
    """Arrival cells by task."""


class JoinedPanes(NamedTuple):
    """What closed join panes add, between which no cut of a window that they add to lies.

    Attributes
    ----------
    end_ms : int
        By which they end.
    windows : dict of int to dict of str to list of Sparse
        Performance cells by window start and task.
    offsets : dict of kind to Offsets
    flags : frozenset of str
    arrivals : dict of int to dict of str to list of Sparse
        Arrival cells, likewise.
    """

    end_ms: int
    windows: dict[int, dict[str, list[Sparse]]]
    offsets: dict[Kind, Offsets]
    flags: frozenset[str]
    arrivals: dict[int, dict[str, list[Sparse]]] = {}  # noqa: RUF012  # a default of a NamedTuple, never changed


class Revision(NamedTuple):
    """A revision that is due.

    Attributes
    ----------
    start_ms, end_ms : int
        Of the window.
    at_ms : int
        The moment of the cut.
    revision : int
    final : bool
    window : WindowState
    """

    start_ms: int
    end_ms: int
    at_ms: int
    revision: int
    final: bool
    window: WindowState


class PerformanceWindows:
    """All windows of a model between their first prediction and their last revision.

    Parameters
    ----------
    settings : ModelSettings

    Notes
    -----
    *State*: one sparse vector a window, and horizon / size windows. *Cost*: of panes, one merge for each window they
    touch; of a cut, O(log windows).

    The offsets of a window enclose what contributed: they are those of all joins in the spans, from one moment at which
    any window could be cut to the next, in which a pane touched it. So they follow from the events alone.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._times = RevisionTimes.of(settings)
        self._windows: dict[int, WindowState] = {}
        self._cuts: list[tuple[int, int]] = []
        self._dirty: set[int] = set()
        self.n_expired = 0

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, panes: JoinedPanes) -> None:
        """Merge panes; all cuts before their end have been made."""
        for start_ms, by_task in sorted(panes.windows.items()):
            window = self._windows.get(start_ms) or self._open(start_ms, panes.end_ms)
            if window is None:
                self.n_expired += 1
                continue
            for task, pieces in by_task.items():
                known = window.vectors.get(task)
                window.vectors[task] = merge_sparse(pieces if known is None else [known, *pieces])
            for task, pieces in panes.arrivals.get(start_ms, {}).items():
                known = window.arrivals.get(task)
                window.arrivals[task] = merge_sparse(pieces if known is None else [known, *pieces])
            for kind, offsets in panes.offsets.items():
                merge_offsets(window.offsets.setdefault(kind, {}), offsets)
            window.flags = sorted(panes.flags.union(window.flags))
            self._dirty.add(start_ms)

    def _open(self, start_ms: int, pane_end_ms: int) -> WindowState | None:
        """Return a new window, at the first revision that panes can be part of; None where all are past."""
        revision = self._times.revision_after(start_ms, pane_end_ms)
        if revision is None:
            return None
        window = self._windows[start_ms] = WindowState({}, {}, [], revision, tested=False)
        heapq.heappush(self._cuts, (self._times.cut_ms(start_ms, revision), start_ms))
        return window

    def due_ms(self) -> int | None:
        """Return the moment of the next cut."""
        return self._cuts[0][0] if self._cuts else None

    def cut(self) -> Revision:
        """Make the next cut: at one moment, of the oldest window first."""
        at_ms, start_ms = heapq.heappop(self._cuts)
        window = self._windows[start_ms]
        revision = window.revision
        final = revision == len(self._times.ages_ms) - 1
        if final:
            del self._windows[start_ms]
        else:
            window.revision += 1
            heapq.heappush(self._cuts, (self._times.cut_ms(start_ms, window.revision), start_ms))
        self._dirty.add(start_ms)
        return Revision(start_ms, start_ms + self._times.size_ms, at_ms, revision, final, window)

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the windows that changed since the last call."""
        for start_ms in sorted(self._dirty):
            window = self._windows.get(start_ms)
            yield f"performance/{start_ms}", None if window is None else msgspec.msgpack.encode(window)
        self._dirty.clear()

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state; a window whose next revision is no longer configured is cut at the last one."""
        for name, data in pieces.items():
            if name.startswith("performance/"):
                start_ms = int(name.removeprefix("performance/"))
                window = load(data, WindowState, name)
                window.revision = min(window.revision, len(self._times.ages_ms) - 1)
                self._windows[start_ms] = window
                self._cuts.append((self._times.cut_ms(start_ms, window.revision), start_ms))
        heapq.heapify(self._cuts)


def vector_of(window: WindowState, task: Task) -> NDArray[np.int64]:
    """Return a window's performance vector for a task; zeros where it has none."""
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    packed = window.vectors.get(task_id(task))
    if packed is not None:
        unpack_into(packed, vector)
    return vector


def arrival_of(window: WindowState, task: Task) -> NDArray[np.int64]:
    """Return a window's arrival vector for a task; zeros where it has none."""
    vector = np.zeros(ArrivalLayout.of(task.performance_layout).n_cells, dtype=np.int64)
    packed = window.arrivals.get(task_id(task))
    if packed is not None:
        unpack_into(packed, vector)
    return vector


def coverage_of(vector: NDArray[np.int64]) -> float:
    """Return the share of a vector's predictions that have a label; 0 without predictions."""
    predicted = int(vector[PREDICTED])
    return int(vector[LABELLED]) / predicted if predicted > 0 else 0.0


class FirstWindows(Struct, array_like=True):
    """The baseline of a model whose profile has no labels: its first windows, until there are enough labels."""

    profile_id: str
    cells: Sparse
    n_labelled: int


class FirstWindowsByProfile:
    """First windows by profile, of the latest few profiles.

    Parameters
    ----------
    min_labelled : int
    """

    KEPT: Final = 4

    def __init__(self, min_labelled: int, kept: Iterable[FirstWindows] = ()) -> None:
        self._min_labelled = max(MIN_BASELINE, min_labelled)
        self._kept = {first.profile_id: first for first in kept}

    def dump(self) -> list[FirstWindows]:
        """Return the state."""
        return list(self._kept.values())

    def baseline(self, profile_id: str, task: Task) -> NDArray[np.int64] | None:
        """Return the baseline's vector; None while there are too few labels."""
        first = self._kept.get(profile_id)
        if first is None or first.n_labelled < self._min_labelled:
            return None
        vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
        unpack_into(first.cells, vector)
        return vector

    def add(self, profile_id: str, vector: NDArray[np.int64], cells: Sparse) -> None:
        """Add a window; the profile that came first is forgotten where there are too many."""
        known = self._kept.get(profile_id)
        n_labelled = int(vector[LABELLED])
        if known is not None:
            cells, n_labelled = merge_sparse([known.cells, cells]), n_labelled + known.n_labelled
        self._kept[profile_id] = FirstWindows(profile_id, cells, n_labelled)
        while len(self._kept) > self.KEPT:
            del self._kept[next(iter(self._kept))]

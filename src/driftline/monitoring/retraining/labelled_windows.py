"""Performance windows whose labels have come: what there is to train on, and to work proposals out on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.events.source import Kind, Offsets, merge_offsets
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.table import Table
from driftline.sketches.packed import Sparse
from driftline.sketches.scores import LABELLED, PREDICTED
from driftline.sketches.sparse import merge_sparse, pack, unpack_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.task import Task


class LabelledWindow(Struct, frozen=True, array_like=True):
    """A performance window that has matured, at its latest revision."""

    end_ms: int
    task: str
    cells: Sparse
    """Performance cells of the task."""
    n_predictions: int
    n_labelled: int
    offsets: dict[Kind, Offsets]
    flags: tuple[str, ...]


class LabelledWindows:
    """The matured windows of one model, of a span back from the newest.

    A window has matured once the fraction of its predictions that have a label is large enough to be tested
    (``labels.test_coverage``), or at its last revision: labels that come early are not like the others.

    Notes
    -----
    *State*: a sparse vector for each window, at most 2,000 of them.
    """

    def __init__(self, span_ms: int, test_coverage: float) -> None:
        self._span_ms = span_ms
        self._test_coverage = test_coverage
        self._windows = Table("labelled", int, LabelledWindow)
        self.tables: Tables = (self._windows,)

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, revision: PerformanceRevision, task: Task) -> None:
        """Take in a revision, and forget the windows that lie before the span."""
        n_predictions, n_labelled = (max(0, int(revision.vector[cell])) for cell in (PREDICTED, LABELLED))
        enough = n_labelled >= self._test_coverage * n_predictions or revision.final
        if n_labelled and (enough or revision.start_ms in self._windows):
            window = LabelledWindow(
                revision.end_ms,
                task_id(task),
                pack(revision.vector),
                n_predictions,
                n_labelled,
                {kind: dict(offsets) for kind, offsets in revision.offsets.items()},
                revision.flags,
            )
            self._windows.put(revision.start_ms, window)
        elif not n_labelled:
            self._windows.drop(revision.start_ms)  # its labels were taken back
        end_ms = self.end_ms
        if end_ms is not None:
            for start_ms in [start for start in self._windows if start < end_ms - self._span_ms]:
                self._windows.drop(start_ms)

    @property
    def end_ms(self) -> int | None:
        """End of the newest window; None where there is none."""
        return max((window.end_ms for window in self._windows.values()), default=None)

    def newest(self) -> tuple[int, LabelledWindow] | None:
        """Return the newest window, with its start; None where there is none."""
        return max(self._windows.items(), key=lambda item: item[0], default=None)

    def between(self, start_ms: int, end_ms: int) -> list[tuple[int, LabelledWindow]]:
        """Return the windows that lie within a span, with their starts, the oldest first."""
        items = sorted(self._windows.items())
        return [(start, window) for start, window in items if start >= start_ms and window.end_ms <= end_ms]

    def touching(self, start_ms: int, end_ms: int) -> list[LabelledWindow]:
        """Return the windows that have a part of a span, the oldest first."""
        items = sorted(self._windows.items())
        return [window for start, window in items if window.end_ms > start_ms and start < end_ms]


def summed(windows: Sequence[LabelledWindow], task: Task) -> NDArray[np.int64]:
    """Return the sum of the windows of a task, shape (task.performance_layout.n_cells,)."""
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    cells = [window.cells for window in windows if window.task == task_id(task)]
    if cells:
        unpack_into(merge_sparse(cells), vector)
    return vector


def offsets_of(windows: Sequence[LabelledWindow]) -> dict[Kind, Offsets]:
    """Return what encloses the records of the windows' predictions and labels on the input topics."""
    merged: dict[Kind, Offsets] = {}
    for window in windows:
        for kind, offsets in window.offsets.items():
            merge_offsets(merged.setdefault(kind, {}), offsets)
    return merged


def flags_of(windows: Sequence[LabelledWindow]) -> frozenset[str]:
    """Return what is to be said of any of the windows."""
    return frozenset(flag for window in windows for flag in window.flags)

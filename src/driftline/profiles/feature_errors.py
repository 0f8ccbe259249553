"""Errors of the reference's labelled rows by group of its most important features, to compare later errors with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from msgspec import Struct

from driftline.profiles.error_spread import SpreadOfMetric, spread_between
from driftline.profiles.task import NO_TIME
from driftline.sketches.feature_errors import N_CELLS, N_CODES, feature_cells, packed_codes
from driftline.sketches.joined import CHUNK, errors_of
from driftline.sketches.packed import Sparse  # a struct's fields are read at run time
from driftline.sketches.scores import ERROR_LIMIT
from driftline.sketches.sparse import pack, unpack_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.profiles.feature_groups import FeatureGroups
    from driftline.profiles.task import Task
    from driftline.sketches.joined import LabelledPairs

OF_CLASSES: Final = 0.5
"""A wrong class has the error 1."""
LARGE: Final = 0.8
"""Quantile of the reference's absolute errors beyond which an error of a regression is large."""


class Bins(Protocol):
    """The bins of n rows by column."""

    def __getitem__(self, column: int, /) -> NDArray[np.integer]:
        """Return those of one column, shape (n,), below 0 where there is no value."""


class FeatureErrors(Struct, frozen=True, array_like=True):
    """Errors by group of a feature's value; the groups are those of the profile."""

    threshold: float
    """A prediction is wrong whose error is greater: 1 for a wrong class, the absolute error over the reference's spread
    of a regression."""
    cells: Sparse
    """Labelled rows, in the cells of :mod:`driftline.sketches.feature_errors`."""
    window_ms: int
    """Length of a performance window."""
    spreads: dict[int, SpreadOfMetric] = {}
    """How much the share of wrong predictions of a group varies between windows, by ``slot * N_CODES + code - 1``; of
    groups with labels in enough windows."""
    label_spreads: dict[int, SpreadOfMetric] = {}
    """The same of the share of labels of the positive class; of binary tasks."""

    def vector(self) -> NDArray[np.int64]:
        """Return the labelled rows by cell, shape (N_CELLS,)."""
        cells = np.zeros(N_CELLS, dtype=np.int64)
        unpack_into(self.cells, cells)
        return cells


def feature_errors(
    task: Task,
    pairs: LabelledPairs,
    groups: Sequence[FeatureGroups],
    bins: Bins,
    times_ms: NDArray[np.int64] | None,
    window_ms: int,
) -> FeatureErrors | None:
    """Return the errors of labelled rows by group; None without features or such rows, and where labels have weights.

    Parameters
    ----------
    task : Task
    pairs : LabelledPairs
        Of n rows; not-a-number where one has no prediction or no label.
    groups : sequence of FeatureGroups
    bins : sequence of ndarray of int, each of shape (n,)
        Bins of the profile's k columns, below 0 where there is no value.
    times_ms : ndarray of int64, shape (n,), optional
        ``NO_TIME`` where a row has none.
    window_ms : int
        Length of a performance window.
    """
    kept = np.isfinite(pairs.predicted)
    kept &= np.isfinite(pairs.actual)
    if task.classes:
        kept &= pairs.actual < len(task.classes)
    if not kept.any() or not groups or task.weighted:
        return None
    rows = slice(None) if kept.all() else np.flatnonzero(kept)
    chosen = pairs.rows(rows)
    positive = positives(task, chosen.actual)
    errors = np.minimum(errors_of(task.performance_layout, chosen), ERROR_LIMIT)
    threshold = OF_CLASSES if task.classes else float(np.quantile(errors, LARGE, method="lower"))
    wrong = errors > threshold
    del chosen, errors
    cells = np.zeros(N_CELLS, dtype=np.int64)
    found: tuple[dict[int, SpreadOfMetric], dict[int, SpreadOfMetric]] = ({}, {})
    marks = (wrong, positive) if task.kind == "binary" else (wrong,)
    for slot, each in enumerate(groups):
        codes = coded(each, bins[each.place][rows]).astype(np.uint8)
        _count(slot, codes, wrong, positive, cells)
        if times_ms is not None:
            for spreads, marked in zip(found, marks, strict=False):
                spreads.update(_spreads(slot, codes, marked, times_ms[rows], window_ms))
    return FeatureErrors(threshold, pack(cells), window_ms, *found)


def _count(
    slot: int, codes: NDArray[np.uint8], wrong: NDArray[np.bool_], positive: NDArray[np.bool_], cells: NDArray[np.int64]
) -> None:
    """Add the codes of one feature to the cells."""
    for start in range(0, codes.size, CHUNK):
        part = slice(start, start + CHUNK)
        of_slots = np.zeros((slot + 1, codes[part].size), dtype=np.uint64)
        of_slots[slot] = codes[part]
        _, found = feature_cells(packed_codes(of_slots), wrong[part], positive[part])
        cells += np.bincount(found, minlength=N_CELLS)


def words_of(groups: Sequence[FeatureGroups], bins: Bins) -> NDArray[np.uint64]:
    """Return the packed codes of n rows, shape (n,), from the bins of the profile's columns."""
    return packed_codes(np.array([coded(each, bins[each.place]) for each in groups], dtype=np.uint64))


def coded(groups: FeatureGroups, bins: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Return the codes of a feature's values, shape (n,), from their bins, which are below 0 where there is none."""
    codes: NDArray[np.uint64] = np.where(bins < 0, np.uint64(1), groups.codes[np.maximum(bins, 0)])
    return codes


def positives(task: Task, actual: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of n labels are of the positive class, shape (n,); none but in binary tasks."""
    return np.equal(actual, 1) if task.kind == "binary" else np.zeros(actual.size, dtype=np.bool_)


def _spreads(
    slot: int, codes: NDArray[np.uint8], marked: NDArray[np.bool_], times_ms: NDArray[np.int64], window_ms: int
) -> dict[int, SpreadOfMetric]:
    found = {}
    for code in range(1, N_CODES + 1):
        members = (times_ms != NO_TIME) & (codes == code)
        spread = spread_between(marked[members].astype(np.float64), times_ms[members] // window_ms)
        if spread is not None:
            found[slot * N_CODES + code - 1] = spread
    return found

"""Estimate sketches: what an estimator says of each event, added up in whole numbers, and merged by addition.

An estimated value v (a probability, or a loss in units of the reference's spread) is kept as Σv and Σv², both in units
of 2⁻²⁴, by the row that the event stands in: its predicted class, or the one row of a regression. Beside them are
counts, such as the joint counts of predicted class and score bin.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.packed import PackedEstimates
from driftline.sketches.scores import LOGIT_LIMIT, SCORE_BINS
from driftline.sketches.sparse import pack_cells, unpack_into

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VALUE_SCALE: Final = float(1 << 24)
"""Units of a value, and of its square."""
VALUE_LIMIT: Final = 256.0
"""Losses are clipped here. Sums of one window fit in 64 bits up to 2²³ events that are all clipped."""
LOSS_BLOCKS: Final = 16
"""Groups of expected loss in which the events of a regression are counted."""


@dataclass(frozen=True, slots=True)
class EstimateLayout:
    """Where sums and counts of estimates stand."""

    n_rows: int
    """Predicted classes, or 1 for a regression."""
    n_values: int
    """Values of an event: the probability of the positive class, of each of several classes, or one loss each."""
    n_cells: int
    """Kinds that the events of a row are counted by."""

    @property
    def n_sums(self) -> int:
        """Length of the vector of sums: Σv and Σv² of each value, row by row."""
        return self.n_rows * self.n_values * 2

    @property
    def left_out(self) -> int:
        """The count cell of events that nothing was estimated of; the last one."""
        return self.n_rows * self.n_cells

    @property
    def n_counts(self) -> int:
        """Length of the vector of counts."""
        return self.left_out + 1


BINARY: Final = EstimateLayout(2, 1, SCORE_BINS)
"""Of a binary task: the probability of the positive class, by predicted class; joint counts with the score's bin."""


def multiclass_layout(n_classes: int) -> EstimateLayout:
    """Return the layout of a task of several classes: each class's probability, by predicted class."""
    return EstimateLayout(n_classes, n_classes, 1)


def loss_layout(n_losses: int) -> EstimateLayout:
    """Return the layout of a regression: its losses, each with counts by groups of expected loss."""
    return EstimateLayout(1, n_losses, n_losses * LOSS_BLOCKS)


class EventEstimates(NamedTuple):
    """What an estimator says of n events."""

    rows: NDArray[np.int64]
    """The row of each event, shape (n,); -1 where nothing can be estimated."""
    values: NDArray[np.float64]
    """At least 0, shape (layout.n_values, n); anything where the row is -1."""
    cells: NDArray[np.int64]
    """Kinds within its row that the event is counted by, shape (k, n)."""


def count_estimates(
    layout: EstimateLayout, evaluated: EventEstimates, slots: NDArray[np.int64]
) -> Iterator[tuple[int, PackedEstimates]]:
    """Yield the slots that hold events, ascending, with what is estimated of their events.

    Notes
    -----
    *Cost*: two sorts of n whole numbers; nothing is as long as slots times cells.
    """
    if not slots.size:
        return
    counts = _by_slot(*_counted(layout, evaluated, slots), layout.n_counts)
    sums = _by_slot(*_summed(layout, evaluated, slots), layout.n_sums)
    for slot in np.unique(slots).tolist():
        yield slot, PackedEstimates(pack_cells(*sums.get(slot, _NOTHING)), pack_cells(*counts[slot]))


_Cells = tuple["NDArray[np.int64]", "NDArray[np.int64]"]
_NOTHING: Final[_Cells] = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def _counted(layout: EstimateLayout, evaluated: EventEstimates, slots: NDArray[np.int64]) -> _Cells:
    """Return the keys (slot times length and cell) of what was counted, ascending, and how often."""
    estimated = evaluated.rows >= 0
    cells = np.where(estimated, evaluated.rows * layout.n_cells + evaluated.cells, layout.left_out)
    if cells.shape[0] > 1:
        cells[1:, ~estimated] = -1  # counted once as left out
    keys = (slots * layout.n_counts + cells)[cells >= 0]
    present, n_present = np.unique(keys, return_counts=True)
    return present, n_present


def _summed(layout: EstimateLayout, evaluated: EventEstimates, slots: NDArray[np.int64]) -> _Cells:
    """Return the keys of the sums, ascending, and the sums."""
    rows = np.flatnonzero(evaluated.rows >= 0)
    if not rows.size:
        return _NOTHING
    group = slots[rows] * layout.n_rows + evaluated.rows[rows]
    order = np.argsort(group, kind="stable")
    group, rows = group[order], rows[order]
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    values = np.clip(evaluated.values[:, rows], 0.0, VALUE_LIMIT)
    units = np.rint(values * VALUE_SCALE).astype(np.int64)
    squares = np.rint(values * values * VALUE_SCALE).astype(np.int64)
    sums = np.stack([np.add.reduceat(units, starts, axis=1), np.add.reduceat(squares, starts, axis=1)])
    per_row = layout.n_values * 2
    keys = group[starts][:, None] * per_row + np.arange(per_row)
    return keys.ravel(), sums.transpose(2, 1, 0).ravel()


def _by_slot(keys: NDArray[np.int64], values: NDArray[np.int64], length: int) -> dict[int, _Cells]:
    """Return cells and values of each slot that has any; keys ascend."""
    slots = keys // length
    present, starts = np.unique(slots, return_index=True)
    bounds = [*starts.tolist(), keys.size]
    parts = (slice(start, stop) for start, stop in itertools.pairwise(bounds))
    return {
        slot: (keys[part] - slot * length, values[part]) for slot, part in zip(present.tolist(), parts, strict=True)
    }


class EstimateTotals(NamedTuple):
    """Estimates of a set of events, unpacked."""

    sums: NDArray[np.int64]
    """Σv and Σv², in units of 2⁻²⁴, shape (layout.n_rows, layout.n_values, 2)."""
    counts: NDArray[np.int64]
    """By row and kind, shape (layout.n_rows, layout.n_cells)."""
    n_left_out: int


def unpack_estimates(layout: EstimateLayout, packed: PackedEstimates) -> EstimateTotals:
    """Return packed estimates as arrays."""
    sums, counts = np.zeros(layout.n_sums, dtype=np.int64), np.zeros(layout.n_counts, dtype=np.int64)
    unpack_into(packed.sums, sums)
    unpack_into(packed.counts, counts)
    return EstimateTotals(
        sums.reshape(layout.n_rows, layout.n_values, 2),
        counts[: layout.left_out].reshape(layout.n_rows, layout.n_cells),
        int(counts[layout.left_out]),
    )


def score_middles() -> NDArray[np.float64]:
    """Return a score of each bin of :mod:`driftline.sketches.scores`: in the middle of its logits, shape (SCORE_BINS,).

    Examples
    --------
    >>> from driftline.sketches.scores import score_bin
    >>> bool((score_bin(score_middles()) == np.arange(SCORE_BINS)).all())
    True
    """
    inner = SCORE_BINS - 2
    logits = LOGIT_LIMIT * (2 * (np.arange(inner) + 0.5) / inner - 1)
    return np.concatenate([[0.0], 1.0 / (1.0 + np.exp(-logits)), [1.0]])

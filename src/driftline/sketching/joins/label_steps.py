"""What labels do to predictions one after the other: each step replaces what counted before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketching.joins.join_entry import NULL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.profile_table import ProfileTable


class LabelSteps(NamedTuple):
    """Labels that changed something, n of them; those of one prediction behind each other, in their order."""

    rows: NDArray[np.int64]
    """Which labels they are, shape (n,)."""
    owner: NDArray[np.int64]
    """Which prediction each belongs to, shape (n,)."""
    effective_ms: NDArray[np.int64]
    """The greatest effective time so far of the prediction's joins, shape (n,)."""
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    """What counts now, as ``before`` is what counted, shape (n,); not-a-number where no label did."""
    weights_before: NDArray[np.int32]
    """Weight of the label that counted, shape (n,)."""
    first: NDArray[np.bool_]
    """Whether the prediction had no label before, shape (n,)."""
    n_unusable: int
    """Labels that could not be compared."""
    n_repeated: int
    """Labels that changed nothing."""

    def apply(self, records: NDArray[np.void], weights: NDArray[np.int32]) -> NDArray[np.int64]:
        """Write the last state of each prediction; return which predictions changed."""
        ends = np.append(np.flatnonzero(np.diff(self.owner)), self.owner.size - 1)
        changed: NDArray[np.int64] = self.owner[ends]
        records["joined_ms"][changed] = self.effective_ms[ends]
        records["actual"][changed] = self.after[ends]
        records["weight"][changed] = weights[ends]
        records["n_labels"][changed] += np.diff(ends, prepend=-1).astype(np.int32)
        return changed


def label_steps(
    records: NDArray[np.void],
    owner: NDArray[np.int64],
    labels: NDArray[np.void],
    codes: NDArray[np.float64],
    table: ProfileTable,
) -> LabelSteps:
    """Return what labels change, each after those before it.

    ``owner`` says which record each of m labels, in the order of their offsets, belongs to; ``codes`` are the labels as
    class codes or standardised values, not-a-number where they are neither.
    """
    usable = np.flatnonzero((labels["kind"] == NULL) | ~np.isnan(codes))
    rows = usable[np.argsort(owner[usable], kind="stable")]
    owners = owner[rows]
    starts = np.diff(owners, prepend=-1) != 0
    before, weights = _previous(records, owners, starts, codes[rows], labels["weight"][rows])
    same = (codes[rows] == before) & (labels["weight"][rows] == weights)
    ignored = same | np.isnan(codes[rows]) & np.isnan(before)
    first_counts = table.keeps_first[records["profile"][owners]]
    if first_counts.any():
        ignored |= _ignored_where_first_counts(records, owners, codes[rows], first_counts)
    kept = ~ignored
    n_repeated = int(ignored.sum())
    rows, owners = rows[kept], owners[kept]
    starts = np.diff(owners, prepend=-1) != 0
    after = codes[rows]
    before, weights = _previous(records, owners, starts, after, labels["weight"][rows])
    first = starts & (records["n_labels"][owners] == 0) & ~np.isnan(after)
    effective = np.maximum(labels["effective_ms"][rows], np.where(starts, records["joined_ms"][owners], 0))
    _running_maxima(effective, np.flatnonzero(starts))
    return LabelSteps(rows, owners, effective, before, after, weights, first, owner.size - usable.size, n_repeated)


def _previous(
    records: NDArray[np.void],
    owners: NDArray[np.int64],
    starts: NDArray[np.bool_],
    codes: NDArray[np.float64],
    weights: NDArray[np.int32],
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return what counted before each label, and its weight."""
    before, weight = np.roll(codes, 1), np.roll(weights, 1)
    before[starts] = records["actual"][owners[starts]]
    weight[starts] = records["weight"][owners[starts]]
    return before, weight


def _ignored_where_first_counts(
    records: NDArray[np.void], owners: NDArray[np.int64], codes: NDArray[np.float64], concerned: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which labels come to predictions that have one, where only the first counts."""
    ignored = np.zeros(owners.size, dtype=np.bool_)
    state: dict[int, float] = {}
    for row in np.flatnonzero(concerned).tolist():
        owner, code = int(owners[row]), float(codes[row])
        current = state.get(owner)
        if current is None:
            current = float(records["actual"][owner])
        ignored[row] = math.isnan(current) == math.isnan(code)
        state[owner] = current if ignored[row] else code
    return ignored


def _running_maxima(values: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
    """Replace values, in place, by the greatest so far of their run."""
    ends = np.append(starts[1:], values.size)
    for start, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        np.maximum.accumulate(values[start:end], out=values[start:end])

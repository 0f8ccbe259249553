"""Which prediction a label belongs to, where an id was used more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.pipeline.joining.join_counter import ProfileTable
    from driftline.pipeline.joining.joiner import LabelRow


def owners(
    records: NDArray[np.void],
    ends: NDArray[np.int64],
    mine: NDArray[np.int64],
    labels: list[LabelRow],
    table: ProfileTable,
) -> NDArray[np.int64]:
    """Return which record each label belongs to, or -1: the first with its id that it can be of.

    Parameters
    ----------
    records : ndarray of PREDICTION
        The predictions of all ids, one id after the other, of each the oldest first.
    ends : ndarray of int64, one per id
        Where its predictions end.
    mine : ndarray of int64, one per label
        Its id.
    labels : list of LabelRow
    table : ProfileTable

    Notes
    -----
    *Cost*: one round for each prediction that the id used most often has.
    """
    time = np.array([label.time_ms for label in labels], dtype=np.int64)
    effective = np.array([label.effective_ms for label in labels], dtype=np.int64)
    last_label = records["time_ms"] + table.horizon_ms[records["profile"]]
    first_label = records["effective_ms"] - table.wait_ms[records["profile"]]
    owner = np.full(mine.size, -1, dtype=np.int64)
    at, stop = np.append(0, ends)[mine], ends[mine]
    rows = np.flatnonzero(at < stop)
    while rows.size:
        fits = (effective[rows] <= last_label[at[rows]]) & (first_label[at[rows]] <= time[rows])
        owner[rows[fits]] = at[rows[fits]]
        rows = rows[~fits]
        at[rows] += 1
        rows = rows[at[rows] < stop[rows]]
    return owner

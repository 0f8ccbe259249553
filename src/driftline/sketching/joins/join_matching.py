"""Which predictions a label belongs to, where an id was used more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.pending import RecordsById


class Matches(NamedTuple):
    """Rows of labels and of the predictions that they belong to: of each model key one at most; both of shape (m,)."""

    labels: NDArray[np.int64]
    records: NDArray[np.int64]


def matches(by_id: RecordsById, owner: NDArray[np.int64], labels: NDArray[np.void], table: ProfileTable) -> Matches:
    """Return the predictions of each label: of each model key the first with its id that it can be of.

    ``by_id`` has the predictions of all ids, of each the oldest first; ``owner`` the id of each of n labels.

    Notes
    -----
    *Cost*: one round for each prediction that the id used most often has.
    """
    records = by_id.records
    last_label = records["time_ms"] + table.horizon_ms[records["profile"]]
    first_label = records["effective_ms"] - table.wait_ms[records["profile"]]
    models = table.models[records["profile"]]
    at, stop = by_id.starts[owner], by_id.ends[owner]
    rows = np.flatnonzero(at < stop)
    pairs: list[Matches] = []
    matched: set[tuple[int, int]] = set()  # labels with the models of which they have a prediction
    while rows.size:
        there = at[rows]
        fits = (labels["effective_ms"][rows] <= last_label[there]) & (first_label[there] <= labels["time_ms"][rows])
        later = rows[there + 1 < stop[rows]]
        if matched:
            free = [pair not in matched for pair in zip(rows.tolist(), models[there].tolist(), strict=True)]
            fits &= np.array(free, dtype=np.bool_)
        new = Matches(rows[fits], there[fits])
        if later.size:
            matched.update(zip(new.labels.tolist(), models[new.records].tolist(), strict=True))
        pairs.append(new)
        at[later] += 1
        rows = later
    if len(pairs) == 1:
        return pairs[0]
    if not pairs:
        return Matches(rows, rows)
    return Matches(np.concatenate([pair.labels for pair in pairs]), np.concatenate([pair.records for pair in pairs]))

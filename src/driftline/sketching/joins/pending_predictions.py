"""Predictions that a label may still be for, and which predictions repeat one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketching.joins.join_entry import GIVEN_BYTES, PREDICTION, UNLABELLED
from driftline.sketching.joins.waiting.pending import RecordKind, RecordsById, Truncation, bucket_ms, taken, together

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.join_entry import JoinRows
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.digests import Digests, UniqueDigests
    from driftline.sketching.joins.waiting.pending import PendingStores


def _without_label(records: NDArray[np.void]) -> NDArray[np.bool_]:
    plain: NDArray[np.bool_] = records["n_labels"] == 0
    return plain


def _not_joined(records: NDArray[np.void]) -> None:
    records["joined_ms"] = np.where(records["n_labels"] == 0, records["effective_ms"], records["joined_ms"])


_UNTIL_LABELLED: Final = Truncation(GIVEN_BYTES, UNLABELLED, _without_label, _not_joined)


class PendingPredictions:
    """The predictions of one partition, joined or not, until their horizon and the wait of their labels are over.

    ``order`` are the fields by which the predictions of an id are put in order, the last one first.
    """

    def __init__(self, table: ProfileTable, stores: PendingStores, order: tuple[str, ...]) -> None:
        self._table = table
        self._order = order
        kind = RecordKind(
            "predictions", PREDICTION, self._until_ms, bucket_ms(table.longest_horizon_ms), _UNTIL_LABELLED
        )
        self.store = stores.open(kind)

    def __len__(self) -> int:
        """Return the number of committed ids."""
        return len(self.store)

    def _until_ms(self, records: NDArray[np.void]) -> NDArray[np.int64]:
        """Return the last moment at which a label can be for each prediction."""
        times: NDArray[np.int64] = records["time_ms"] + self._table.horizon_ms[records["profile"]]
        return times

    def get(self, digests: Digests) -> RecordsById:
        """Return the predictions of different ids, those of each in the order in which they came."""
        by_id = self.store.get(digests)
        if by_id.records.size <= 1 or (by_id.counts <= 1).all():
            return by_id
        order = np.lexsort([*(by_id.records[name] for name in self._order), by_id.owners])
        return RecordsById(taken(by_id.records, order), by_id.ends)

    def put(self, digests: Digests, by_id: RecordsById, changed: NDArray[np.int64]) -> None:
        """Write back what :meth:`get` returned of ids; labels have changed some of its records in place."""
        if changed.size == by_id.records.size == by_id.ends.size:
            self.store.put(digests, by_id.records, by_id.ends)
        elif changed.size:
            ids = np.unique(np.searchsorted(by_id.ends, changed, side="right"))
            self.store.put(digests[ids], *by_id.chosen(ids))

    def add(self, ids: UniqueDigests, rows: JoinRows) -> NDArray[np.bool_]:
        """Remember predictions; return which are new, and not duplicates of others, shape (n,)."""
        records, by_id = rows.records, self.get(ids.digests)
        if len(ids.digests) == records.size and not by_id.records.size:
            self.store.put(rows.digests, records, np.arange(1, records.size + 1))
            return np.ones(records.size, dtype=np.bool_)
        new = self._new(by_id, ids.place, records)
        self._append(ids.digests, by_id, ids.place[new], taken(records, new))
        return new

    def expire(self, predictions_ms: int, labels_ms: int) -> int:
        """Drop what neither topic needs any more, given their watermarks; return how many entries it was.

        No label can be for a prediction whose horizon is over. But those that it has met wait on, and would meet the
        next prediction with its id if it were not there any more.
        """
        return self.store.expire(min(predictions_ms - self._table.longest_wait_ms, labels_ms))

    def _new(self, by_id: RecordsById, place: NDArray[np.int64], records: NDArray[np.void]) -> NDArray[np.bool_]:
        """Return which predictions are new: a model's own last one with the id is more than a horizon away, or none."""
        models, until_ms = self._table.models, self._until_ms(records)
        new = np.ones(records.size, dtype=np.bool_)
        n_rows = np.bincount(place, minlength=by_id.ends.size)
        affected = np.flatnonzero((n_rows[place] > 1) | (by_id.counts > 0)[place])
        earlier = np.flatnonzero(np.isin(by_id.owners, place[affected]))
        of_earlier = (by_id.owners, models[by_id.records["profile"]], self._until_ms(by_id.records))
        last = {
            (owner, model): until
            for owner, model, until in zip(*(column[earlier].tolist() for column in of_earlier), strict=True)
        }
        of_affected = (place, models[records["profile"]], until_ms, records["effective_ms"])
        rows = zip(affected.tolist(), *(column[affected].tolist() for column in of_affected), strict=True)
        for row, owner, model, until, effective_ms in rows:
            if effective_ms <= last.get((owner, model), effective_ms - 1):
                new[row] = False
            else:
                last[owner, model] = until
        return new

    def _append(
        self, digests: Digests, by_id: RecordsById, place: NDArray[np.int64], records: NDArray[np.void]
    ) -> None:
        """Write what ids had before and what comes to them."""
        if not place.size:
            return
        owner = np.append(by_id.owners, place)
        ids = np.unique(place)
        every = together([by_id.records, records])
        order = np.argsort(owner, kind="stable")
        order = order[np.isin(owner[order], ids)]
        ends = np.cumsum(np.bincount(owner[order], minlength=by_id.ends.size)[ids])
        self.store.put(digests[ids], taken(every, order), ends)

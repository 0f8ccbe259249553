"""Labels that a prediction may still come for, and labels for which none came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketching.joins.join_entry import LABEL, JoinRows
from driftline.sketching.joins.waiting.digests import sorting, unique_digests
from driftline.sketching.joins.waiting.pending import RecordKind, RecordsById, bucket_ms, taken, together

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.digests import Digests
    from driftline.sketching.joins.waiting.pending import PendingStore, PendingStores

MAX_WAITING: Final = 1_000
"""Labels of one id that wait for a prediction; an id with more is none, and what follows are orphans."""


class EarlyLabels(NamedTuple):
    """Labels that came before a prediction of their id, n of them of m ids, in the order in which they came."""

    ids: Digests
    owner: NDArray[np.int64]
    """Which of the ids each label is of, shape (n,)."""
    rows: JoinRows
    waits: NDArray[np.bool_]
    """Which of them have had no prediction yet, shape (n,)."""
    waiting: RecordsById
    """These, as the store has them."""


class PendingLabels:
    """The labels of one partition, until their wait is over.

    ``waiting`` are labels without a prediction yet; ``answered`` labels that have one, and may come to have those of
    other models. ``order`` are the fields by which the labels of an id are put in order, the last one first.
    """

    def __init__(self, table: ProfileTable, stores: PendingStores, order: tuple[str, ...]) -> None:
        self._order = order
        self._wait_ms = table.longest_wait_ms
        self._bucket_ms = bucket_ms(self._wait_ms)
        self.waiting, self.answered = (
            stores.open(RecordKind(name, LABEL, self._until_ms, self._bucket_ms)) for name in ("labels", "answered")
        )

    def _until_ms(self, records: NDArray[np.void]) -> NDArray[np.int64]:
        times: NDArray[np.int64] = records["time_ms"] + self._wait_ms
        return times

    def add_waiting(self, labels: JoinRows) -> NDArray[np.void]:
        """Remember labels without a prediction; return those that are too many of one id."""
        return _add(self.waiting, labels)

    def add_answered(self, labels: JoinRows) -> None:
        """Remember labels that have a prediction."""
        _add(self.answered, labels)

    def early(self, digests: Digests) -> EarlyLabels | None:
        """Return the labels of different ids of which a prediction came; None where there are none."""
        stores = (self.waiting, self.answered)
        counts = sum(store.get(digests).counts for store in stores)
        ids = digests.take(np.flatnonzero(counts), axis=0)
        if not len(ids):
            return None
        waiting, answered = (store.get(ids) for store in stores)
        owner = np.concatenate([waiting.owners, answered.owners])
        rows = JoinRows(ids.take(owner, axis=0), together([waiting.records, answered.records]))
        order = np.lexsort([rows.records[name] for name in self._order])
        return EarlyLabels(ids, owner[order], rows.chosen(order), order < waiting.records.size, waiting)

    def answer(self, early: EarlyLabels, labels: NDArray[np.int64]) -> None:
        """Note which of the early labels have met a prediction."""
        met = np.zeros(early.owner.size, dtype=np.bool_)
        met[labels] = True
        if (met & early.waits).any():
            self.waiting.remove(early.ids, early.waiting)
            self.add_waiting(early.rows.chosen(~met & early.waits))
            self.add_answered(early.rows.chosen(met & early.waits))

    def given_up_ms(self, orphans: NDArray[np.void]) -> NDArray[np.int64]:
        """Return when the wait of n labels was over, or when they came, where that is later, shape (n,)."""
        over = self._until_ms(orphans)
        times: NDArray[np.int64] = np.maximum(over - over % self._bucket_ms + self._bucket_ms, orphans["effective_ms"])
        return times

    def expire(self, before_ms: int) -> int:
        """Drop labels whose wait is over; return how many entries they were."""
        return self.waiting.expire(before_ms) + self.answered.expire(before_ms)

    def commit(self) -> None:
        """Keep what was written since the last commit."""
        self.waiting.commit()
        self.answered.commit()

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self.waiting.rollback()
        self.answered.rollback()


def _add(store: PendingStore, labels: JoinRows) -> NDArray[np.void]:
    """Write labels beside those that their ids have; return those that are too many of one id."""
    if not labels.records.size:
        return labels.records
    order = sorting(labels.digests)
    ids = unique_digests(labels.digests.take(order, axis=0))
    by_id = store.get(ids.digests)
    owner = np.append(by_id.owners, ids.place)
    every = together([by_id.records, taken(labels.records, order)])
    by_owner = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=by_id.ends.size)
    too_many = by_owner[:0]
    if (counts > MAX_WAITING).any():
        rank = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
        too_many = by_owner[rank >= MAX_WAITING]
        by_owner, counts = by_owner[rank < MAX_WAITING], np.minimum(counts, MAX_WAITING)
    store.put(ids.digests, taken(every, by_owner), np.cumsum(counts))
    return taken(every, too_many)

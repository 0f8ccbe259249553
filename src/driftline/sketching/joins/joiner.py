"""The join: labels meet their predictions, in whatever order and however late they come.

What a join adds is a function of the prediction and of its labels in the order of their offsets, never of when either
was read. The rules:

* A label counts for the prediction with its id, of each model key, if its effective time is at most ``horizon`` after
  the prediction, and the prediction's effective time at most ``wait`` after the label. The effective time is the
  event's own, or the watermark of its partition when it came, where that is later.
* The first label adds its pair; each later one that says something else takes the pair before out and puts its own in;
  a null label only takes out. Where the first label is to count, later ones count only after a null one. The
  contribution belongs to the pane of the greatest effective time so far.
* A prediction with an id that its model had before, within the horizon, is a duplicate: counted, and without effect on
  the join.
* A label whose prediction has not come when its wait is over is an orphan, counted in the pane of that moment. One that
  has met the prediction of one model still waits for those of others.

Where predictions and labels were repartitioned, those of one id may stem from several partitions, whose offsets say
nothing of each other: their order is then that of effective time, partition and offset, in which they are to be given.

Records are kept, joined or not, until both topics' watermarks have passed the horizon, so that all of this can be told.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.source import Source
from driftline.sketches.joined import LabelledPairs
from driftline.sketching.joins.counting.join_counter import Address, Uncounted
from driftline.sketching.joins.join_batch import JoinRows
from driftline.sketching.joins.join_entry import GIVEN_BYTES, LABEL, PREDICTION, UNLABELLED
from driftline.sketching.joins.join_matching import Matches, matches
from driftline.sketching.joins.join_totals import JoinTotals
from driftline.sketching.joins.label_steps import label_steps
from driftline.sketching.joins.label_values import codes_of
from driftline.sketching.joins.routing import ROUTED
from driftline.sketching.joins.waiting.digests import distinct, sorting
from driftline.sketching.joins.waiting.pending import Held, Kept, Truncation
from driftline.sketching.joins.waiting.record_arrays import taken, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.sketching.joins.counting.join_counter import JoinCounter
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.digests import Digests
    from driftline.sketching.joins.waiting.pending import PendingStore, PendingStores

MAX_WAITING: Final = 1_000
"""Labels of one id that wait for a prediction; an id with more is none, and what follows are orphans."""
EXPIRY_BUCKETS: Final = 16
"""Records go in so many parts of the horizon or the wait: they stay at most a sixteenth longer than they are needed."""
SHORTEST_BUCKET_MS: Final = 1_000
"""Of expiry, however short the horizon or the wait."""


def _as_it_came(records: NDArray[np.void]) -> NDArray[np.bool_]:
    plain: NDArray[np.bool_] = records["n_labels"] == 0
    return plain


def _not_joined(records: NDArray[np.void]) -> None:
    records["joined_ms"] = np.where(records["n_labels"] == 0, records["effective_ms"], records["joined_ms"])


_UNTIL_LABELLED: Final = Truncation(GIVEN_BYTES, UNLABELLED, _as_it_came, _not_joined)


def _bucket_ms(kept_ms: int) -> int:
    return max(SHORTEST_BUCKET_MS, kept_ms // EXPIRY_BUCKETS)


class Joiner:
    """The join of one partition of predictions with the same partition of labels.

    Parameters
    ----------
    partition : int
        Of both; :data:`driftline.sketching.joins.routing.ROUTED` where offsets tell partitions apart.
    table : ProfileTable
    counter : JoinCounter
        Takes what joins add.
    stores : PendingStores
        Of this partition.

    Attributes
    ----------
    predictions, labels, answered : PendingStore
        Predictions; labels without one yet; labels that have one, and may come to have those of other models.
    totals : JoinTotals
        Of what was committed since they were last taken.
    """

    def __init__(self, partition: int, table: ProfileTable, counter: JoinCounter, stores: PendingStores) -> None:
        self._from_predictions = Source("predictions", partition)
        self._from_labels = Source("labels", partition)
        self._in_order_of = ("offset", "effective_ms") if partition == ROUTED else ("offset",)
        self._table = table
        self._counter: JoinCounter | Uncounted = counter
        self._stores = stores
        horizon_ms, wait_ms = table.longest_horizon_ms, table.longest_wait_ms
        self.predictions = stores.open(
            Kept("predictions", PREDICTION, self._expires_ms, _bucket_ms(horizon_ms), _UNTIL_LABELLED)
        )
        self._bucket_ms = _bucket_ms(wait_ms)
        self.labels, self.answered = (
            stores.open(Kept(name, LABEL, lambda records: records["time_ms"] + wait_ms, self._bucket_ms))
            for name in ("labels", "answered")
        )
        self._tally = dict.fromkeys(JoinTotals._fields, 0)
        self.totals = JoinTotals()

    def _expires_ms(self, records: NDArray[np.void]) -> NDArray[np.int64]:
        times: NDArray[np.int64] = records["time_ms"] + self._table.horizon_ms[records["profile"]]
        return times

    # --- predictions --------------------------------------------------------------------------------------------------

    def add_predictions(self, rows: JoinRows) -> None:
        """Remember predictions, and join them with labels that came before."""
        if not rows.records.size:
            return
        ids = distinct(rows.digests)
        held = self._oldest_first(self.predictions.get(ids.digests))
        if len(ids.digests) == rows.records.size and not held.records.size:
            fresh = np.ones(rows.records.size, dtype=np.bool_)
            self.predictions.put(rows.digests, rows.records, np.arange(1, rows.records.size + 1))
        else:
            fresh = self._tell_apart(held, ids.place, rows.records)
            self._append(ids.digests, held, ids.place[fresh], taken(rows.records, fresh))
        records = rows.records
        at = Address(
            records["profile"].astype(np.int64),
            records["effective_ms"],
            records["time_ms"],
            self._from_predictions,
            records["offset"],
            records["segments"],
        )
        new = np.flatnonzero(fresh)
        self._counter.predicted(at.rows(new), records["predicted"][new], records["score"][new])
        self._counter.duplicated(at.rows(np.flatnonzero(~fresh)))
        self._tally["duplicates"] += int((~fresh).sum())
        self._meet_labels(ids.digests, records["offset"][new])

    def _tell_apart(self, held: Held, mine: NDArray[np.int64], records: NDArray[np.void]) -> NDArray[np.bool_]:
        """Return which predictions are new: a model's own last one with the id is more than a horizon away, or none."""
        models, horizons = self._table.models, self._table.horizon_ms
        fresh = np.ones(records.size, dtype=np.bool_)
        n_rows = np.bincount(mine, minlength=held.ends.size)
        affected = np.flatnonzero((n_rows[mine] > 1) | (held.ends > held.starts)[mine])
        starts, ends = held.starts.tolist(), held.ends.tolist()
        last: dict[tuple[int, int], int] = {}
        for owner in np.unique(mine[affected]).tolist():
            for known in held.records[starts[owner] : ends[owner]]:
                profile = int(known["profile"])
                last[owner, int(models[profile])] = int(known["time_ms"] + horizons[profile])
        columns = (affected, mine[affected], models[records["profile"][affected]], records["effective_ms"][affected])
        until = (records["time_ms"] + horizons[records["profile"]])[affected]
        for row, owner, model, effective_ms, until_ms in zip(*(c.tolist() for c in (*columns, until)), strict=True):
            if effective_ms <= last.get((owner, model), effective_ms - 1):
                fresh[row] = False
            else:
                last[owner, model] = until_ms
        return fresh

    def _append(self, digests: Digests, held: Held, mine: NDArray[np.int64], records: NDArray[np.void]) -> None:
        """Write what ids held and what comes to them."""
        if not mine.size:
            return
        n_held = held.ends - held.starts
        owner = np.append(np.repeat(np.arange(n_held.size), n_held), mine)
        touched = np.unique(mine)
        every = together([held.records, records])
        order = np.argsort(owner, kind="stable")
        order = order[np.isin(owner[order], touched)]
        ends = np.cumsum(np.bincount(owner[order], minlength=n_held.size)[touched])
        self.predictions.put(digests[touched], taken(every, order), ends)

    def _meet_labels(self, digests: Digests, offsets: NDArray[np.int64]) -> None:
        """Join new predictions with labels that came before them, in the order in which those came.

        Parameters
        ----------
        digests : ndarray of uint64, shape (n, 2)
        offsets : ndarray of int64
            Of the new predictions with these ids: older ones have met the labels.
        """
        stores = (self.labels, self.answered)
        n_held = [np.diff(store.get(digests).ends, prepend=0) for store in stores]
        digests = digests.take(np.flatnonzero(sum(n_held)), axis=0)
        if not len(digests):
            return
        waiting, answered = (store.get(digests) for store in stores)
        owner = np.concatenate([_owners(waiting), _owners(answered)])
        rows = JoinRows(digests.take(owner, axis=0), together([waiting.records, answered.records]))
        order = np.lexsort([rows.records[name] for name in self._in_order_of])
        rows, owner, waits = rows.chosen(order), owner[order], order < waiting.records.size
        held = self._oldest_first(self.predictions.get(digests))
        found = matches(held, owner, rows.records, self._table)
        new = np.isin(held.records["offset"][found.records], offsets)
        self._apply(digests, held, Matches(found.labels[new], found.records[new]), rows.records)
        met = np.zeros(owner.size, dtype=np.bool_)
        met[found.labels] = True
        if (met & waits).any():
            self.labels.remove(digests, waiting)
            self._keep(self.labels, rows.chosen(~met & waits))
            self._keep(self.answered, rows.chosen(met & waits))

    # --- labels -------------------------------------------------------------------------------------------------------

    def add_labels(self, rows: JoinRows) -> None:
        """Join labels with their predictions; keep those that have none yet."""
        if not rows.records.size:
            return
        ids = distinct(rows.digests)
        held = self._oldest_first(self.predictions.get(ids.digests))
        found = matches(held, ids.place, rows.records, self._table)
        alone = np.ones(rows.records.size, dtype=np.bool_)
        alone[found.labels] = False
        self._tally["waiting"] += int(alone.sum())
        self._orphan(self._keep(self.labels, rows.chosen(alone)))
        self._keep(self.answered, rows.chosen(~alone))
        self._apply(ids.digests, held, found, rows.records)

    def _apply(self, digests: Digests, held: Held, found: Matches, labels: NDArray[np.void]) -> None:
        """Join labels with the predictions found for them, and write those that changed."""
        if not found.labels.size:
            return
        changed = self._join(held.records, found.records, taken(labels, found.labels))
        touched = np.unique(np.searchsorted(held.ends, changed, side="right"))
        if touched.size == held.ends.size:
            self.predictions.put(digests, held.records, held.ends)
        elif touched.size:
            counts = (held.ends - held.starts)[touched]
            part = np.isin(_owners(held), touched)
            self.predictions.put(digests[touched], taken(held.records, part), np.cumsum(counts))

    def _keep(self, store: PendingStore, labels: JoinRows) -> NDArray[np.void]:
        """Remember labels until their wait is over; return those that are too many of one id."""
        if not labels.records.size:
            return labels.records
        order = sorting(labels.digests)
        ids = distinct(labels.digests.take(order, axis=0))
        held = store.get(ids.digests)
        owner = np.append(_owners(held), ids.place)
        every = together([held.records, taken(labels.records, order)])
        by_owner = np.argsort(owner, kind="stable")
        counts = np.bincount(owner, minlength=held.ends.size)
        too_many = by_owner[:0]
        if (counts > MAX_WAITING).any():
            rank = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
            too_many = by_owner[rank >= MAX_WAITING]
            by_owner, counts = by_owner[rank < MAX_WAITING], np.minimum(counts, MAX_WAITING)
        store.put(ids.digests, taken(every, by_owner), np.cumsum(counts))
        return taken(every, too_many)

    def _join(self, records: NDArray[np.void], owner: NDArray[np.int64], labels: NDArray[np.void]) -> NDArray[np.int64]:
        """Apply labels to predictions, in place; return which predictions changed.

        Parameters
        ----------
        records : ndarray of PREDICTION
        owner : ndarray of int64, shape (n,)
            Which record each label belongs to.
        labels : ndarray of LABEL, shape (n,)
            In the order of their offsets.
        """
        codes = self._codes(records["profile"][owner], labels)
        steps = label_steps(records, owner, labels, codes, self._table)
        self._tally["unusable"] += steps.n_unusable
        self._tally["repeated"] += steps.n_repeated
        if not steps.rows.size:
            return steps.rows
        chosen, used = taken(records, steps.owner), taken(labels, steps.rows)
        profiles = chosen["profile"].astype(np.int64)
        at = Address(
            profiles, steps.effective_ms, chosen["time_ms"], self._from_labels, used["offset"], chosen["segments"]
        )
        self._emit(at, chosen, steps.before, steps.weights_before, -1, steps.first)
        self._emit(at, chosen, steps.after, used["weight"], 1, steps.first)
        gone = np.isnan(steps.after)
        self._tally["joined"] += int(steps.first.sum())
        self._tally["retracted"] += int(gone.sum())
        self._tally["corrected"] += int((~steps.first & ~gone).sum())
        return steps.apply(records, used["weight"])

    def _emit(
        self,
        at: Address,
        records: NDArray[np.void],
        actual: NDArray[np.float64],
        weights: NDArray[np.int32],
        sign: int,
        first: NDArray[np.bool_],
    ) -> None:
        """Count the pairs that there are: a label that is not-a-number stands for none."""
        rows = np.flatnonzero(~np.isnan(actual))
        signs = np.full(rows.size, sign, dtype=np.int64)
        weight = weights[rows].astype(np.int64)
        pairs = LabelledPairs(records["predicted"][rows], actual[rows], records["score"][rows], signs, weight)
        self._counter.joined(at.rows(rows), pairs, first[rows])

    def _codes(self, profiles: NDArray[np.int32], labels: NDArray[np.void]) -> NDArray[np.float64]:
        """Return labels as class codes or standardised values, by the profile of their prediction."""
        values: NDArray[np.float64] = np.empty(labels.size)
        for profile in np.unique(profiles).tolist():
            rows = np.flatnonzero(profiles == profile)
            task = self._table.profiles[profile].task
            values[rows] = codes_of(task, labels["kind"][rows], labels["value"][rows])
        return values

    # --- the end of a flush -------------------------------------------------------------------------------------------

    def count_orphans(self, predictions_ms: int | None) -> None:
        """Count labels whose prediction can no longer come, which the next commit drops."""
        if predictions_ms is None:
            return
        self._orphan(self.labels.expiring(predictions_ms))

    def _orphan(self, orphans: NDArray[np.void]) -> None:
        """Count labels in the pane in which their wait is over, or in which they came, where that is later."""
        if not orphans.size:
            return
        over = orphans["time_ms"] + self._table.longest_wait_ms
        over = over - over % self._bucket_ms + self._bucket_ms
        self._counter.orphaned(np.maximum(over, orphans["effective_ms"]), orphans["offset"], self._from_labels)
        self._tally["orphaned"] += orphans.size

    def commit(
        self,
        next_offset: int | None,
        predictions_ms: int | None,
        labels_ms: int | None,
        resume: bytes | None = None,
    ) -> None:
        """Keep what was written since the last commit, and drop what no later event can meet.

        Parameters
        ----------
        next_offset : int or None
            Of the changelog, behind what was written; None where nothing was.
        predictions_ms, labels_ms : int or None
            Both topics' watermarks.
        resume : bytes, optional
            What the stores are to keep for whoever opens them next.
        """
        self.predictions.commit()
        self.labels.commit()
        self.answered.commit()
        if predictions_ms is not None:
            self.labels.expire(predictions_ms)
            self.answered.expire(predictions_ms)
            if labels_ms is not None:
                self._tally["expired"] += self.predictions.expire(min(predictions_ms, labels_ms))
        self._stores.commit(next_offset, resume)
        self.totals = JoinTotals(**{name: getattr(self.totals, name) + n for name, n in self._tally.items()})
        self._tally = dict.fromkeys(self._tally, 0)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Take in, meanwhile, what the changelog says was taken in and counted before."""
        counter, self._counter = self._counter, Uncounted()
        try:
            yield
        finally:
            self._counter = counter

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self.predictions.rollback()
        self.labels.rollback()
        self.answered.rollback()
        self._tally = dict.fromkeys(self._tally, 0)

    def restored(
        self, next_offset: int, predictions_ms: int | None, labels_ms: int | None, resume: bytes | None = None
    ) -> None:
        """Keep what the changelog said, of which everything was counted before."""
        self._tally = dict.fromkeys(self._tally, 0)
        self.commit(next_offset, predictions_ms, labels_ms, resume)
        self.totals = JoinTotals()

    def take_totals(self) -> JoinTotals:
        """Return what became of labels and predictions since the last call."""
        taken, self.totals = self.totals, JoinTotals()
        return taken

    def close(self) -> None:
        """Let go of the stores."""
        self._stores.close()

    def _oldest_first(self, held: Held) -> Held:
        """Return records with those of each id in the order in which they came."""
        if held.records.size <= 1 or (held.ends - held.starts <= 1).all():
            return held
        owner = _owners(held)
        order = np.lexsort([*(held.records[name] for name in self._in_order_of), owner])
        return Held(taken(held.records, order), held.ends)


def _owners(held: Held) -> NDArray[np.int64]:
    """Return which id each record is of."""
    return np.repeat(np.arange(held.ends.size), held.ends - held.starts)

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

Predictions are kept, joined or not, until both topics' watermarks have passed the horizon, and that of predictions the
wait as well: a label may have met a prediction at the end of its horizon, and must not meet the next one with its id.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.events.source import Source
from driftline.panes.counting.contributions import Address, UnknownLabels
from driftline.panes.counting.origins import ROUTED
from driftline.sketches.joined import LabelledPairs
from driftline.sketching.joins.counting.join_counter import Uncounted
from driftline.sketching.joins.join_matching import Matches, matches
from driftline.sketching.joins.label_steps import label_steps
from driftline.sketching.joins.label_values import codes_of, label_names, raw_of
from driftline.sketching.joins.pending_labels import PendingLabels
from driftline.sketching.joins.pending_predictions import PendingPredictions
from driftline.sketching.joins.waiting.digests import unique_digests
from driftline.sketching.joins.waiting.pending import taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.sketching.joins.counting.join_counter import JoinCounter
    from driftline.sketching.joins.join_entry import JoinRows
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.digests import Digests
    from driftline.sketching.joins.waiting.pending import PendingStores, RecordsById


class JoinTotals(NamedTuple):
    """What became of labels and predictions; for telemetry."""

    joined: int = 0
    """Labels that were the first of a prediction; the next three are labels of predictions that had one."""
    corrected: int = 0
    retracted: int = 0
    repeated: int = 0
    duplicates: int = 0
    """Predictions whose id had been seen."""
    waiting: int = 0
    """Labels that came before their prediction."""
    orphaned: int = 0
    """Those of them that waited in vain."""
    unusable: int = 0
    """Labels that are neither a class nor a number that their prediction could be compared with."""
    expired: int = 0
    """Predictions that were kept long enough, labelled or not."""


class Joiner:
    """The join of one partition of predictions with the same partition of labels.

    The partition is :data:`driftline.panes.counting.origins.ROUTED` where offsets tell partitions apart; the counter
    takes what joins add.
    """

    def __init__(self, partition: int, table: ProfileTable, counter: JoinCounter, stores: PendingStores) -> None:
        self._from_predictions = Source("predictions", partition)
        self._from_labels = Source("labels", partition)
        self._table = table
        self._counter: JoinCounter | Uncounted = counter
        self._stores = stores
        order = ("offset", "effective_ms") if partition == ROUTED else ("offset",)
        self.predictions = PendingPredictions(table, stores, order)
        self.labels = PendingLabels(table, stores, order)
        self._totals: Counter[str] = Counter()
        self._committed_totals: Counter[str] = Counter()
        self._n_expired = 0

    @property
    def next_offset(self) -> int:
        """Of the changelog: what stands there and behind it the stores do not hold."""
        return self._stores.next_offset

    # --- predictions --------------------------------------------------------------------------------------------------

    def add_predictions(self, rows: JoinRows) -> None:
        """Remember predictions, and join them with labels that came before."""
        if not rows.records.size:
            return
        rows = rows.by_digest()
        records, ids = rows.records, unique_digests(rows.digests)
        new = self.predictions.add(ids, rows)
        at = Address(
            records["profile"].astype(np.int64),
            records["effective_ms"],
            records["time_ms"],
            self._from_predictions,
            records["offset"],
            records["segments"],
        )
        first, repeated = np.flatnonzero(new), np.flatnonzero(~new)
        self._counter.predicted(at.rows(first), records["predicted"][first], records["score"][first])
        self._counter.duplicated(at.rows(repeated))
        self._totals["duplicates"] += repeated.size
        self._meet_labels(ids.digests, records["offset"][first])

    def _meet_labels(self, digests: Digests, offsets: NDArray[np.int64]) -> None:
        """Join new predictions with labels that came before them, in the order in which those came.

        ``offsets`` are those of the new predictions with these ids: older ones have met the labels.
        """
        early = self.labels.early(digests)
        if early is None:
            return
        predictions = self.predictions.get(early.ids)
        pairs = matches(predictions, early.owner, early.rows.records, self._table)
        new = np.isin(predictions.records["offset"][pairs.records], offsets)
        self._apply(early.ids, predictions, Matches(pairs.labels[new], pairs.records[new]), early.rows.records)
        self.labels.answer(early, pairs.labels)

    # --- labels -------------------------------------------------------------------------------------------------------

    def add_labels(self, rows: JoinRows) -> None:
        """Join labels with their predictions; keep those that have none yet."""
        if not rows.records.size:
            return
        rows = rows.by_digest()
        ids = unique_digests(rows.digests)
        predictions = self.predictions.get(ids.digests)
        pairs = matches(predictions, ids.place, rows.records, self._table)
        alone = np.ones(rows.records.size, dtype=np.bool_)
        alone[pairs.labels] = False
        self._totals["waiting"] += int(alone.sum())
        self._orphan(self.labels.add_waiting(rows.chosen(alone)))
        self.labels.add_answered(rows.chosen(~alone))
        self._apply(ids.digests, predictions, pairs, rows.records)

    def _apply(self, digests: Digests, predictions: RecordsById, pairs: Matches, labels: NDArray[np.void]) -> None:
        """Join labels with their predictions, and write those that changed."""
        if pairs.labels.size:
            changed = self._join(predictions.records, pairs.records, taken(labels, pairs.labels))
            self.predictions.put(digests, predictions, changed)

    def _join(self, records: NDArray[np.void], owner: NDArray[np.int64], labels: NDArray[np.void]) -> NDArray[np.int64]:
        """Apply labels to predictions, in place; return which predictions changed.

        ``owner`` says which record each label belongs to; labels are in the order of their offsets.
        """
        codes = self._codes(records, owner, labels)
        steps = label_steps(records, owner, labels, codes, self._table)
        self._totals["unusable"] += steps.n_unusable
        self._totals["repeated"] += steps.n_repeated
        if not steps.rows.size:
            return steps.rows
        chosen, used = taken(records, steps.owner), taken(labels, steps.rows)
        profiles = chosen["profile"].astype(np.int64)
        at = Address(
            profiles, steps.effective_ms, chosen["time_ms"], self._from_labels, used["offset"], chosen["segments"]
        )
        self._emit(at, chosen, steps.before, steps.weights_before, -1, steps.first)
        self._emit(at, chosen, steps.after, used["weight"], 1, steps.first)
        unknown = np.flatnonzero(self._table.may_be_unknown(profiles, steps.after))
        if unknown.size:
            which, names = label_names(used["kind"][unknown], used["value"][unknown])
            self._counter.unknown(UnknownLabels(at.rows(unknown), steps.after[unknown], which, names))
        without = np.isnan(steps.after)
        self._totals["joined"] += int(steps.first.sum())
        self._totals["retracted"] += int(without.sum())
        self._totals["corrected"] += int((~steps.first & ~without).sum())
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
        self._counter.joined(at.rows(rows), pairs, first[rows], records["groups"][rows])

    def _codes(
        self, records: NDArray[np.void], owner: NDArray[np.int64], labels: NDArray[np.void]
    ) -> NDArray[np.float64]:
        """Return labels as class codes or standardised values, by the profile of their prediction; raw without one."""
        profiles = records["profile"][owner]
        values: NDArray[np.float64] = np.empty(labels.size)
        for profile in np.unique(profiles).tolist():
            rows = np.flatnonzero(profiles == profile)
            known, names = self._table.profiles[profile], self._table.class_names[profile]
            kinds, bits = labels["kind"][rows], labels["value"][rows]
            if known is not None:
                values[rows] = codes_of(known.task, names, kinds, bits)
                continue
            of_row = taken(records, owner[rows])
            values[rows] = raw_of(kinds, bits, self._table.are_regressions(profile, of_row))
        return values

    # --- the end of a flush -------------------------------------------------------------------------------------------

    def count_orphans(self, predictions_ms: int | None) -> None:
        """Count labels whose prediction can no longer come, which the next commit drops."""
        if predictions_ms is not None:
            self._orphan(self.labels.waiting.expiring(predictions_ms))

    def _orphan(self, orphans: NDArray[np.void]) -> None:
        """Count labels in the pane in which their wait is over, or in which they came, where that is later."""
        if orphans.size:
            self._counter.orphaned(self.labels.given_up_ms(orphans), orphans["offset"], self._from_labels)
            self._totals["orphaned"] += orphans.size

    def commit(
        self,
        next_offset: int | None,
        predictions_ms: int | None,
        labels_ms: int | None,
        resume: bytes | None = None,
    ) -> None:
        """Keep what was written since the last commit, and drop what no later event can meet.

        ``next_offset`` is that of the changelog behind what was written, None where nothing was; ``resume`` is what the
        stores are to keep for whoever opens them next.
        """
        self.predictions.store.commit()
        self.labels.commit()
        if predictions_ms is not None:
            self._n_expired += self.labels.expire(predictions_ms)
            if labels_ms is not None:
                self._totals["expired"] += self.predictions.expire(predictions_ms, labels_ms)
                self._n_expired += self._totals["expired"]
        self._stores.commit(next_offset, resume)
        self._committed_totals += self._totals
        self._totals.clear()

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
        self.predictions.store.rollback()
        self.labels.rollback()
        self._totals.clear()

    def restored(
        self, next_offset: int, predictions_ms: int | None, labels_ms: int | None, resume: bytes | None = None
    ) -> None:
        """Keep what the changelog said, of which everything was counted before."""
        self.commit(next_offset, predictions_ms, labels_ms, resume)
        self._committed_totals.clear()
        self._n_expired = 0

    def take_totals(self) -> JoinTotals:
        """Return what became of labels and predictions in the commits since the last call."""
        totals = JoinTotals(**self._committed_totals)
        self._committed_totals.clear()
        return totals

    def take_expired(self) -> int:
        """Return how many entries of the stores expired since the last call: predictions, and labels of either kind."""
        n_expired, self._n_expired = self._n_expired, 0
        return n_expired

    def close(self) -> None:
        """Let go of the stores."""
        self._stores.close()

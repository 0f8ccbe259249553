"""The join: labels meet their predictions, in whatever order and however late they come.

What a join adds is a function of the prediction and of its labels in the order of their offsets, never of when either
was read. The rules:

* A label counts for the prediction with its id if its effective time is at most ``horizon`` after the prediction, and
  the prediction's effective time at most ``wait`` after the label. The effective time is the event's own, or the
  watermark of its partition when it came, where that is later.
* The first label adds its pair; each later one takes the pair before out and puts its own in; a null label only takes
  out. The contribution belongs to the pane of the greatest effective time so far.
* A prediction with an id seen before, within the horizon, is a duplicate: counted, and without effect on the join.

Entries are kept, joined or not, until both topics' watermarks have passed the horizon, so that all of this can be told.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from driftline.events.pane import Source
from driftline.events.prediction import ClassOrNumber
from driftline.pipeline.join_counter import Address, JoinCounter, ProfileTable
from driftline.pipeline.join_entry import PREDICTION, unpack
from driftline.sketches.joined import Joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.pipeline.pending import PendingStore


class PredictionRows(NamedTuple):
    """Predictions of one source partition, n of them, in the order of their offsets; ``records`` is of PREDICTION."""

    ids: list[str]
    records: NDArray[np.void]

    def chosen(self, rows: Sequence[int]) -> PredictionRows:
        """Return some of the rows."""
        return PredictionRows([self.ids[row] for row in rows], self.records[list(rows)])


class LabelRow(Struct, frozen=True, array_like=True):
    """One label, as it waits for its prediction."""

    time_ms: int
    effective_ms: int
    offset: int
    label: ClassOrNumber | None


class LabelRows(NamedTuple):
    """Labels of one source partition, n of them, in the order of their offsets."""

    ids: list[str]
    rows: list[LabelRow]


class JoinTotals(NamedTuple):
    """What became of labels and predictions since the process started; for telemetry."""

    joined: int
    corrected: int
    duplicates: int
    waiting: int
    unusable: int


_WAITING: Final = msgspec.msgpack.Decoder(list[LabelRow])
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class Joiner:
    """The join of one partition of predictions with the same partition of labels.

    Parameters
    ----------
    partition : int
    table : ProfileTable
    counter : JoinCounter
        Takes what joins add.
    entries, waiting : PendingStore
        Predictions, and labels without one yet.
    """

    def __init__(
        self, partition: int, table: ProfileTable, counter: JoinCounter, entries: PendingStore, waiting: PendingStore
    ) -> None:
        self._predictions = Source("predictions", partition)
        self._labels = Source("labels", partition)
        self._table = table
        self._counter = counter
        self.entries = entries
        self.waiting = waiting
        self._tally = dict.fromkeys(JoinTotals._fields, 0)

    @property
    def totals(self) -> JoinTotals:
        """What became of labels and predictions so far."""
        return JoinTotals(**self._tally)

    def add_predictions(self, rows: PredictionRows) -> None:
        """Remember predictions, and join them with labels that came before."""
        for chosen in _rounds(rows.ids):
            self._add_distinct_predictions(rows if len(chosen) == len(rows.ids) else rows.chosen(chosen))

    def add_labels(self, rows: LabelRows) -> None:
        """Join labels with their predictions; keep those that have none yet."""
        for chosen in _rounds(rows.ids):
            self._add_distinct_labels([rows.ids[row] for row in chosen], [rows.rows[row] for row in chosen])

    def commit(self) -> None:
        """Keep what was written since the last commit."""
        self.entries.commit()
        self.waiting.commit()

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self.entries.rollback()
        self.waiting.rollback()

    def expire(self, predictions_ms: int | None, labels_ms: int | None) -> tuple[int, int]:
        """Drop what no later event can meet, by both topics' watermarks; return how many entries and labels."""
        if predictions_ms is None:
            return 0, 0
        orphans = self.waiting.expire(predictions_ms)
        return (0 if labels_ms is None else self.entries.expire(min(predictions_ms, labels_ms))), orphans

    def _add_distinct_predictions(self, rows: PredictionRows) -> None:
        known = self.entries.get_many(rows.ids)
        records = rows.records
        profiles = records["profile"].astype(np.int64)
        expires = records["time_ms"] + self._table.horizon_ms[profiles]
        fresh = [row for row, entry in enumerate(known) if entry is None]
        values = _slices(records[fresh] if len(fresh) < len(known) else records)
        stored, written, expiries = fresh, values, expires[fresh].tolist()
        duplicates = []
        if len(fresh) < len(known):
            stored = list(fresh)
            for row, entry in enumerate(known):
                if entry is None:
                    continue
                last = unpack(entry)[-1]
                if records["effective_ms"][row] <= last.time_ms + self._table.horizon_ms[last.profile]:
                    duplicates.append(row)
                else:
                    stored.append(row)
                    written.append(entry + records[row].tobytes())
                    expiries.append(max(int(expires[row]), self._expiry(entry)))
        self.entries.put_many([rows.ids[row] for row in stored], written, expiries)
        at = Address(profiles, records["effective_ms"], records["time_ms"], self._predictions, records["offset"])
        self._counter.predicted(at.rows(np.array(stored, dtype=np.int64)))
        self._counter.duplicated(at.rows(np.array(duplicates, dtype=np.int64)))
        self._tally["duplicates"] += len(duplicates)
        self._meet_waiting([rows.ids[row] for row in stored])

    def _meet_waiting(self, ids: list[str]) -> None:
        """Give labels that came before their prediction another chance, in the order in which they came."""
        met = [(key, value) for key, value in zip(ids, self.waiting.get_many(ids), strict=True) if value is not None]
        if not met:
            return
        self.waiting.delete_many([key for key, _ in met])
        labels = [(key, row) for key, value in met for row in _WAITING.decode(value)]
        self.add_labels(LabelRows([key for key, _ in labels], [row for _, row in labels]))

    def _add_distinct_labels(self, ids: list[str], labels: list[LabelRow]) -> None:
        found = self.entries.get_many(ids)
        hits, kept, positions = [], [], []
        for row, (value, label) in enumerate(zip(found, labels, strict=True)):
            position = None if value is None else self._generation(value, label)
            if value is None or position is None:
                self._keep_waiting(ids[row], label)
                continue
            hits.append(row)
            positions.append(position)
            kept.append(value[position : position + PREDICTION.itemsize])
        if not hits:
            return
        records = np.frombuffer(b"".join(kept), dtype=PREDICTION).copy()
        usable = self._join(records, [labels[row] for row in hits])
        packed = _slices(records)
        chosen = np.flatnonzero(usable).tolist()
        keys, values, expiries = [], [], []
        expires = records["time_ms"] + self._table.horizon_ms[records["profile"]]
        for i in chosen:
            whole, position = found[hits[i]] or b"", positions[i]
            keys.append(ids[hits[i]])
            values.append(whole[:position] + packed[i] + whole[position + PREDICTION.itemsize :])
            expiries.append(int(expires[i]) if len(whole) == PREDICTION.itemsize else self._expiry(values[-1]))
        self.entries.put_many(keys, values, expiries)

    def _generation(self, value: bytes, label: LabelRow) -> int | None:
        """Return where in an entry the prediction stands that a label belongs to, or None."""
        for i, entry in enumerate(unpack(value)):
            in_time = label.effective_ms <= entry.time_ms + self._table.horizon_ms[entry.profile]
            if in_time and entry.effective_ms <= label.time_ms + self._table.wait_ms[entry.profile]:
                return i * PREDICTION.itemsize
        return None

    def _expiry(self, value: bytes) -> int:
        """Return when no label can be in time for any prediction of an id; the newest may be a late one, and older."""
        return max(int(entry.time_ms + self._table.horizon_ms[entry.profile]) for entry in unpack(value))

    def _keep_waiting(self, key: str, label: LabelRow) -> None:
        (known,) = self.waiting.get_many([key])
        rows = [] if known is None else _WAITING.decode(known)
        self.waiting.put_many([key], [_ENCODE([*rows, label])], [label.time_ms + self._table.longest_wait_ms])
        self._tally["waiting"] += 1

    def _join(self, records: NDArray[np.void], labels: list[LabelRow]) -> NDArray[np.bool_]:
        """Apply one label to each record, in place; return which labels could be used."""
        actual = self._encode(records["profile"], [label.label for label in labels])
        retracted = np.fromiter((label.label is None for label in labels), np.bool_, len(labels))
        usable: NDArray[np.bool_] = retracted | ~np.isnan(actual)
        effective = np.maximum(records["joined_ms"], [label.effective_ms for label in labels])
        offsets = np.array([label.offset for label in labels], dtype=np.int64)
        had = ~np.isnan(records["actual"])
        at = Address(records["profile"].astype(np.int64), effective, records["time_ms"], self._labels, offsets)
        self._emit(at, records, records["actual"], -1, np.flatnonzero(usable & had))
        self._emit(at, records, actual, 1, np.flatnonzero(usable & ~retracted))
        first = records["n_labels"] == 0
        self._tally["joined"] += int((usable & first).sum())
        self._tally["corrected"] += int((usable & ~first).sum())
        self._tally["unusable"] += int((~usable).sum())
        records["joined_ms"][usable] = effective[usable]
        records["actual"][usable] = np.where(retracted, math.nan, actual)[usable]
        records["n_labels"][usable] += 1
        return usable

    def _emit(
        self, at: Address, records: NDArray[np.void], actual: NDArray[np.float64], sign: int, rows: NDArray[np.int64]
    ) -> None:
        signs = np.full(rows.size, sign, dtype=np.int64)
        chosen = records[rows]
        pairs = Joined(chosen["predicted"], actual[rows].copy(), chosen["score"], signs)
        self._counter.joined(at.rows(rows), pairs, chosen["n_labels"] == 0)

    def _encode(self, profiles: NDArray[np.int64], labels: list[ClassOrNumber | None]) -> NDArray[np.float64]:
        """Return labels as class codes or standardised values, by the profile of their prediction."""
        used = np.unique(profiles).tolist()
        if len(used) == 1:
            codes: NDArray[np.float64] = self._table.profiles[used[0]].task.encode(labels)
            return codes
        values: NDArray[np.float64] = np.empty(len(labels))
        for profile in used:
            rows = np.flatnonzero(profiles == profile)
            values[rows] = self._table.profiles[profile].task.encode([labels[row] for row in rows.tolist()])
        return values


def _slices(records: NDArray[np.void]) -> list[bytes]:
    """Return the bytes of each record."""
    data, size = records.tobytes(), PREDICTION.itemsize
    return [data[start : start + size] for start in range(0, len(data), size)]


def _rounds(ids: Sequence[str]) -> list[list[int]]:
    """Return rows in rounds of distinct ids, each id's rows in order; one round where no id repeats."""
    if len(set(ids)) == len(ids):
        return [list(range(len(ids)))] if ids else []
    seen: dict[str, int] = {}
    rounds: list[list[int]] = []
    for row, key in enumerate(ids):
        number = seen.get(key, 0)
        seen[key] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(row)
    return rounds

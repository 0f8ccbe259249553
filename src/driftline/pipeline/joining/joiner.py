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
from driftline.pipeline.joining.join_counter import Address, JoinCounter, ProfileTable
from driftline.pipeline.joining.join_entry import PREDICTION, unpack
from driftline.pipeline.joining.join_matching import owners
from driftline.sketches.joined import Joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.pipeline.joining.pending import PendingStore


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

    def chosen(self, rows: Sequence[int]) -> LabelRows:
        """Return some of the labels."""
        return LabelRows([self.ids[row] for row in rows], [self.rows[row] for row in rows])


class JoinTotals(NamedTuple):
    """What became of labels and predictions since the process started; for telemetry."""

    joined: int
    corrected: int
    duplicates: int
    waiting: int
    unusable: int


MAX_WAITING: Final = 1_000
"""Labels of one id that wait for their prediction; an id with more is none, and what follows is dropped."""
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
        if not rows.ids:
            return
        known = self.entries.get_many(rows.ids)
        records = rows.records
        stored, duplicates, written = self._sort_out(rows, known)
        profiles = records["profile"].astype(np.int64)
        if len(written) == len(rows.ids) and not any(known):
            expiries = (records["time_ms"] + self._table.horizon_ms[profiles]).tolist()
        else:
            expiries = [self._expiry(value) for value in written.values()]
        self.entries.put_many(list(written), list(written.values()), expiries)
        at = Address(profiles, records["effective_ms"], records["time_ms"], self._predictions, records["offset"])
        self._counter.predicted(at.rows(np.array(stored, dtype=np.int64)))
        self._counter.duplicated(at.rows(np.array(duplicates, dtype=np.int64)))
        self._tally["duplicates"] += len(duplicates)
        self._meet_waiting(list(written))

    def _sort_out(
        self, rows: PredictionRows, known: list[bytes | None]
    ) -> tuple[list[int], list[int], dict[str, bytes]]:
        """Return which rows are new, which are duplicates, and the entries to be written."""
        packed = _slices(rows.records)
        written = dict(zip(rows.ids, packed, strict=True))
        if len(written) == len(packed) and not any(known):
            return list(range(len(packed))), [], written
        written.clear()
        stored, duplicates = [], []
        horizons = self._table.horizon_ms
        for row, (key, effective_ms) in enumerate(zip(rows.ids, rows.records["effective_ms"].tolist(), strict=True)):
            before = written.get(key, known[row])
            if before is not None:
                last = unpack(before[-PREDICTION.itemsize :])[0]
                if effective_ms <= last.time_ms + horizons[last.profile]:
                    duplicates.append(row)
                    continue
            stored.append(row)
            written[key] = packed[row] if before is None else before + packed[row]
        return stored, duplicates, written

    def add_labels(self, rows: LabelRows) -> None:
        """Join labels with their predictions; keep those that have none yet."""
        keys = list(dict.fromkeys(rows.ids))
        entries = [value or b"" for value in self.entries.get_many(keys)]
        records = np.frombuffer(b"".join(entries), dtype=PREDICTION).copy()
        ends = np.cumsum([len(value) for value in entries], dtype=np.int64) // PREDICTION.itemsize
        if len(keys) == len(rows.ids):
            mine = np.arange(len(keys))
        else:
            index = {key: i for i, key in enumerate(keys)}
            mine = np.array([index[key] for key in rows.ids], dtype=np.int64)
        owner = owners(records, ends, mine, rows.rows, self._table)
        self._keep_waiting(rows.chosen(np.flatnonzero(owner < 0).tolist()))
        hits = np.flatnonzero(owner >= 0)
        if not hits.size:
            return
        self._join(records, owner[hits], [rows.rows[row] for row in hits.tolist()])
        written = np.unique(mine[hits])
        data, size = records.tobytes(), PREDICTION.itemsize
        stops, starts = ends[written], np.append(0, ends)[written]
        # No label can be in time for any prediction of an id any more; the newest may be a late one, and older.
        expiries = records["time_ms"] + self._table.horizon_ms[records["profile"]]
        bounds = np.stack([starts, stops], axis=1).ravel()
        latest = np.maximum.reduceat(np.append(expiries, 0), bounds)[::2]
        spans = zip((starts * size).tolist(), (stops * size).tolist(), strict=True)
        self.entries.put_many(
            [keys[i] for i in written.tolist()], [data[start:stop] for start, stop in spans], latest.tolist()
        )

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

    def _meet_waiting(self, ids: list[str]) -> None:
        """Give labels that came before their prediction another chance, in the order in which they came."""
        met = [(key, value) for key, value in zip(ids, self.waiting.get_many(ids), strict=True) if value is not None]
        if not met:
            return
        self.waiting.delete_many([key for key, _ in met])
        labels = [(key, row) for key, value in met for row in _WAITING.decode(value)]
        self.add_labels(LabelRows([key for key, _ in labels], [row for _, row in labels]))

    def _expiry(self, value: bytes) -> int:
        """Return when no label can be in time for any prediction of an id; the newest may be a late one, and older."""
        return max(int(entry.time_ms + self._table.horizon_ms[entry.profile]) for entry in unpack(value))

    def _keep_waiting(self, early: LabelRows) -> None:
        """Remember labels that have no prediction yet, behind those of the same id that wait already."""
        if not early.ids:
            return
        keys = list(dict.fromkeys(early.ids))
        before = self.waiting.get_many(keys)
        rows = {key: [] if known is None else _WAITING.decode(known) for key, known in zip(keys, before, strict=True)}
        for key, label in zip(early.ids, early.rows, strict=True):
            if len(rows[key]) < MAX_WAITING:
                rows[key].append(label)
        expiries = [max(row.time_ms for row in rows[key]) + self._table.longest_wait_ms for key in keys]
        self.waiting.put_many(keys, [_ENCODE(rows[key]) for key in keys], expiries)
        self._tally["waiting"] += len(early.ids)

    def _join(self, records: NDArray[np.void], owner: NDArray[np.int64], labels: list[LabelRow]) -> None:
        """Apply labels to predictions, in place: ``owner`` says which record each label belongs to, in their order."""
        codes = self._encode(records["profile"][owner], [label.label for label in labels])
        usable = [row for row, label in enumerate(labels) if label.label is None or not math.isnan(codes[row])]
        self._tally["unusable"] += len(labels) - len(usable)
        if not usable:
            return
        rows = np.array(usable, dtype=np.int64)
        rows = rows[np.argsort(owner[rows], kind="stable")]
        mine, actual = owner[rows], codes[rows]
        starts = np.flatnonzero(np.diff(mine, prepend=-1))
        ends = np.append(starts[1:], mine.size) - 1
        effective = np.array([labels[row].effective_ms for row in rows.tolist()], dtype=np.int64)
        effective[starts] = np.maximum(effective[starts], records["joined_ms"][mine[starts]])
        for start, end in zip(starts[ends > starts].tolist(), ends[ends > starts].tolist(), strict=True):
            np.maximum.accumulate(effective[start : end + 1], out=effective[start : end + 1])
        before = np.concatenate([[math.nan], actual[:-1]])
        before[starts] = records["actual"][mine[starts]]
        first = np.zeros(mine.size, dtype=np.bool_)
        first[starts] = records["n_labels"][mine[starts]] == 0
        offsets = np.array([labels[row].offset for row in rows.tolist()], dtype=np.int64)
        chosen = records[mine]
        at = Address(chosen["profile"].astype(np.int64), effective, chosen["time_ms"], self._labels, offsets)
        self._emit(at, chosen, before, -1, first)
        self._emit(at, chosen, actual, 1, first)
        self._tally["joined"] += int(first.sum())
        self._tally["corrected"] += int((~first).sum())
        records["joined_ms"][mine[ends]] = effective[ends]
        records["actual"][mine[ends]] = actual[ends]
        records["n_labels"][mine[ends]] += (ends - starts + 1).astype(np.int32)

    def _emit(
        self,
        at: Address,
        records: NDArray[np.void],
        actual: NDArray[np.float64],
        sign: int,
        first: NDArray[np.bool_],
    ) -> None:
        """Count the pairs that there are: a label that is not-a-number stands for none."""
        rows = np.flatnonzero(~np.isnan(actual))
        signs = np.full(rows.size, sign, dtype=np.int64)
        pairs = Joined(records["predicted"][rows], actual[rows], records["score"][rows], signs)
        self._counter.joined(at.rows(rows), pairs, first[rows])

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

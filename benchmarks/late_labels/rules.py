"""The join's rules on the traffic's own rows, one id after the other: what driftline must come to, told without it.

The rules are those of the documentation: a label counts for the first prediction with its id whose horizon it is within
and that came at most the wait after it; of several the last in the order of the partition counts; a prediction with an
id seen before within the horizon is a duplicate.
"""

from __future__ import annotations

from collections import Counter
from math import isnan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.late_labels.edges import HORIZON_MS, WAIT_MS
from benchmarks.late_labels.traffic import LATENESS_MS, edge_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.late_labels.traffic import Records, Traffic

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

    Row = tuple[int, int, int, float]
    """Row in the records, event time, effective time, value."""


class Counts(NamedTuple):
    """What became of all records.

    Attributes
    ----------
    predictions : int
        Told apart by id, within a horizon.
    duplicates : int
    joined : int
        Predictions to which a label with a value came in time.
    corrected, retracted, repeated : int
        Further labels of such predictions: that changed the value, took it back, or said nothing new; the latter also
        where there was nothing to take back.
    orphaned : int
        Labels that belong to no prediction.
    never : int
        Predictions whose horizon passed without a label that has a value.
    """

    predictions: int
    duplicates: int
    joined: int
    corrected: int
    retracted: int
    repeated: int
    orphaned: int
    never: int

    @property
    def stream(self) -> tuple[int, int, int]:
        """Predictions, labels that gave one a value, and orphans: what flush records say of the label stream."""
        return self.predictions, self.joined + self.corrected, self.orphaned


class Truth(NamedTuple):
    """What must come of the traffic.

    Attributes
    ----------
    counts : Counts
    stored : ndarray of int64, shape (s,)
        Rows of the predictions that are none of another's duplicates.
    actual : ndarray of float64, shape (s,)
        The label that counts in the end; not-a-number where none does.
    duplicates : ndarray of int64, shape (d,)
        Rows of the others.
    """

    counts: Counts
    stored: Ints
    actual: Floats
    duplicates: Ints


def truth(traffic: Traffic) -> Truth:
    """Return what must come of the traffic."""
    stored: list[int] = []
    actual: list[float] = []
    duplicates: list[int] = []
    tally = Counter[str]()
    labels = _by_number(traffic.labels, traffic)
    number, waiting = next(labels, (-1, []))
    for this, predictions in _by_number(traffic.predictions, traffic):
        while 0 <= number < this:
            tally["orphaned"] += len(waiting)
            number, waiting = next(labels, (-1, []))
        mine = _told_apart(predictions, duplicates)
        current: list[float | None] = [None] * len(mine)
        if number == this:
            had_value = [False] * len(mine)
            for label in waiting:
                tally[_take(label, mine, current, had_value)] += 1
            number, waiting = next(labels, (-1, []))
        stored += [row for row, *_ in mine]
        actual += [float("nan") if value is None else value for value in current]
    tally["orphaned"] += len(waiting) + sum(len(rest) for _, rest in labels)
    counts = Counts(
        predictions=len(stored),
        duplicates=len(duplicates),
        never=len(stored) - tally["joined"],
        **{name: tally[name] for name in ("joined", "corrected", "retracted", "repeated", "orphaned")},
    )
    return Truth(counts, np.array(stored), np.array(actual), np.array(duplicates))


def _take(label: Row, mine: list[Row], current: list[float | None], had_value: list[bool]) -> str:
    """Let a label change what counts for its prediction; return what it did."""
    owner = _owner(mine, label)
    if owner is None:
        return "orphaned"
    value = None if isnan(label[3]) else label[3]
    if value == current[owner]:
        return "repeated"
    current[owner] = value
    if value is None:
        return "retracted"
    first, had_value[owner] = not had_value[owner], True
    return "joined" if first else "corrected"


def check_edges(traffic: Traffic, found: Truth) -> None:
    """Hold the rules to what each edge case says by hand."""
    numbers = traffic.predictions.number[found.stored]
    for number, case in traffic.edges.items():
        actual = found.actual[numbers == number].tolist()
        wanted = [case.counts] + ([case.later_counts] if case.later_counts else [])
        right, model = float(traffic.actual[number]), int(traffic.model[number])
        values = [float("nan") if value is None else edge_value(value, right, model) for value in wanted]
        assert np.array_equal(actual, values, equal_nan=True), (case.name, actual, values)


def _told_apart(predictions: list[Row], duplicates: list[int]) -> list[Row]:
    mine = predictions[:1]
    for prediction in predictions[1:]:
        if prediction[2] <= mine[-1][1] + HORIZON_MS:
            duplicates.append(prediction[0])
        else:
            mine.append(prediction)
    return mine


def _owner(predictions: list[Row], label: Row) -> int | None:
    _, time_ms, effective_ms, _ = label
    for i, prediction in enumerate(predictions):
        if effective_ms <= prediction[1] + HORIZON_MS and prediction[2] <= time_ms + WAIT_MS:
            return i
    return None


def effective_ms(records: Records, traffic: Traffic) -> Ints:
    """Return the time of each record, or the watermark under which its partition took it, where that is later."""
    effective = records.time_ms.copy()
    partition = traffic.partition[records.number]
    for each in range(traffic.n_partitions):
        rows = np.flatnonzero(partition == each)
        watermark = np.maximum.accumulate(records.time_ms[rows]) - LATENESS_MS
        effective[rows] = np.maximum(records.time_ms[rows], watermark)
    return effective


def _by_number(records: Records, traffic: Traffic) -> Iterator[tuple[int, list[Row]]]:
    """Yield the rows of each number, in the order in which they are sent."""
    order = np.argsort(records.number, kind="stable")
    effective = effective_ms(records, traffic)
    columns = (order, records.time_ms[order], effective[order], records.value[order])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    numbers, sizes = np.unique(records.number, return_counts=True)
    for number, size in zip(numbers.tolist(), sizes.tolist(), strict=True):
        yield number, [next(rows) for _ in range(size)]

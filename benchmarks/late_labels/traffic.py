"""Predictions of a binary and a regression model over four months, and their labels: late, mended, repeated, missing.

The same size and seed give the same records with the same timestamps. Everything is kept in columns: five million
predictions and their labels take about 700 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.late_labels.edges import DAY, EDGE_CASES, HORIZON_MS, HOUR, WAIT_MS
from benchmarks.late_labels.ids import partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.late_labels.edges import EdgeCase, Value

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MINUTE: Final = 60_000
START_MS: Final = 1_735_689_600_000
"""2025-01-01T00:00:00Z."""
SPAN_MS: Final = 120 * DAY
LATENESS_MS: Final = 10 * MINUTE
CLOSING_MS: Final = START_MS + SPAN_MS + HORIZON_MS + 15 * DAY
"""Time of the last record of each partition of both topics: past the last revision of every window before it."""
NEVER_SHARE: Final = 0.05
CORRECTED_SHARE: Final = 0.02
DUPLICATE_SHARE: Final = 0.01
ORPHAN_SHARE: Final = 0.01
BEYOND_SHARE: Final = 0.01
"""Labels that come past the horizon."""
EARLY_SHARE: Final = 0.02
"""Labels that come before their prediction, a tenth of them by more than a label waits."""
BINARY, REGRESSION = 0, 1
DELAY_MS: Final = (1_000, HORIZON_MS - 2 * DAY)
"""First labels come so long after their prediction; what is mended comes within two further days."""
GAPS_MS: Final = (1, 500, MINUTE, 6 * HOUR, DAY)
"""How much later a record is sent again."""


class Records(NamedTuple):
    """Records of one topic in the order in which they are sent; n of them.

    Attributes
    ----------
    arrival_ms : ndarray of int64, shape (n,)
        The record's timestamp; ascending.
    time_ms : ndarray of int64, shape (n,)
        Event time.
    number : ndarray of int64, shape (n,)
        What the prediction id is made of.
    value : ndarray of float64, shape (n,)
        Of a prediction the score (binary; from 0.5 on the positive class is predicted) or the predicted number; of a
        label the truth, not-a-number where it is taken back.
    """

    arrival_ms: Ints
    time_ms: Ints
    number: Ints
    value: Floats

    def part(self, start: int, stop: int) -> Records:
        """Return the records of a slice."""
        return Records(self[0][start:stop], self[1][start:stop], self[2][start:stop], self[3][start:stop])

    @classmethod
    def in_order(cls, parts: list[Records]) -> Records:
        """Return all parts by the time of sending; those of one millisecond as they stand."""
        joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        return cls(*(column[order] for column in joined))


class Traffic(NamedTuple):
    """All records of both topics.

    Attributes
    ----------
    predictions, labels : Records
        The last ones, one in each partition, close every window.
    model, partition : ndarray of int64
        By number: ``BINARY`` or ``REGRESSION``; where records with that id go.
    actual : ndarray of float64, shape (n,)
        By number: what the first label says.
    edges : dict of int to EdgeCase
        By number.
    n_partitions : int
    """

    predictions: Records
    labels: Records
    model: Ints
    partition: Ints
    actual: Floats
    edges: dict[int, EdgeCase]
    n_partitions: int


class _Made(NamedTuple):
    """The predictions as they were made, by number."""

    time_ms: Ints
    model: Ints
    value: Floats
    actual: Floats
    delayed: Bools
    """Sent more than the lateness after it was made."""
    ordinary: Bools
    """No edge case."""


def model_rows(rng: np.random.Generator, n: int, drift: Floats | float = 0.0) -> tuple[Floats, Floats, Floats, Floats]:
    """Return scores and truth of a binary model, predictions and truth of a regression; ``drift`` makes both worse.

    Numbers have few digits, so that JSON holds exactly what is compared.
    """
    logit = rng.normal(-0.8, 1.6, n)
    score = np.round(1 / (1 + np.exp(-logit)), 6)
    happens = rng.random(n) < 1 / (1 + np.exp(-(1 - np.asarray(drift)) * 1.3 * logit))
    predicted = np.round(rng.normal(100.0, 25.0, n), 3)
    error = rng.normal(0.0, 8.0, n) * (1 + np.asarray(drift)) + 2 * np.asarray(drift)
    return score, happens.astype(np.float64), predicted, np.round(predicted + error, 3)


def make(n: int, n_partitions: int = 4, seed: int = 1) -> Traffic:
    """Return the traffic of ``n`` predictions."""
    rng = np.random.default_rng([seed, n])
    time_ms = START_MS + np.sort(rng.integers(0, SPAN_MS, n))
    score, happens, predicted, actual = model_rows(rng, n, (time_ms - START_MS) / SPAN_MS * 0.6)
    model = rng.integers(0, 2, n)
    binary = model == BINARY
    edges = dict(zip(np.linspace(0, n // 5, len(EDGE_CASES) + 2).astype(int)[1:-1].tolist(), EDGE_CASES, strict=True))
    ordinary = np.ones(n, dtype=np.bool_)
    ordinary[list(edges)] = False
    delayed = (rng.random(n) < 0.02) & ordinary
    truth, value = np.where(binary, happens, actual), np.where(binary, score, predicted)
    made = _Made(time_ms, model, value, truth, delayed, ordinary)
    predictions, labels = _predictions(rng, made), _labels(rng, made)
    n_orphans = int(ORPHAN_SHARE * n)
    times = START_MS + rng.integers(0, SPAN_MS + HORIZON_MS, n_orphans)
    sent = times + rng.integers(0, MINUTE, n_orphans)
    labels.append(Records(sent, times, n + np.arange(n_orphans), np.ones(n_orphans)))
    for number, case in edges.items():
        predictions += _again(number, case, made)
        labels += _edge_labels(number, case, made)
    partition = partitions(np.arange(n + n_orphans + 100 * n_partitions), n_partitions)
    spare = n + n_orphans + np.array([int(np.argmax(partition[n + n_orphans :] == p)) for p in range(n_partitions)])
    closing = Records(*(np.full(n_partitions, CLOSING_MS),) * 2, spare, np.ones(n_partitions))
    model = np.append(model, np.zeros(partition.size - n, dtype=np.int64))
    both = Records.in_order([*predictions, closing]), Records.in_order([*labels, closing])
    return Traffic(*both, model, partition, truth, edges, n_partitions)


def _predictions(rng: np.random.Generator, made: _Made) -> list[Records]:
    n = made.time_ms.size
    disorder = rng.exponential(20_000, n).astype(np.int64).clip(max=LATENESS_MS)
    disorder[made.delayed] = rng.integers(LATENESS_MS, 5 * HOUR, int(made.delayed.sum()))
    disorder[~made.ordinary] = 0
    first = Records(made.time_ms + disorder, made.time_ms, np.arange(n), made.value)
    rows = np.flatnonzero((rng.random(n) < DUPLICATE_SHARE) & made.ordinary)
    sent = first.arrival_ms[rows] + rng.choice(GAPS_MS, rows.size)
    value = np.where(rng.random(rows.size) < 0.2, 0.25, made.value[rows])
    return [first, Records(sent, made.time_ms[rows], rows, value)]


def _labels(rng: np.random.Generator, made: _Made) -> list[Records]:
    labelled = np.flatnonzero((rng.random(made.time_ms.size) >= NEVER_SHARE) & made.ordinary)
    n = labelled.size
    least, most = DELAY_MS
    delay = np.exp(rng.uniform(np.log(least), np.log(most), n)).astype(np.int64)
    slow = rng.random(n) < 0.5
    delay[slow] = rng.integers(least, most, int(slow.sum()))
    chance = rng.random(n)
    early = (chance < EARLY_SHARE) & ~made.delayed[labelled]
    delay[early] = -rng.integers(0, WAIT_MS - HOUR, int(early.sum()))
    too_early = early & (chance < EARLY_SHARE / 10)
    delay[too_early] = -rng.integers(WAIT_MS + HOUR, 4 * WAIT_MS, int(too_early.sum()))
    beyond = chance > 1 - BEYOND_SHARE
    delay[beyond] = HORIZON_MS + rng.integers(HOUR, 10 * DAY, int(beyond.sum()))
    times, limit = made.time_ms[labelled] + delay, made.time_ms[labelled] + HORIZON_MS
    first = Records(_sent(rng, times, limit), times, labelled, made.actual[labelled])
    parts = [first]
    mended = np.flatnonzero((rng.random(n) < CORRECTED_SHARE) & ~beyond & ~early)
    while mended.size:
        parts.append(_mend(rng, made, times[mended], labelled[mended]))
        mended = mended[rng.random(mended.size) < 0.25]
    rows = np.flatnonzero(rng.random(n) < DUPLICATE_SHARE)
    sent = first.arrival_ms[rows] + rng.choice(GAPS_MS, rows.size)
    sent = np.where((times[rows] <= limit[rows]) & (sent > limit[rows]), first.arrival_ms[rows], sent)
    parts.append(Records(sent, times[rows], labelled[rows], first.value[rows]))
    return parts


def _sent(rng: np.random.Generator, times: Ints, limit: Ints) -> Ints:
    """Return when labels are sent: some late, but none of a time before its limit so late that the limit is past."""
    disorder = rng.exponential(MINUTE, times.size).astype(np.int64).clip(max=LATENESS_MS)
    late = rng.random(times.size) < 0.02
    disorder[late] = rng.integers(LATENESS_MS, 12 * HOUR, int(late.sum()))
    return np.where((times <= limit) & (times + disorder > limit), times, times + disorder)


def _mend(rng: np.random.Generator, made: _Made, times: Ints, numbers: Ints) -> Records:
    """Return labels that change those given at some times: to another value, or to none."""
    times = times + rng.integers(0, 2 * DAY, times.size)
    binary = made.model[numbers] == BINARY
    other = np.where(binary, 1 - made.actual[numbers], np.round(made.actual[numbers] + 3.5, 3))
    value = np.where(rng.random(times.size) < 0.25, np.nan, other)
    return Records(_sent(rng, times, made.time_ms[numbers] + HORIZON_MS), times, numbers, value)


def _again(number: int, case: EdgeCase, made: _Made) -> Iterator[Records]:
    at = int(made.time_ms[number])
    for gap, new_time in case.again:
        time_ms = at + gap if new_time else at
        yield _one(at + gap, time_ms, number, float(made.value[number]) if new_time else 0.25)


def _edge_labels(number: int, case: EdgeCase, made: _Made) -> Iterator[Records]:
    for gap, name in case.labels:
        at = int(made.time_ms[number]) + gap
        yield _one(at, at, number, edge_value(name, float(made.actual[number]), int(made.model[number])))


def edge_value(name: Value, right: float, model: int) -> float:
    """Return the label that an edge case names."""
    if name == "null":
        return float("nan")
    return right if name == "right" else 1 - right if model == BINARY else round(right + 3.5, 3)


def _one(arrival_ms: int, time_ms: int, number: int, value: float) -> Records:
    return Records(np.array([arrival_ms]), np.array([time_ms]), np.array([number]), np.array([value]))

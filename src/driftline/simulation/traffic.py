"""The stream of a scenario: predictions in the order of event time, and the labels that are due in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from driftline.simulation.arrivals import ArrivalTimes, identifiers
from driftline.simulation.encoding import THRESHOLD, feature_columns, label_events, prediction_events
from driftline.simulation.operations import draw_operations
from driftline.simulation.population import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.simulation.population import Applicants
    from driftline.simulation.scenario import Scenario

CHUNK: Final = 4_096
"""Predictions drawn at once. A chunk has random numbers of its own: nothing depends on how much is asked for."""
_TRAFFIC, _REFERENCE = range(2)


class Records(NamedTuple):
    """Records of one topic by event time."""

    times_ms: NDArray[np.int64]
    ids: list[str]
    """Prediction ids: the records' keys."""
    values: list[bytes]


class Slice(NamedTuple):
    """All that happens in [start_ms, end_ms) of event time."""

    start_ms: int
    end_ms: int
    predictions: Records
    labels: Records


class LabelQueue:
    """Labels that are not due yet.

    Those due later than ``span_ms`` from now are set aside unsorted.

    Notes
    -----
    *State*: 25 bytes a label that waits.
    """

    def __init__(self, span_ms: int) -> None:
        self._span_ms = max(1, span_ms)
        self._limit_ms = np.iinfo(np.int64).min
        self._near = _Waiting.none()
        self._far = [_Waiting.none()]

    def push(self, times_ms: NDArray[np.int64], indices: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
        """Add labels."""
        new = _Waiting(times_ms, indices, labels)
        near = times_ms < self._limit_ms
        self._near = self._near.and_(new.rows(np.flatnonzero(near)))
        self._far.append(new.rows(np.flatnonzero(~near)))

    def pop_before(self, time_ms: int) -> _Waiting:
        """Remove and return the labels due before a time, by time, then by prediction."""
        if time_ms > self._limit_ms:
            waiting = _Waiting(*(np.concatenate(parts) for parts in zip(self._near, *self._far, strict=True)))
            self._limit_ms = time_ms + self._span_ms
            near = waiting.times_ms < self._limit_ms
            self._near, self._far = waiting.rows(np.flatnonzero(near)), [waiting.rows(np.flatnonzero(~near))]
        due = self._near.times_ms < time_ms
        popped, self._near = self._near.rows(np.flatnonzero(due)), self._near.rows(np.flatnonzero(~due))
        return popped.rows(np.lexsort((popped.indices, popped.times_ms)))


class _Waiting(NamedTuple):
    times_ms: NDArray[np.int64]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]

    @classmethod
    def none(cls) -> _Waiting:
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, empty)

    def rows(self, chosen: NDArray[np.int64]) -> _Waiting:
        return _Waiting(self.times_ms[chosen], self.indices[chosen], self.labels[chosen])

    def and_(self, other: _Waiting) -> _Waiting:
        return _Waiting(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


def slices(scenario: Scenario, *, all_labels: bool = False) -> Iterator[Slice]:
    """Yield the traffic of a scenario, in slices that follow each other without a gap.

    With ``all_labels`` a last slice brings the labels that are due after the end; otherwise they are left out.
    """
    arrivals = ArrivalTimes(scenario)
    queue = LabelQueue(scenario.label_delay_ms // 16)
    start_ms = scenario.start_ms
    for first in range(0, scenario.n_events, CHUNK):
        n = min(CHUNK, scenario.n_events - first)
        times, applicants, delays = _chunk(scenario, arrivals, _TRAFFIC, first, n)
        # What comes next is at the last of these times or later: labels due before it are complete.
        end_ms = scenario.end_ms if first + n == scenario.n_events else int(times[-1])
        indices, operations = np.arange(first, first + n), draw_operations(scenario, times, first // CHUNK)
        if operations is not None:
            made = np.flatnonzero(operations.made)
            times, delays, indices, operations = times[made], delays[made], indices[made], operations.chosen(made)
            applicants = applicants.chosen(made)
        decided = slice(None) if operations is None else ~operations.failed
        queue.push((times + delays)[decided], indices[decided], applicants.label[decided])
        ids = identifiers(scenario, indices)
        values = prediction_events(scenario.model, scenario.version, ids, times, applicants, operations)
        yield Slice(start_ms, end_ms, Records(times, ids, values), _labels(scenario, queue.pop_before(end_ms)))
        start_ms = end_ms
    if all_labels:
        rest = queue.pop_before(np.iinfo(np.int64).max // 2)
        if rest.times_ms.size:
            nothing = Records(np.empty(0, dtype=np.int64), [], [])
            yield Slice(start_ms, int(rest.times_ms[-1]) + 1, nothing, _labels(scenario, rest))


def before(scenario: Scenario, n: int) -> Scenario:
    """Return the scenario of the n events up to the start of another, undrifted: the time its model was trained in."""
    duration_ms = max(1, round(n * 1000 / scenario.rate))
    return msgspec.structs.replace(
        scenario,
        start_ms=scenario.start_ms - duration_ms,
        duration_ms=duration_ms,
        rate=n * 1000 / duration_ms,
        drift=(),
        operations=False,
        drift_at_ms=None,
        drift_until_ms=None,
    )


def reference_columns(scenario: Scenario, n: int) -> dict[str, list[Any]]:
    """Return n rows from before the scenario as columns: features, prediction, score and label."""
    columns: dict[str, list[Any]] = {}
    for _, _, applicants in _reference(before(scenario, n)):
        part: dict[str, list[Any]] = {
            **feature_columns(applicants),
            "prediction": (applicants.score >= THRESHOLD).astype(np.int64).tolist(),
            "score": applicants.score.tolist(),
            "label": applicants.label.tolist(),
        }
        for name, values in part.items():
            columns.setdefault(name, []).extend(values)
    return columns


def reference_times(scenario: Scenario, n: int) -> NDArray[np.int64]:
    """Return the event times of the rows of :func:`reference_columns`, milliseconds since the epoch, shape (n,)."""
    return np.concatenate([times for times, _, _ in _reference(before(scenario, n))])


def reference_events(scenario: Scenario, n: int) -> Iterator[bytes]:
    """Yield n prediction events from before the scenario, each with a member ``label``."""
    earlier = before(scenario, n)
    for times, ids, applicants in _reference(earlier):
        values = prediction_events(earlier.model, earlier.version, ids, times, applicants)
        for value, label in zip(values, applicants.label.tolist(), strict=True):
            yield value[:-1] + b',"label":%d}' % label


def _reference(earlier: Scenario) -> Iterator[tuple[NDArray[np.int64], list[str], Applicants]]:
    arrivals = ArrivalTimes(earlier)
    for first in range(0, earlier.n_events, CHUNK):
        n = min(CHUNK, earlier.n_events - first)
        times, applicants, _ = _chunk(earlier, arrivals, _REFERENCE, first, n)
        yield times, identifiers(earlier, np.arange(first, first + n)), applicants


def _chunk(
    scenario: Scenario, arrivals: ArrivalTimes, stream: int, first: int, n: int
) -> tuple[NDArray[np.int64], Applicants, NDArray[np.int64]]:
    """Return times, applicants and label delays of some events."""
    rng = np.random.default_rng([scenario.seed, stream, first // CHUNK])
    times = arrivals.times_ms(first, rng.random(n))
    delays = np.rint(rng.exponential(float(scenario.label_delay_ms), n)).astype(np.int64)
    return times, draw(rng, scenario, times), delays


def _labels(scenario: Scenario, due: _Waiting) -> Records:
    ids = identifiers(scenario, due.indices)
    return Records(due.times_ms, ids, label_events(ids, due.times_ms, due.labels))

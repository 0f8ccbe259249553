"""The records of a scenario: predictions and labels, with their times, producers and partitions, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_intdigest

from benchmarks.incidents.population import draw, outcome, phase, risk
from benchmarks.incidents.scenario import DAY_MS, HOUR_MS, N_PRODUCERS, START_MS
from benchmarks.incidents.scenarios import SALE_H
from benchmarks.late_labels.ids import ids, partitions

if TYPE_CHECKING:
    from benchmarks.incidents.population import Rows
    from benchmarks.incidents.scenario import Bools, Floats, Ints, Scenario

N_PARTITIONS: Final = 4
LATENESS_MS: Final = 600_000
LABEL_MEDIAN_MS: Final = 5 * HOUR_MS
LABEL_LAST_MS: Final = 6 * DAY_MS
LABELLED: Final = 0.96
SALE: Final = 1.5
"""Further events of a weekend's sale, in multiples of the usual ones."""


class Stream(NamedTuple):
    """The records of one model.

    Attributes
    ----------
    scenario : Scenario
    names : list of str, length n
        Prediction ids.
    times_ms, producer, partition : ndarray of int64, shape (n,)
        Event time of each prediction, who writes it, and where it and its label go.
    changed : ndarray of bool, shape (n,)
        Whether the change is in the event.
    rows : dict of str to ndarray, shape (n,)
    sent : (ndarray of int64, ndarray of int64), shape (m,)
        Of each record of predictions: when it is sent, and the number of its prediction; ascending.
    labelled : (ndarray of int64, ndarray of int64), shape (k,)
        The same of labels.
    """

    scenario: Scenario
    names: list[str]
    times_ms: Ints
    producer: Ints
    partition: Ints
    changed: Bools
    rows: Rows
    sent: tuple[Ints, Ints]
    labelled: tuple[Ints, Ints]


def season_of(times_ms: Ints, *, seasonal: bool) -> Floats:
    """Return how much of a sale there is at a time, in [0, 1]."""
    hour = (times_ms - START_MS) / HOUR_MS % 168
    on = (hour >= SALE_H[0]) & (hour < SALE_H[1])
    return np.where(on & seasonal, 1.0, 0.0)


def arrivals(rng: np.random.Generator, span_ms: tuple[int, int], rate: float, *, seasonal: bool) -> Ints:
    """Return event times of a stream with ``rate`` events in a mean hour: few by night, more in a sale."""
    start_ms, end_ms = span_ms
    starts = np.arange(start_ms, end_ms, HOUR_MS // 6)
    weights = (0.55 + 0.9 * phase(starts)) * (1 + SALE * season_of(starts, seasonal=seasonal))
    counts = rng.poisson(rate / 6 * weights)
    times = np.repeat(starts, counts) + rng.integers(0, HOUR_MS // 6, int(counts.sum()))
    return np.sort(times)


def make(scenario: Scenario, seed: int = 1) -> Stream:
    """Return the stream of a scenario."""
    base = xxh3_64_intdigest(scenario.model.encode()) % (1 << 40)
    rng = np.random.default_rng([seed, base])
    times = arrivals(rng, (START_MS, scenario.end_ms), scenario.rate, seasonal=scenario.seasonal)
    usual = times.size
    onset_ms = scenario.onset_ms if scenario.onset_ms is not None else scenario.end_ms
    if scenario.extra:
        more = arrivals(rng, (START_MS, scenario.end_ms), scenario.rate * scenario.extra, seasonal=False)
        times = np.concatenate([times, more[more >= onset_ms]])
    n = times.size
    producer = rng.integers(0, N_PRODUCERS, n)
    hours = np.maximum(0.0, (times - onset_ms) / HOUR_MS)
    changed = times >= onset_ms
    if scenario.by_producer is not None:
        changed &= producer == scenario.by_producer
    if scenario.extra:
        changed &= np.arange(n) >= usual
    rows = draw(rng, times, season_of(times, seasonal=scenario.seasonal))
    rows = scenario.world(rows, changed, hours, rng)
    rows |= outcome(rng, rows)
    turned = rng.random(n) < scenario.flipped(hours)
    rows["label"] = np.where(turned, 1 - rows["label"], rows["label"])
    rows = scenario.seen(rows, changed, hours, rng)
    noise = scenario.noise * rng.normal(size=n) * changed
    rows["score"] = np.round(1 / (1 + np.exp(-(risk(rows) + noise))), 6)
    numbers = base + np.arange(n)
    return Stream(
        scenario,
        ids(numbers),
        times,
        producer,
        partitions(numbers, N_PARTITIONS),
        changed,
        rows,
        _sent(rng, scenario, times, producer, onset_ms),
        _labelled(rng, scenario, times, onset_ms),
    )


def _sent(
    rng: np.random.Generator, scenario: Scenario, times: Ints, producer: Ints, onset_ms: int
) -> tuple[Ints, Ints]:
    at = times + rng.exponential(20_000, times.size).astype(np.int64).clip(max=LATENESS_MS)
    numbers = np.arange(times.size)
    if scenario.again is not None:
        twice = np.flatnonzero((producer == scenario.again) & (times >= onset_ms))
        at = np.concatenate([at, at[twice] + rng.integers(1, 2_000, twice.size)])
        numbers = np.concatenate([numbers, twice])
    order = np.argsort(at, kind="stable")
    return at[order], numbers[order]


def _labelled(rng: np.random.Generator, scenario: Scenario, times: Ints, onset_ms: int) -> tuple[Ints, Ints]:
    n = times.size
    delay = np.exp(np.log(LABEL_MEDIAN_MS) + rng.normal(size=n)).astype(np.int64).clip(max=LABEL_LAST_MS)
    at, comes = times + delay, rng.random(n) < LABELLED
    if scenario.labels_end:
        comes &= at < onset_ms
    numbers = np.flatnonzero(comes)
    order = np.argsort(at[numbers], kind="stable")
    return at[numbers][order], numbers[order]

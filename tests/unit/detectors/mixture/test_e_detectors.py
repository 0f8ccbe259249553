from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from driftline.detectors.mixture.bets import Bets, Fair, pane_of
from driftline.detectors.mixture.directions import MOST_DIRECTIONS, categorical_directions, numeric_directions
from driftline.detectors.mixture.e_detectors import Alarm, MixtureState

GROUPS = 10
SHARES = np.array([np.full(GROUPS + 1, 0.99 / GROUPS)])
SHARES[0, -1] = 0.01
DIRECTIONS = numeric_directions(np.full(GROUPS, 1 / GROUPS), 0.01)
BETS = Bets([DIRECTIONS], GROUPS)
PLAIN = Fair(BETS.log_means(SHARES), BETS.means(SHARES))
"""Without what counts as no change: then R grows by exactly 1 a pane, on average."""
ONES = np.ones((1, MOST_DIRECTIONS))
NEVER = np.full(1, np.inf)

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def panes(rng: np.random.Generator, n_panes: int, shift: float = 0.0) -> list[Counts]:
    made = []
    for _ in range(n_panes):
        values = rng.normal(shift, 1, int(rng.integers(0, 8)))
        groups = np.searchsorted(ndtri(np.arange(1, GROUPS) / GROUPS), values)
        counts = np.bincount(groups, minlength=GROUPS + 1)
        made.append(counts[None])
    return made


def run(series: list[Counts], threshold: float, ratios: float = 1.0) -> list[tuple[int, Alarm]]:
    state = MixtureState(BETS)
    found = []
    for number, counts in enumerate(series):
        alarms = state.step(pane_of(BETS, counts), PLAIN, ratios * ONES, np.full(1, threshold))
        found += [(number, alarm) for alarm in alarms]
        for alarm in alarms:
            state.clear(alarm.column)
    return found


def test_it_is_the_sum_over_all_starts_of_the_products_since() -> None:
    """The definition of a Shiryaev-Roberts e-detector, in whole products, with the weights that date the change."""
    series = [*panes(np.random.default_rng(3), 30), *panes(np.random.default_rng(4), 12, 0.9)]
    state = MixtureState(BETS)
    for counts in series:
        state.step(pane_of(BETS, counts), PLAIN, ONES, NEVER)
    seen = [pane_of(BETS, counts) for counts in series]
    factors = [np.exp(BETS.thetas * pane.scores[:, :, None] - pane.n[:, :, None] * PLAIN.log_means)[0] for pane in seen]
    since = [math.prod(factors[start:], start=np.ones_like(factors[0])) for start in range(len(series))]
    expected = np.sum(since, axis=0)
    used = np.isfinite(BETS.log_weights[0])
    assert np.exp(state.logs[0])[used] == pytest.approx(expected[used], rel=1e-3)
    for place, direction in enumerate(DIRECTIONS):
        for tilt in range(len(direction.thetas)):
            weights = np.array([each[place, tilt] for each in since])
            after = [sum(pane.n[0, place] for pane in seen[start:]) for start in range(len(seen))]
            assert state.events[0, place, tilt] == pytest.approx(weights @ after / weights.sum(), rel=1e-3)
            excess = [pane.scores[0, place] - pane.n[0, place] * PLAIN.means[0, place] for pane in seen]
            sums = [sum(excess[start:]) for start in range(len(seen))]
            assert state.totals[0, place, tilt] == pytest.approx(weights @ sums / weights.sum(), abs=1e-2)


def test_r_grows_by_one_a_pane_on_average() -> None:
    n_panes, total = 40, 0.0
    streams = 4_000
    rng = np.random.default_rng(5)
    counts = rng.multinomial(5, SHARES[0], size=(n_panes, streams))
    bets = Bets([DIRECTIONS] * streams, GROUPS)
    fair = Fair(np.repeat(PLAIN.log_means, streams, axis=0), np.repeat(PLAIN.means, streams, axis=0))
    state = MixtureState(bets)
    ones, never = np.ones((streams, MOST_DIRECTIONS)), np.full(streams, np.inf)
    for number in range(n_panes):
        state.step(pane_of(bets, counts[number]), fair, ones, never)
    total = float((np.exp(state.logs.astype(np.float64)) * np.exp(bets.log_weights)).sum(axis=(1, 2)).mean())
    assert total == pytest.approx(n_panes, rel=0.35), "heavy tailed: the mean of 4,000 streams is within a third"


def test_alarms_of_unchanged_streams_stay_below_their_bound() -> None:
    alarms, n_panes = 0, 1_000
    for seed in range(40):
        alarms += len(run(panes(np.random.default_rng(seed), n_panes), math.log(1_000)))
    assert alarms <= 40 + 3 * math.sqrt(40), "at most one is expected of each stream"


def test_a_shift_is_found_dated_and_measured() -> None:
    delays, early, changes = [], [], []
    for seed in range(20):
        series = [*panes(np.random.default_rng(seed), 200), *panes(np.random.default_rng(100 + seed), 400, 0.5)]
        number, alarm = next(each for each in run(series, math.log(1e6)) if each[0] >= 200)
        assert DIRECTIONS[alarm.direction].aspect in {"mean", "upper tail"}
        delays.append(number - 199)
        if DIRECTIONS[alarm.direction].aspect == "mean":
            seen = sum(int(counts[0, :-1].sum()) for counts in series[200 : number + 1])
            early.append(alarm.n - seen)
            changes.append(alarm.change)
    # ln(10^6) and the mixture's ln(16), over a gain of 0.125 a value and 3.5 values a pane
    assert np.mean(delays) == pytest.approx((math.log(1e6) + math.log(16)) / 0.125 / 3.5, rel=0.35)
    assert abs(np.median(early)) <= 20, "values"
    assert np.mean(changes) == pytest.approx(0.5, abs=0.12)


def test_dependence_costs_as_much_more_evidence() -> None:
    series = panes(np.random.default_rng(1), 900, 0.5)
    (first, _), *_ = run(series, math.log(1e6))
    (later, _), *_ = run(series, math.log(1e6), ratios=4.0)
    assert 2.5 * first < later < 6 * first
    assert not run(series, math.log(1e6), ratios=math.inf), "nothing is known of how it varies"


def test_a_column_without_directions_is_never_found() -> None:
    bets = Bets([categorical_directions(np.array([1.0]), 0.01, (0,), None), ()], 1)
    state = MixtureState(bets)
    shares = np.array([[0.99, 0.01], [0.99, 0.01]])
    fair = Fair(bets.fair(shares), bets.means(shares))
    found = []
    for _ in range(50):
        pane = pane_of(bets, np.array([[0, 5], [0, 5]]))
        found += state.step(pane, fair, np.ones((2, MOST_DIRECTIONS)), np.full(2, math.log(1e4)))
    assert {alarm.column for alarm in found} == {0}

"""Segments whose errors have not changed seldom raise an alarm, though their first windows are all that is known.

Ten segments of equal size; hours of one have so many labels. Its baseline grows, and with it what the bets are against.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pytest

from driftline.checks.labels.error_bets import COLUMNS, WORSE, ErrorBets, counts_of
from driftline.checks.labels.segment_variation import segment_variation
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.monitoring.labels.segment_baselines import SegmentBaselines
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
from driftline.sketches.scores import LABELLED
from tests.unit.checks.labels.test_performance_check import PROFILE, vector_of
from tests.unit.checks.labels.test_performance_tests import of_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

HOUR, PANES = 3_600_000, 6
USUAL, WRONG, SPREAD, SEGMENTS = ModelSettings(), 0.1, 0.05, 10
REFERENCE_DAYS, DAYS, REPEATS, FALLS = 14, 10, 5, 12
EVERY: Final = 100
"""Panes in which a segment may raise one false alarm."""
VARIES: Final = {"independent": 0.0, "together": 1.0, "each by itself": 1 / SEGMENTS, "one alone": 1 / SEGMENTS**2}
"""Variance of the error rate of all traffic from hour to hour, in multiples of that of a segment."""


class Watched(NamedTuple):
    """What became of one segment."""

    alarms: int
    n_panes: int
    found_after: int | None
    """Labels of the segment from the change until a fall was found that matters."""


def rates(variance: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return beta-distributed error rates of n hours."""
    if not variance:
        return np.full(n, WRONG)
    size = WRONG * (1 - WRONG) / variance - 1
    return rng.beta(WRONG * size, (1 - WRONG) * size, n)


def times_of_day(days: int) -> NDArray[np.float64]:
    """Return error rates of hours that are half as high again in the evening, and half as high in the morning."""
    return WRONG * (1 + 0.5 * np.sin(np.arange(24 * days) * np.pi / 12))


def reference(of_hours: NDArray[np.float64], labels: int, rng: np.random.Generator) -> Profile:
    """Return a fortnight of all traffic, with so many labels an hour."""
    wrong = rng.binomial(labels, of_hours)

    def spread(counts: NDArray[np.int64], n: int) -> SpreadOfMetric:
        share = counts.mean() / n
        dispersion = float(counts.var(ddof=1) / (n * share * (1 - share)))
        return SpreadOfMetric(dispersion, counts.size, float(n))

    by_hour, by_day = spread(wrong, labels), spread(wrong.reshape(-1, 24).sum(axis=1), 24 * labels)
    return of_task(PROFILE.task, ErrorSpread(HOUR, {"accuracy": by_hour}, {"accuracy": by_day}))


class Bet(NamedTuple):
    """What is bet against one baseline."""

    bets: ErrorBets
    state: MixtureState
    ratios: NDArray[np.float64]

    @classmethod
    def on(cls, profile: Profile, kept: SegmentBaselines, labels: int, *, settings: ModelSettings) -> Bet | None:
        baseline, variation = kept.of("p", PROFILE.task), segment_variation(profile, settings, kept.spread("p"))
        if baseline is None or variation is None:
            return None
        bets = ErrorBets(profile, baseline, variation)
        return cls(bets, MixtureState(bets.bets), bets.variation.ratios(float(labels)))


def watch(
    profile: Profile,
    of_hours: NDArray[np.float64],
    labels: int,
    every: float,
    rng: np.random.Generator,
    *,
    change: int = 0,
    settings: ModelSettings = USUAL,
) -> Watched:
    """Let a segment's hours pass, with a change at the begin of one of them."""
    kept, threshold = SegmentBaselines(independent=False), np.full(COLUMNS, math.log(COLUMNS * every))
    bet: Bet | None = None
    n_pane, alarms, n_panes = labels // PANES, 0, 0
    for hour, rate in enumerate(of_hours.tolist()):
        wrong = rng.binomial(n_pane, rate, PANES).tolist()
        for place, each in enumerate(wrong if bet is not None else ()):
            assert bet is not None
            n_panes += 1
            bets, fading = bet.bets, HOUR / PANES / bet.bets.variation.known_ms
            pane = pane_of(bets.bets, counts_of((n_pane - each, each)))
            for alarm in bet.state.step(pane, bets.fair, bet.ratios, threshold, fading):
                alarms += 1
                bet.state.clear(alarm.column)
                if change and hour >= change and alarm.column == WORSE and alarm.change >= 0.1:
                    return Watched(alarms, n_panes, ((hour - change) * PANES + place + 1) * n_pane)
        kept.add("p", PROFILE.task, vector_of(PROFILE, n_pane * PANES, sum(wrong)), (hour * HOUR, (hour + 1) * HOUR))
        baseline = kept.of("p", PROFILE.task)
        if baseline is not None and (bet is None or int(baseline.vector[LABELLED]) != bet.bets.n):
            bet = Bet.on(profile, kept, labels, settings=settings)
    return Watched(alarms, n_panes, None)


def multiple_of_the_bound(how: str, labels: int, settings: ModelSettings = USUAL) -> float:
    """Return the alarms of unchanged segments over those that are allowed."""
    rng = np.random.default_rng(1)
    alarms = panes = 0
    for _ in range(REPEATS):
        if how == "by the time of day":
            profile, of_hours = reference(times_of_day(REFERENCE_DAYS), SEGMENTS * labels, rng), times_of_day(DAYS)
        else:
            of_all = rates(VARIES[how] * SPREAD**2, 24 * REFERENCE_DAYS, rng)
            profile = reference(of_all, SEGMENTS * labels, rng)
            of_hours = rates(SPREAD**2 if VARIES[how] else 0.0, 24 * DAYS, rng)
        seen = watch(profile, of_hours, labels, EVERY, rng, settings=settings)
        alarms, panes = alarms + seen.alarms, panes + seen.n_panes
    assert panes > REPEATS * DAYS * 24 * PANES / 2, "they were watched"
    return alarms * EVERY / panes


@pytest.mark.parametrize("labels", [6, 60, 300])
@pytest.mark.parametrize("how", [*VARIES, "by the time of day"])
def test_unchanged_segments_keep_the_bound(how: str, labels: int) -> None:
    assert multiple_of_the_bound(how, labels) <= 1


def test_errors_that_are_taken_as_independent_and_are_not_break_it() -> None:
    independent = ModelSettings(checks=CheckSettings(dispersion=DispersionSettings(mode="independent")))
    assert multiple_of_the_bound("independent", 300, independent) <= 1
    assert multiple_of_the_bound("each by itself", 300, independent) > 2


def test_a_fall_in_one_segment_takes_some_hundred_labels() -> None:
    """From 10 % to 30 % wrong, after a week, in one of ten segments of a model of twenty columns."""
    every, rng = 30 * 24 * PANES / (0.396 / (20 + 1 + SEGMENTS)), np.random.default_rng(2)
    of_hours = np.concatenate([np.full(24 * 7, WRONG), np.full(24 * 3, 0.3)])
    needed = [
        watch(
            reference(rates(0.0, 24 * REFERENCE_DAYS, rng), 600, rng), of_hours, 60, every, rng, change=24 * 7
        ).found_after
        for _ in range(FALLS)
    ]
    assert None not in needed
    assert 100 <= np.median([each or 0 for each in needed]) <= 400

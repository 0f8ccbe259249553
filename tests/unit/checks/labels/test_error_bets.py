"""How much errors vary, as references show it; and that unchanged errors seldom raise an alarm, whatever they do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import chi2

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.labels.error_bets import (
    COLUMNS,
    WORSE,
    ErrorBets,
    ErrorVariation,
    counts_of,
    error_remarks,
    error_variation,
)
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
from driftline.profiles.task import Task
from tests.unit.checks.labels.test_performance_check import PROFILE, vector_of
from tests.unit.checks.labels.test_performance_tests import of_task

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

HOUR, DAY = 3_600_000, 86_400_000


def with_spread(hours: float | None, days: float | None) -> Profile:
    """Return a profile whose errors varied so much between 336 hours, and between 14 days."""
    of_windows = {} if hours is None else {"accuracy": SpreadOfMetric(hours, 336, 100.0)}
    of_days = {} if days is None else {"accuracy": SpreadOfMetric(days, 14, 2_400.0)}
    return of_task(PROFILE.task, ErrorSpread(HOUR, of_windows, of_days) if of_windows else None)


def settings_of(**checks: Any) -> ModelSettings:  # noqa: ANN401  # each setting has a type of its own
    return ModelSettings(checks=CheckSettings(**checks))


def test_what_is_known_decides_whether_and_how_much() -> None:
    usual = settings_of()
    assert error_variation(with_spread(None, None), usual) is None
    assert error_variation(with_spread(1.0, 1.0), settings_of(sequential=False)) is None
    by_chance = error_variation(with_spread(1.1, 2.0), usual)
    assert by_chance is not None
    assert (by_chance.ratio(100.0), by_chance.known_ms) == (1.0, DAY), "of as many labels as the reference had"
    short = error_variation(with_spread(1.0, None), usual)
    assert short is not None
    assert short.known_ms == HOUR
    independent = error_variation(
        with_spread(None, None), settings_of(dispersion=DispersionSettings(mode="independent"))
    )
    assert independent is not None
    assert (independent.ratio(1e6), independent.known_ms) == (1.0, math.inf)


def test_whoever_gets_no_e_detector_is_told_why() -> None:
    usual = settings_of()
    (why,) = error_remarks(replace(with_spread(None, None), performance=vector_of(PROFILE, 100, 5)), usual)
    assert why.startswith("accuracy is compared window by window only, not as labels come: the reference does not show")
    known = replace(with_spread(1.0, 1.0), performance=vector_of(PROFILE, 100, 5))
    assert error_remarks(known, usual) == []
    assert error_remarks(with_spread(None, None), usual) == [], "it has no labels at all"


def test_segments_are_told_why_they_are_not_watched() -> None:
    usual = ModelSettings(segments={"country": ("DE",)})
    labelled = replace(with_spread(None, None), performance=vector_of(PROFILE, 100, 5))
    (_, of_segments) = error_remarks(labelled, usual)
    assert of_segments.startswith("the errors of segments are reported and not watched: the reference does not show")
    (alone,) = error_remarks(with_spread(None, None), usual)
    assert alone.endswith("; give such rows")
    (of_numbers,) = error_remarks(of_task(Task("regression", (), 1.0), None), usual)
    assert of_numbers.endswith("accuracy is not among the watched metrics of the task")
    assert error_remarks(with_spread(1.0, 1.0), usual) == []
    assert error_remarks(labelled, replace_checks(usual, sequential=False)) == []


def replace_checks(settings: ModelSettings, *, sequential: bool) -> ModelSettings:
    return settings.replace(checks=CheckSettings(sequential=sequential))


def test_what_varies_more_counts_at_its_upper_limit_and_grows_with_the_labels() -> None:
    found = error_variation(with_spread(3.0, 3.0), settings_of())
    assert found is not None
    of_hours, of_days = (3.0 * freedom / chi2.ppf(0.05, freedom) - 1 for freedom in (335, 13))
    assert found.ratio(50.0) == pytest.approx(1 + max(of_hours, of_days))
    assert found.ratio(1_000.0) == pytest.approx(1 + 10 * max(of_hours, of_days))
    unseen = error_variation(with_spread(1.0, None), settings_of())
    assert unseen is not None
    assert unseen.ratio(1_000.0) == pytest.approx(1 + 9 * (335 / chi2.ppf(0.05, 335) - 1)), "it may still be there"


@pytest.mark.parametrize("n_now", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_errors_of_an_hour_that_belong_together_keep_the_bound(n_now: int) -> None:
    """Hours' error rates are beta-distributed, ρ = 0.01; the reference has 336 hours of 100 labels."""
    rng = np.random.default_rng(n_now)
    n_hours, allowed, share, a = 720, 0.5, 0.1, 9.9
    threshold = np.full(COLUMNS, math.log(COLUMNS * n_hours * 6 / allowed))
    alarms = 0
    for _ in range(10):
        wrong = rng.binomial(100, rng.beta(a, a * 9, 336))
        dispersion = float(((wrong - wrong.mean()) ** 2).sum() / 335 / (100 * share * (1 - share)))
        spread = ErrorSpread(HOUR, {"accuracy": SpreadOfMetric(dispersion, 336, 100.0)})
        variation = error_variation(of_task(PROFILE.task, spread), settings_of())
        assert variation is not None
        baseline = PerformanceBaseline(vector=vector_of(PROFILE, 33_600, int(wrong.sum())), origin="reference")
        bets, fading = ErrorBets(PROFILE, baseline, variation), HOUR / 6 / variation.known_ms
        state, ratios = MixtureState(bets.bets), bets.variation.ratios(float(n_now))
        for rate in rng.beta(a, a * 9, n_hours).tolist():
            for now in rng.binomial(n_now // 6, rate, 6).tolist():
                pane = pane_of(bets.bets, counts_of((n_now // 6 - now, now)))
                for alarm in state.step(pane, bets.fair, ratios, threshold, fading):
                    alarms += 1
                    state.clear(alarm.column)
    assert alarms <= 10 * allowed


@pytest.mark.parametrize(
    "burst", [1, pytest.param(5, marks=pytest.mark.slow)], ids=["independent", "in bursts of five"]
)
def test_unchanged_errors_keep_the_bound(burst: int) -> None:
    """Alarms at a threshold that allows four in 2,000 panes, of 30 models with a baseline of their own each."""
    rng = np.random.default_rng(burst)
    n_panes, allowed, share = 2_000, 4.0, 0.08
    threshold = np.full(COLUMNS, math.log(COLUMNS * n_panes / allowed))
    alarms = 0
    for _ in range(30):
        n_wrong = burst * int(rng.binomial(4_000 // burst, share))
        baseline = PerformanceBaseline(vector=vector_of(PROFILE, 4_000, n_wrong), origin="reference")
        bets = ErrorBets(PROFILE, baseline, ErrorVariation(()))
        state = MixtureState(bets.bets)
        for wrong in (burst * rng.binomial(40 // burst, share, n_panes)).tolist():
            pane = pane_of(bets.bets, counts_of((40 - wrong, wrong)))
            for alarm in state.step(pane, bets.fair, burst * bets.variation.ratios(0.0), threshold):
                alarms += 1
                state.clear(alarm.column)
    assert alarms <= 30 * allowed


def labels_until_found(bets: ErrorBets, before: list[tuple[float, int]], rng: np.random.Generator) -> int:
    """Return the labels after which 15 % errors are found that matter, after other shares for so many panes of 20."""
    threshold = np.full(COLUMNS, math.log(COLUMNS * 4_320 / 0.02))
    state, ratios = MixtureState(bets.bets), bets.variation.ratios(0.0)
    usual = 1 - bets.wrong / bets.n

    def matters(share: float) -> bool:
        wrong = int(rng.binomial(20, share))
        pane = pane_of(bets.bets, counts_of((20 - wrong, wrong)))
        found = state.step(pane, bets.fair, ratios, threshold)
        return any(each.column == WORSE and each.change >= 0.02 for each in found)

    for share, n_panes in before:
        for _ in range(n_panes):
            if matters(share):
                state.clear(WORSE)
    n = 20
    while not matters(0.15):
        n += 20
    assert usual > 0.8
    return n


def bets_of_a_tenth() -> ErrorBets:
    baseline = PerformanceBaseline(vector=vector_of(PROFILE, 40_000, 4_000), origin="reference")
    return ErrorBets(PROFILE, baseline, ErrorVariation(()))


def test_a_fall_is_found_after_as_many_labels_as_theory_asks_for() -> None:
    """About ln(threshold) over the Kullback-Leibler divergence, and half as much again for not knowing its size."""
    rng = np.random.default_rng(2)
    divergence = 0.15 * math.log(0.15 / 0.1) + 0.85 * math.log(0.85 / 0.9)
    needed = [labels_until_found(bets_of_a_tenth(), [], rng) for _ in range(40)]
    assert np.mean(needed) < 2.0 * math.log(2 * 4_320 / 0.02) / divergence


@pytest.mark.parametrize("share", [0.06, 0.115], ids=["an improvement", "a fall below the gate"])
def test_what_went_before_does_not_hide_a_fall(share: float) -> None:
    rng = np.random.default_rng(3)
    alone = [labels_until_found(bets_of_a_tenth(), [], rng) for _ in range(12)]
    after = [labels_until_found(bets_of_a_tenth(), [(share, 3_000)], rng) for _ in range(12)]
    assert np.mean(after) < 1.5 * np.mean(alone)

"""How much errors vary, as references show it; and that unchanged errors seldom raise an alarm, whatever they do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import chi2

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.labels.error_bets import ErrorBets, ErrorVariation, error_remarks, error_variation
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
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


def settings_of(**checks: object) -> ModelSettings:
    return ModelSettings(checks=CheckSettings(**checks))  # type: ignore[arg-type]


def test_what_is_known_decides_whether_and_how_much() -> None:
    usual = settings_of()
    assert error_variation(with_spread(None, None), usual) is None
    assert error_variation(with_spread(1.0, 1.0), settings_of(sequential=False)) is None
    assert error_variation(with_spread(1.0, None), usual) == ErrorVariation(1.0, HOUR)
    assert error_variation(with_spread(1.1, 2.0), usual) == ErrorVariation(1.0, DAY), "chance explains it"
    independent = settings_of(dispersion=DispersionSettings(mode="independent"))
    assert error_variation(with_spread(None, None), independent) == ErrorVariation(1.0, math.inf)


def test_whoever_gets_no_e_detector_is_told_why() -> None:
    usual = settings_of()
    (why,) = error_remarks(replace(with_spread(None, None), performance=vector_of(PROFILE, 100, 5)), usual)
    assert why.startswith("accuracy is compared window by window only, not as labels come: the reference does not show")
    known = replace(with_spread(1.0, 1.0), performance=vector_of(PROFILE, 100, 5))
    assert error_remarks(known, usual) == []
    assert error_remarks(with_spread(None, None), usual) == [], "it has no labels at all"


def test_what_varies_more_counts_at_its_upper_limit() -> None:
    found = error_variation(with_spread(3.0, 3.0), settings_of())
    assert found is not None
    assert found.ratio == pytest.approx(3.0 * 335 / chi2.ppf(0.05, 335))
    wandering = error_variation(with_spread(3.0, 20.0), settings_of())
    assert wandering is not None
    assert wandering.ratio == pytest.approx(20.0 * 13 / chi2.ppf(0.05, 13))


@pytest.mark.parametrize("burst", [1, 5], ids=["independent", "in bursts of five"])
def test_unchanged_errors_keep_the_bound(burst: int) -> None:
    """Alarms at a threshold that allows four in 2,000 panes, of 30 models with a baseline of their own each."""
    rng = np.random.default_rng(burst)
    n_panes, allowed, share = 2_000, 4.0, 0.08
    threshold = np.array([math.log(n_panes / allowed)])
    alarms = 0
    for _ in range(30):
        n_wrong = burst * int(rng.binomial(4_000 // burst, share))
        baseline = PerformanceBaseline(vector=vector_of(PROFILE, 4_000, n_wrong), origin="reference")
        bets = ErrorBets(PROFILE, baseline, ErrorVariation(float(burst), math.inf))
        state = MixtureState(bets.bets)
        for wrong in (burst * rng.binomial(40 // burst, share, n_panes)).tolist():
            if state.step(pane_of(bets.bets, bets.counts(40, wrong)), bets.fair, bets.ratios, threshold):
                alarms += 1
                state.clear(0)
    assert alarms <= 30 * allowed
    assert alarms < 30, "the bound is not sharp"


def test_a_fall_is_found_after_as_many_labels_as_theory_asks_for() -> None:
    """About ln(threshold) over the Kullback-Leibler divergence, and half as much again for not knowing its size."""
    rng = np.random.default_rng(2)
    bets = ErrorBets(
        PROFILE,
        PerformanceBaseline(vector=vector_of(PROFILE, 40_000, 4_000), origin="reference"),
        ErrorVariation(1.0, math.inf),
    )
    threshold = math.log(4_320 / 0.02)
    divergence = 0.15 * math.log(0.15 / 0.1) + 0.85 * math.log(0.85 / 0.9)
    needed = []
    for _ in range(40):
        state, n = MixtureState(bets.bets), 0
        while not state.step(
            pane_of(bets.bets, bets.counts(20, int(rng.binomial(20, 0.15)))),
            bets.fair,
            bets.ratios,
            np.array([threshold]),
        ):
            n += 20
        needed.append(n)
    assert np.mean(needed) < 2.0 * threshold / divergence

"""Bets on the errors of regressions: the bound on false alarms, and how soon larger errors are found."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.labels.error_bets import COLUMNS, WORSE, counts_of, error_remarks, error_variation
from driftline.checks.labels.loss_bets import LossBets, bets_on
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings
from driftline.detectors.mixture.bets import pane_of
from driftline.detectors.mixture.e_detectors import MixtureState
from driftline.profiles.error_groups import error_groups
from driftline.sketches.joined import LabelledPairs, add_joined
from tests.unit.checks.labels.test_performance_tests import REGRESSION, of_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

    Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

HOUR: Final = 3_600_000
USUAL = ModelSettings()
PER_PANE, PANES, EVERY = 20, 2_000, 100
DRAWS: Final[dict[str, Draw]] = {
    "normal": lambda rng, n: np.abs(rng.normal(0, 1, n)),
    "heavy tails": lambda rng, n: np.abs(rng.standard_t(1.5, n)),
    "mostly none": lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.exponential(1, n)),
}


def known(errors: NDArray[np.float64], settings: ModelSettings = USUAL) -> tuple[Profile, LossBets]:
    """Return a regression whose labelled rows, of a fortnight, have these errors, and the bets against them."""
    n = errors.size
    pairs = LabelledPairs(errors, np.zeros(n), np.full(n, np.nan), np.ones(n, dtype=np.int64))
    times = np.arange(n, dtype=np.int64) * 14 * 24 * HOUR // n
    vector = np.zeros(REGRESSION.performance_layout.n_cells, dtype=np.int64)
    add_joined(REGRESSION.performance_layout, pairs, vector)
    profile = replace(
        of_task(REGRESSION), performance=vector, error_groups=error_groups(REGRESSION, pairs, times, HOUR)
    )
    variation = error_variation(profile, settings)
    assert variation is not None
    bets = bets_on(profile, PerformanceBaseline(vector=vector, origin="reference"), variation)
    assert isinstance(bets, LossBets)
    return profile, bets


def alarms(profile: Profile, bets: LossBets, panes: list[NDArray[np.float64]], rate: float, every: float) -> list[int]:
    """Return the panes at which errors are found to be larger or smaller; each time they begin anew."""
    groups, state, found = profile.error_groups, MixtureState(bets.bets), []
    assert groups is not None
    threshold, ratios = np.full(COLUMNS, math.log(COLUMNS * every)), bets.variation.ratios(rate)
    for number, errors in enumerate(panes):
        counts = np.bincount(groups.places(np.minimum(errors, 256.0)), minlength=len(groups.counts))
        for alarm in state.step(pane_of(bets.bets, counts_of(counts.tolist())), bets.fair, ratios, threshold):
            found.append(number if alarm.column == WORSE else -number)
            state.clear(alarm.column)
    return found


@pytest.mark.parametrize("how", DRAWS)
@pytest.mark.parametrize("n", [400, 20_000])
def test_unchanged_errors_keep_the_bound(how: str, n: int) -> None:
    rng, count = np.random.default_rng(n), 0
    for _ in range(8):
        profile, bets = known(DRAWS[how](rng, n))
        count += len(alarms(profile, bets, [DRAWS[how](rng, PER_PANE) for _ in range(PANES)], 1.0, EVERY))
    assert count <= 8 * PANES / EVERY


def test_errors_of_an_hour_that_belong_together_keep_the_bound_and_break_it_if_taken_as_independent() -> None:
    rng, count, naive = np.random.default_rng(3), 0, 0
    independent = ModelSettings(checks=CheckSettings(dispersion=DispersionSettings(mode="independent")))

    def hours(n: int) -> NDArray[np.float64]:
        return np.repeat(rng.choice([0.6, 1.4], n), 6 * PER_PANE)

    for _ in range(6):
        sizes = hours(14 * 24)
        errors = np.abs(rng.normal(0, 1, sizes.size)) * sizes
        now = (np.abs(rng.normal(0, 1, PANES * PER_PANE)) * hours(PANES // 6 + 1)[: PANES * PER_PANE]).reshape(
            PANES, -1
        )
        profile, bets = known(errors)
        count += len(alarms(profile, bets, [*now], 6.0 * PER_PANE, EVERY))
        naive += len(alarms(*known(errors, independent), [*now], 0.0, EVERY))
    assert count <= 6 * PANES / EVERY
    assert naive > 2 * 6 * PANES / EVERY


def test_errors_that_are_a_half_larger_are_found_after_some_hundred_labels() -> None:
    rng, needed = np.random.default_rng(5), []
    profile, bets = known(DRAWS["normal"](rng, 20_000))
    for _ in range(20):
        panes = [1.5 * DRAWS["normal"](rng, PER_PANE) for _ in range(200)]
        needed.append(PER_PANE * (1 + alarms(profile, bets, panes, 1.0, 259_200 / 0.02)[0]))
    assert 50 <= np.median(needed) <= 300


def test_what_is_found_is_said_in_the_unit_of_the_prediction() -> None:
    rng = np.random.default_rng(6)
    errors = DRAWS["normal"](rng, 20_000)
    _, bets = known(errors)
    assert bets.before == pytest.approx(REGRESSION.spread * errors.mean())
    deviation = bets.deviation(bets.before) / bets.before
    assert bets.after(0.5 / deviation, worse=True) == pytest.approx(1.5 * bets.before)
    assert bets.after(0.5 / deviation, worse=False) == pytest.approx(0.5 * bets.before)
    assert bets.after(99.0, worse=False) == 0.0


def test_whoever_gets_no_e_detector_is_told_why() -> None:
    profile, _ = known(DRAWS["normal"](np.random.default_rng(7), 2_000))
    assert error_remarks(profile, USUAL) == []
    (why,) = error_remarks(replace(profile, error_groups=None), USUAL)
    assert why.startswith("mae is compared window by window only, not as labels come: the reference does not show")
    (of_segments,) = error_remarks(profile, ModelSettings(segments={"country": ("DE",)}))
    assert of_segments.endswith("accuracy is not among the watched metrics of the task")

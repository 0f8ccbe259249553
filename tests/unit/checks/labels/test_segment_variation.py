"""How much the errors of a segment are taken to vary, and that segments which vary by themselves vary no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline.checks.labels.error_bets import error_variation
from driftline.checks.labels.segment_variation import segment_variation
from driftline.config.model import ModelSettings
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
from tests.unit.checks.labels.test_error_bets import HOUR
from tests.unit.checks.labels.test_performance_check import PROFILE
from tests.unit.checks.labels.test_performance_tests import of_task

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

USUAL = ModelSettings()
CHANCE = SpreadOfMetric(1.0, 100, 200.0)
"""What chance explains, of hours with 200 labels each."""


def with_spread(of_hours: SpreadOfMetric | None) -> Profile:
    return of_task(PROFILE.task, None if of_hours is None else ErrorSpread(HOUR, {"accuracy": of_hours}))


def test_a_segment_is_taken_to_vary_as_much_as_all_traffic_may() -> None:
    profile = with_spread(CHANCE)
    of_all, of_segment = error_variation(profile, USUAL), segment_variation(profile, USUAL, None)
    assert of_all is not None
    assert of_segment is not None
    assert of_all.ratio(20) == 1.0, "chance explains it"
    assert of_segment.ratio(20) == pytest.approx(1 + of_all.spreads[0].most)
    assert of_segment.ratio(20) > 1.2
    assert of_segment.ratio(400) == pytest.approx(1 + 2 * of_all.spreads[0].most), "what labels have in common"
    assert of_segment.known_ms == of_all.known_ms


def test_equal_segments_that_vary_by_themselves_vary_no_more_than_is_taken() -> None:
    """Ten segments, each with a share that wanders from hour to hour: λ of one is that of all, though it has a tenth of
    the labels.
    """
    rng = np.random.default_rng(3)
    shares = np.clip(0.2 + 0.1 * rng.standard_normal((2_000, 10)), 0, 1)
    wrong = rng.binomial(20, shares)

    def dispersion(counts: np.ndarray, n: int) -> float:
        share = counts.mean() / n
        return float(counts.var() / (n * share * (1 - share)))

    of_all, of_one = dispersion(wrong.sum(axis=1), 200), dispersion(wrong[:, 0], 20)
    assert of_one == pytest.approx(of_all, rel=0.1)
    profile = with_spread(SpreadOfMetric(of_all, 2_000, 200.0))
    taken = segment_variation(profile, USUAL, None)
    assert taken is not None
    assert taken.ratio(20) >= of_one * 0.98


def test_a_segment_that_varies_more_shows_it_in_its_own_windows() -> None:
    profile = with_spread(CHANCE)
    unseen = segment_variation(profile, USUAL, None)
    usual, wild = (segment_variation(profile, USUAL, SpreadOfMetric(each, 24, 20.0)) for each in (1.3, 5.0))
    assert usual == unseen
    assert wild is not None
    assert wild.ratio(20) > 5.0, "its own upper limit"
    few = segment_variation(profile, USUAL, SpreadOfMetric(5.0, 9, 20.0))
    assert few == unseen, "nine windows say nothing"


def test_nothing_is_known_of_a_segment_where_nothing_is_known_of_the_model() -> None:
    assert segment_variation(with_spread(None), USUAL, SpreadOfMetric(1.0, 50, 20.0)) is None
    checks = msgspec.convert({"dispersion": {"mode": "independent"}}, type(USUAL.checks))
    independent = segment_variation(with_spread(CHANCE), USUAL.replace(checks=checks), None)
    assert independent is not None
    assert independent.ratio(1_000) == 1.0

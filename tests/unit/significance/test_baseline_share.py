"""A share beside earlier groups of events: the level holds where groups differ, and changes are still found."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.significance.baseline_share import BaselineShare, baseline_share, baseline_share_test
from driftline.significance.share import share_test


def p_values(n: int, n_groups: int, correlation: float, repetitions: int) -> np.ndarray:
    """Return p-values of a last group that is as the others: beta-binomial, with a correlation within groups."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(repetitions):
        scale = 1 / correlation - 1 if correlation else 0.0
        shares = rng.beta(0.7 * scale, 0.3 * scale, n_groups + 1) if correlation else np.full(n_groups + 1, 0.7)
        counts = rng.binomial(n, shares)
        baseline = baseline_share([(int(k), n) for k in counts[:-1]])
        assert baseline is not None
        result = baseline_share_test(int(counts[-1]), n, baseline, "less")
        assert result is not None
        found.append(result.p_value)
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_groups", "correlation"), [(20_000, 7, 0.001), (20_000, 14, 0.01), (500, 14, 0.0)])
def test_the_level_holds(n: int, n_groups: int, correlation: float) -> None:
    found = p_values(n, n_groups, correlation, 600)
    assert (found <= 0.05).mean() <= 0.08
    assert (found <= 0.01).mean() <= 0.022
    if correlation:
        assert (found <= 0.05).mean() >= 0.025, "and is used"


def test_a_test_that_takes_events_for_independent_would_not_hold() -> None:
    rng = np.random.default_rng(7)
    shares = rng.beta(0.7 * 99, 0.3 * 99, (200, 15))
    counts = rng.binomial(20_000, shares)
    naive = [share_test(int(row[-1]), 20_000, int(row[:-1].sum()), 280_000, alternative="less") for row in counts]
    assert np.mean([result is not None and result.p_value <= 0.01 for result in naive]) > 0.3


def test_a_great_change_is_found_in_spite_of_weekends() -> None:
    week = [(700, 1_000)] * 5 + [(450, 1_000)] * 2
    baseline = baseline_share(week * 2)
    assert baseline is not None
    stalled = baseline_share_test(0, 1_000, baseline, "less")
    saturday = baseline_share_test(450, 1_000, baseline, "less")
    assert stalled is not None
    assert saturday is not None
    assert stalled.p_value < 1e-3
    assert saturday.p_value > 0.01


def test_dispersion_beyond_chance_grows_with_the_size_of_a_group() -> None:
    baseline = BaselineShare(k=700, n=1_000, n_groups=10, dispersion=3.0)
    assert [baseline.dispersion_at(n) for n in (0, 50, 100, 1_000)] == [1.0, 2.0, 3.0, 21.0]


def test_too_little_says_nothing() -> None:
    assert baseline_share([(3, 10)]) is None
    assert baseline_share([(3, 10), (0, 0)]) is None
    baseline = baseline_share([(10, 10), (10, 10)])
    assert baseline is not None
    assert baseline.dispersion == 1.0
    assert baseline_share_test(0, 0, baseline, "less") is None

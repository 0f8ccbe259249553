"""The permutation test of mean scores, against exact and drawn distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from driftline.errors import ParameterError
from driftline.significance.sampled_score import sampled_score_test

WRONG = np.array([0.0, 1.0])


def of_wrong(k: int, n: int, k_reference: int, n_reference: int) -> float:
    window, reference = np.array([[k, n - k], [k_reference, n_reference - k_reference]], dtype=float)
    found = sampled_score_test(window, reference, WRONG)
    assert found is not None
    return found.p_value


@pytest.mark.parametrize("n_reference", [1_000, 20_000])
@pytest.mark.parametrize("n", [50, 300])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.3])
def test_two_cells_are_hypergeometric(share: float, n: int, n_reference: int) -> None:
    """To a tenth, at every p-value down to 10⁻³⁰, also where few labels decide, or all of them are in the window."""
    k_reference, checked = round(share * n_reference), 0
    for k in range(1, n + 1):
        exact = stats.hypergeom.sf(k - 1, n + n_reference, k + k_reference, n)
        if 1e-30 < exact < 0.05:
            assert of_wrong(k, n, k_reference, n_reference) == pytest.approx(exact, rel=0.1), (k, exact)
            checked += 1
    assert checked >= 4


@pytest.mark.parametrize("counts", [(3, 50, 0, 3_000), (0, 100, 100, 1_000), (100, 100, 900, 1_000)])
def test_a_window_at_the_end_of_what_is_possible(counts: tuple[int, int, int, int]) -> None:
    """All wrong decisions are in the window, none is, or all of its are wrong: as exact as elsewhere."""
    k, n, k_reference, n_reference = counts
    if k:
        expected = stats.hypergeom.sf(k - 1, n + n_reference, k + k_reference, n)
        assert of_wrong(*counts) == pytest.approx(expected, rel=0.1)
    else:
        sides = np.array([k, n - k], dtype=float), np.array([k_reference, n_reference - k_reference], dtype=float)
        better = sampled_score_test(*sides, -WRONG)
        assert better is not None
        expected = stats.hypergeom.cdf(k, n + n_reference, k + k_reference, n)
        assert better.p_value == pytest.approx(expected, rel=0.1)


def test_scores_of_many_cells_are_those_of_random_samples() -> None:
    """Of a rare cell that decides and of common ones: no less than exact, and within a factor of 3 of that."""
    rng = np.random.default_rng(1)
    counts = np.array([4_000, 800, 150, 40, 10, 2_000], dtype=np.int64)
    scores, n, n_draws = np.array([0.1, -0.4, -2.0, -1.0, -40.0, 0.2]), 400, 200_000
    drawn = rng.multivariate_hypergeometric(counts, n, size=n_draws)
    totals = np.sort(drawn @ scores)
    ratios = []
    for level in (0.01, 0.001):
        total = totals[int(level * n_draws)]
        window = drawn[np.argmin(np.abs(drawn @ scores - total))].astype(float)
        exact = float(np.mean(totals <= window @ scores + 1e-9))
        found = sampled_score_test(window, counts - window, scores)
        assert found is not None
        ratios.append(found.p_value / exact)
    assert all(0.9 <= ratio <= 3 for ratio in ratios), ratios


def test_the_standard_error_is_that_of_random_samples() -> None:
    rng = np.random.default_rng(2)
    counts, scores, n = np.array([900, 80, 20]), np.array([0.5, -2.0, -9.0]), 100
    drawn = rng.multivariate_hypergeometric(counts, n, size=100_000)
    differences = drawn @ scores / n - (counts - drawn) @ scores / (1_000 - n)
    found = sampled_score_test(drawn[0].astype(float), (counts - drawn[0]).astype(float), scores)
    assert found is not None
    assert found.standard_error == pytest.approx(differences.std(), rel=0.01)


@pytest.mark.parametrize("factor", [1.0, 1e-3, 1e6])
def test_the_unit_of_scores_is_free_and_so_is_where_they_start(factor: float) -> None:
    sides = np.array([20.0, 70.0, 10.0]), np.array([50.0, 950.0, 10.0])
    scores = np.array([-3.0, 1.0, -5.0])
    found, again = (sampled_score_test(*sides, each) for each in (scores, factor * (scores + 7)))
    assert found is not None
    assert again is not None
    assert again.quantile == pytest.approx(found.quantile, rel=1e-9)


def test_a_window_that_scores_no_less_has_no_quantile() -> None:
    for sides in (([5.0, 95.0], [50.0, 950.0]), ([1.0, 99.0], [50.0, 950.0]), ([0.0, 50.0], [0.0, 950.0])):
        found = sampled_score_test(np.array(sides[0]), np.array(sides[1]), WRONG)
        assert found is not None
        assert (found.quantile, found.p_value) == (0.0, 1.0)
    assert sampled_score_test(np.zeros(2), np.array([1.0, 9.0]), WRONG) is None
    assert sampled_score_test(np.array([1.0, 9.0]), np.zeros(2), WRONG) is None


def test_labels_in_bursts_count_for_a_part_and_an_estimated_dispersion_widens() -> None:
    sides = np.array([20.0, 80.0]), np.array([500.0, 9_500.0])
    known, fourfold = (sampled_score_test(*sides, WRONG, dispersion=each) for each in (1.0, 4.0))
    fewer = sampled_score_test(sides[0] / 4, sides[1] / 4, WRONG)
    estimated = sampled_score_test(*sides, WRONG, degrees_of_freedom=10.0)
    assert known is not None
    assert fourfold is not None
    assert fourfold == fewer
    assert fourfold.standard_error == pytest.approx(2 * known.standard_error)
    assert estimated is not None
    assert estimated.quantile == known.quantile
    assert estimated.p_value == special.stdtr(10.0, -known.quantile) > known.p_value


def test_a_dispersion_below_1_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"Expected a dispersion of at least 1, got 0\.5"):
        sampled_score_test(np.ones(2), np.ones(2), WRONG, dispersion=0.5)

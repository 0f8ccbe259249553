from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import signal, special

from driftline.errors import ParameterError
from driftline.significance.dispersed_pearson import dispersed_pearson
from driftline.significance.dispersion import Dispersion, estimate, independent, weights_of
from driftline.significance.pearson import pearson
from driftline.sketches.dispersion_sums import ColumnSums, DispersionSums


def sums_of(counts: np.ndarray, per_window: int = 50) -> ColumnSums:
    sums = DispersionSums(1, counts.shape[1], panes_per_window=per_window)
    for pane, row in enumerate(counts):
        sums.add(pane, row[None])
    return sums.column(0)


def stream(
    rng: np.random.Generator, n_panes: int, per_pane: int, *, phi: float = 0.0, n_groups: int = 10
) -> np.ndarray:
    z = rng.standard_normal(n_panes * per_pane)
    z[1:] *= math.sqrt(1 - phi**2)
    groups = (special.ndtr(signal.lfilter([1.0], [1.0, -phi], z)) * n_groups).astype(int)
    panes = np.repeat(np.arange(n_panes), per_pane)
    return np.bincount(panes * n_groups + groups, minlength=n_panes * n_groups).reshape(n_panes, n_groups)


def estimated(counts: np.ndarray, per_window: int = 50) -> Dispersion:
    return estimate(sums_of(counts, per_window), range(counts.shape[1]), least_span=1)


def test_independent_events_are_taken_as_independent() -> None:
    rng = np.random.default_rng(1)
    found = [estimated(rng.multinomial(20, np.full(10, 0.1), 1_000)) for _ in range(40)]
    assert sum(dispersion.independent for dispersion in found) >= 38
    usual = next(dispersion for dispersion in found if dispersion.independent)
    assert usual.lambda_bar == pytest.approx(1.0)
    assert usual.covariance == pytest.approx(np.diag(usual.shares) - np.outer(usual.shares, usual.shares))
    assert not usual.excess.any()


def test_the_modes_of_an_autocorrelated_stream_are_found() -> None:
    # Mode k of a Gaussian copula has the correlation φ^k, so the first design effect is near (1 + φ) / (1 − φ) = 19.
    dispersion = estimated(stream(np.random.default_rng(2), 20_000, 20, phi=0.9))
    assert not dispersion.independent
    standardised, _ = dispersion.standardised(tuple(range(10)))
    values = np.linalg.eigvalsh(standardised)[::-1]
    assert values[0] == pytest.approx(18, rel=0.12)
    assert values[1] == pytest.approx(8.5, rel=0.15)
    assert values[-2] < 3


def test_bursts_multiply_all_modes_alike() -> None:
    rng = np.random.default_rng(3)
    dispersion = estimated(5 * rng.multinomial(8, np.full(10, 0.1), 4_000))
    assert dispersion.lambda_bar == pytest.approx(5, rel=0.05)
    assert dispersion.design_effects(0) == pytest.approx(np.full(10, 5), rel=0.3)
    assert dispersion.scalar([0, 1, 2], 1_000) == pytest.approx(5, rel=0.2)


def test_a_season_shows_between_windows() -> None:
    rng = np.random.default_rng(4)
    days = np.arange(10_000) / 2_400
    first = 0.1 + 0.03 * np.sin(2 * np.pi * days)
    shares = np.column_stack([first, *([(1 - first) / 9] * 9)])
    dispersion = estimated(rng.multinomial(50, shares), per_window=100)
    # The variance of the sine is 0.03² / 2, whatever the number of events.
    assert dispersion.excess[0, 0] == pytest.approx(0.00045, rel=0.4)
    assert dispersion.design_effects(50_000)[0] > 100


@pytest.mark.parametrize("counts", [np.zeros((200, 3), int), np.array([[9, 0, 0]] * 200), np.array([[0, 4, 5]] * 200)])
def test_columns_that_never_vary_have_a_sound_estimate(counts: np.ndarray) -> None:
    dispersion = estimated(counts)
    assert np.isfinite(dispersion.covariance).all()
    assert (dispersion.shares > 0).all()
    assert dispersion.lambda_bar == pytest.approx(1.0)
    result = dispersed_pearson(np.array([50, 60, 70]), np.array([500, 600, 700]), dispersion, ordered=True)
    assert result is not None
    assert result.p_value > 0.5


def test_a_group_that_the_estimate_never_saw_is_as_dispersed_as_the_worst() -> None:
    rng = np.random.default_rng(5)
    counts = np.zeros((2_000, 4), int)
    counts[:, :3] = 5 * rng.multinomial(8, [0.3, 0.3, 0.4], 2_000)
    dispersion = estimated(counts)
    assert dispersion.design_effects(0)[3] == pytest.approx(dispersion.design_effects(0)[:3].max(), rel=0.01)
    assert dispersion.scalar([3], 100) >= 4


def test_status_tells_how_far_the_estimate_can_be_trusted() -> None:
    rng = np.random.default_rng(6)
    counts = rng.multinomial(20, [0.5, 0.5], 2_000)
    groups = (0, 1)
    assert estimate(sums_of(counts[:99]), groups, least_span=1).status == "calibrating"
    assert estimate(sums_of(counts[:100]), groups, least_span=1).status == "widened"
    assert estimate(sums_of(counts[:1_500]), groups, least_span=1).status == "settled"
    assert estimate(sums_of(counts[:1_500]), groups).status == "calibrating"
    assert independent(3).status == "settled"


def test_base_groups_can_be_joined_and_left_out() -> None:
    rng = np.random.default_rng(7)
    counts = 4 * rng.multinomial(10, [0.2, 0.2, 0.3, 0.2, 0.1], 1_500)
    joined = estimate(sums_of(counts), (0, 0, 1, -1), least_span=1)
    direct = estimate(sums_of(np.column_stack([counts[:, :2].sum(axis=1), counts[:, 2]])), (0, 1), least_span=1)
    assert joined.covariance == pytest.approx(direct.covariance)
    assert joined.shares == pytest.approx(direct.shares)
    with pytest.raises(ParameterError, match="numbered from 0 without gaps"):
        estimate(sums_of(counts), (0, 2, 2, 2, 2))


def test_with_nothing_known_of_dispersion_it_is_pearsons_test() -> None:
    current, reference = np.array([30, 45, 25]), np.array([1_000, 1_000, 1_000])
    plain = pearson(current, reference, ordered=True)
    assert plain is not None
    for dispersion in (None, independent(3)):
        result = dispersed_pearson(current, reference, dispersion, ordered=True)
        assert result is not None
        assert (result.p_value, result.tail, result.statistic) == (plain.p_value, plain.tail, plain.statistic)


def test_the_null_law_is_that_of_the_formulas_written_out() -> None:
    rng = np.random.default_rng(8)
    dispersion = estimated(stream(rng, 3_000, 20, phi=0.9))
    current, reference = stream(rng, 2_000, 20, phi=0.9).sum(axis=0), stream(rng, 3_000, 20, phi=0.9).sum(axis=0)
    current[0] += 600
    result = dispersed_pearson(current, reference, dispersion, ordered=True)
    assert result is not None
    assert result.tail == "weighted_chi_squared"
    n, n_reference = current.sum(), reference.sum()
    root = np.diag(dispersion.shares**-0.5)
    per_event = dispersion.covariance / n + dispersion.covariance / n_reference
    per_event = per_event + dispersion.excess * (1 + dispersion.window_events / n_reference)
    weights = np.linalg.eigvalsh(root @ per_event @ root / (1 / n + 1 / n_reference))[1:]
    assert result.lambda_max == pytest.approx(weights.max(), rel=1e-6)
    assert result.lambda_bar == pytest.approx(weights.mean(), rel=1e-6)
    assert result.freedom == pytest.approx(dispersion.freedom * (weights**2).sum() ** 2 / (weights**4).sum(), rel=1e-6)
    draws = np.random.default_rng(9)
    simulated = draws.chisquare(1, (400_000, weights.size)) @ weights
    simulated /= draws.chisquare(result.freedom, 400_000) / result.freedom
    assert result.p_value == pytest.approx((simulated >= result.statistic).mean(), rel=0.1)


@pytest.mark.parametrize("current", [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 300], [40, 60, 0, 0]])
def test_few_events_and_empty_groups_are_sound(current: list[int]) -> None:
    rng = np.random.default_rng(10)
    dispersion = estimated(5 * rng.multinomial(8, [0.4, 0.5, 0.1, 0.0], 1_500))
    reference = np.array([4_000, 5_000, 1_000, 0])
    result = dispersed_pearson(np.array(current), reference, dispersion, ordered=False)
    assert (result is None) == (sum(current) == 0)
    if result is not None:
        assert 0 <= result.p_value <= 1
        assert math.isfinite(result.statistic)
        assert (result.p_value < 1e-6) == (current[3] == 300)
    with pytest.raises(ParameterError, match="4 groups on both sides"):
        dispersed_pearson(np.array([1, 2]), np.array([1, 2]), dispersion, ordered=True)


@pytest.mark.slow
def test_the_level_holds_on_a_bursty_stream_and_independent_data_keep_half_of_it() -> None:
    rng = np.random.default_rng(11)
    rejected = {1: 0, 5: 0}
    for burst in rejected:
        for _ in range(150):
            panes = burst * rng.multinomial(60 // burst, np.full(10, 0.1), 1_000)
            dispersion = estimated(panes)
            for window in burst * rng.multinomial(1_200 // burst, np.full(10, 0.1), 10):
                result = dispersed_pearson(window, panes.sum(axis=0), dispersion, ordered=True)
                assert result is not None
                rejected[burst] += result.p_value <= 0.05
    assert 38 <= rejected[1] <= 105
    assert rejected[5] <= 113


def test_merging_does_not_hide_what_varies() -> None:
    """A mean that wanders moves events from one end to the other; of the middle against both ends little is left."""
    shares = np.array([0.16, 0.68, 0.16])
    linear, square = np.array([1.0, 0.0, -1.0]), np.array([1.0, -2 * 0.16 / 0.68, 1.0])
    modes = [(46.0, linear), (2.5, square)]
    covariance = sum(
        (effect * np.outer(shares * mode, shares * mode) / float(shares @ mode**2) for effect, mode in modes),
        np.zeros((3, 3)),
    )
    dispersion = replace(
        independent(3), covariance=covariance, shares=shares, freedom=370.0, independent=False, n_events=400_000
    )
    assert weights_of(dispersion.standardised((0, 1, 2))[0]) == pytest.approx([46, 2.5])
    far = dispersed_pearson(np.array([315, 287, 12]), np.array([367, 1_767, 452]), dispersion, ordered=True)
    assert far is not None
    assert far.groups == (1, 0, 1), "of 46 equal events each, the ends hold too few"
    assert far.lambda_max == pytest.approx(24.25 / 2, rel=0.02)
    assert far.p_value > 1e-3, "three standard deviations of the mean"
    twenty = 20 * (np.diag(shares) - np.outer(shares, shares))
    alike = replace(dispersion, covariance=twenty, _standardised={}, _eigenvalues={})
    bursts = dispersed_pearson(np.array([315, 287, 12]), np.array([367, 1_767, 452]), alike, ordered=True)
    assert bursts is not None
    assert bursts.lambda_max == pytest.approx(20), "where all modes vary alike, nothing is raised"


def test_what_long_windows_vary_by_is_taken_over_with_their_degrees_of_freedom() -> None:
    plain = independent(3)
    shares = np.array([0.2, 0.3, 0.5])
    excess = 0.01 * (np.diag(shares) - np.outer(shares, shares))
    long = replace(plain, excess=excess, freedom=7.0, independent=False)
    short = plain.carrying(long)
    assert (short.excess == excess).all()
    assert (short.freedom, short.independent, short.slow) == (7.0, False, True)
    assert (short.covariance == plain.covariance).all()
    assert long.carrying(replace(long, excess=excess / 2, freedom=3.0)) is long, "it varies more by itself"
    assert plain.carrying(plain) is plain

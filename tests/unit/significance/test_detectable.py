"""The smallest detectable changes, held against simulated windows that have just such a change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, special

from driftline import distances
from driftline.errors import ParameterError
from driftline.significance.detectable import (
    PowerAnalysis,
    detectable_mean_shift,
    detectable_psi,
    detectable_share_rise,
)
from driftline.significance.pearson import pearson
from driftline.significance.share import share_test

GROUPS = 20
LEVEL = 7e-6
N_REFERENCE = 20_000
WINDOWS = 500
EVEN = np.full(GROUPS, 1 / GROUPS)


def shifted(shift: float) -> np.ndarray:
    """Return the shares of groups of equal reference share after a shift of a normal column."""
    edges = special.ndtri(np.cumsum(EVEN)[:-1])
    return np.diff(special.ndtr(np.concatenate(([-np.inf], edges - shift, [np.inf]))))


def of_psi(psi: float) -> np.ndarray:
    """Return shares with a given index: the lower half of the groups more frequent, the upper half less."""
    halves = np.where(np.arange(GROUPS) < GROUPS // 2, 1.0, -1.0)

    def too_large(change: float) -> float:
        here = EVEN * (1 + change * halves)
        return float(((here - EVEN) * np.log(here / EVEN)).sum()) - psi

    shares: np.ndarray = EVEN * (1 + float(optimize.brentq(too_large, 0.0, 0.999)) * halves)
    return shares


def share_found(shares: np.ndarray, n: int, gate: float) -> float:
    """Return the share of windows in which Pearson's test comes out and the corrected index passes the gate."""
    rng = np.random.default_rng([n, int(1_000 * gate)])
    found = 0
    for _ in range(WINDOWS):
        current, reference = rng.multinomial(n, shares), rng.multinomial(N_REFERENCE, EVEN)
        result, psi = pearson(current, reference, ordered=True), distances.get("psi")(current, reference)
        assert result is not None
        assert psi is not None
        assert psi.corrected is not None
        found += result.p_value <= LEVEL and psi.corrected >= gate
    return found / WINDOWS


@pytest.mark.parametrize("gate", [0.0, 0.1])
@pytest.mark.parametrize("n", [200, 1_000, 10_000])
def test_a_change_of_the_stated_size_is_found_in_about_80_percent_of_windows(n: int, gate: float) -> None:
    analysis = PowerAnalysis(level=LEVEL, n=n, n_reference=N_REFERENCE)
    assert 0.7 <= share_found(shifted(detectable_mean_shift(analysis, GROUPS, gate).by_test_and_gate), n, gate) <= 0.9
    assert 0.7 <= share_found(of_psi(detectable_psi(analysis, GROUPS, gate).by_test_and_gate), n, gate) <= 0.9


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("n", [200, 1_000, 10_000])
def test_a_rise_of_the_stated_size_is_found_in_about_80_percent_of_windows(n: int, share: float) -> None:
    rise = detectable_share_rise(PowerAnalysis(level=LEVEL, n=n, n_reference=N_REFERENCE), share, 0.01).by_test_and_gate
    rng = np.random.default_rng([n, int(100 * share)])
    counts = zip(rng.binomial(n, share + rise, WINDOWS), rng.binomial(N_REFERENCE, share, WINDOWS), strict=True)
    found = 0
    for k, k_reference in counts:
        result = share_test(int(k), n, int(k_reference), N_REFERENCE)
        assert result is not None
        found += result.p_value <= LEVEL and result.share - result.share_reference >= 0.01
    assert 0.7 <= found / WINDOWS <= 0.9


def test_a_rise_in_bursts_of_four_is_found_in_about_80_percent_of_windows() -> None:
    n, burst, share = 4_000, 4, 0.05
    analysis = PowerAnalysis(level=LEVEL, n=n, n_reference=N_REFERENCE, dispersion=burst)
    rise = detectable_share_rise(analysis, share, 0.0).by_test
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(WINDOWS):
        k, k_reference = rng.binomial(n // burst, share + rise), rng.binomial(N_REFERENCE // burst, share)
        result = share_test(int(k) * burst, n, int(k_reference) * burst, N_REFERENCE, dispersion=burst)
        assert result is not None
        found += result.p_value <= LEVEL
    assert 0.7 <= found / WINDOWS <= 0.9


def test_a_smaller_level_fewer_events_and_more_dispersion_cost_power() -> None:
    base = PowerAnalysis(level=1e-4, n=1_000, n_reference=N_REFERENCE)
    harder = (
        PowerAnalysis(level=1e-6, n=1_000, n_reference=N_REFERENCE),
        PowerAnalysis(level=1e-4, n=500, n_reference=N_REFERENCE),
        PowerAnalysis(level=1e-4, n=1_000, n_reference=1_000),
        PowerAnalysis(level=1e-4, n=1_000, n_reference=N_REFERENCE, dispersion=3.0),
        PowerAnalysis(level=1e-4, n=1_000, n_reference=N_REFERENCE, power=0.95),
    )
    for each in harder:
        assert detectable_psi(each, GROUPS, 0.0).by_test > detectable_psi(base, GROUPS, 0.0).by_test
        assert detectable_mean_shift(each, GROUPS, 0.0).by_test > detectable_mean_shift(base, GROUPS, 0.0).by_test
        assert detectable_share_rise(each, 0.05, 0.0).by_test > detectable_share_rise(base, 0.05, 0.0).by_test


def test_the_gate_decides_where_events_are_many() -> None:
    many = detectable_psi(PowerAnalysis(level=LEVEL, n=100_000, n_reference=1_000_000), GROUPS, 0.1)
    assert many.by_test < 0.002
    assert 0.1 < many.by_test_and_gate < 0.11
    few = detectable_psi(PowerAnalysis(level=LEVEL, n=200, n_reference=N_REFERENCE), GROUPS, 0.1)
    assert few.by_test_and_gate == few.by_test > 0.1


def test_where_no_change_can_be_found_the_answer_is_infinite() -> None:
    hopeless = PowerAnalysis(level=1e-12, n=5, n_reference=10)
    assert detectable_share_rise(hopeless, 0.5, 0.0).by_test == math.inf
    assert detectable_mean_shift(hopeless, GROUPS, 0.0).by_test == math.inf
    assert (
        detectable_share_rise(PowerAnalysis(level=0.01, n=50, n_reference=N_REFERENCE), 0.5, 0.6).by_test_and_gate
        == math.inf
    )


def test_a_level_of_one_needs_no_change() -> None:
    assert detectable_psi(PowerAnalysis(level=1.0, n=1_000, n_reference=N_REFERENCE), GROUPS, 0.0).by_test == 0.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"level": 0.0}, "a level above 0"),
        ({"n": 0}, "at least 1 event"),
        ({"dispersion": 0.5}, "a finite dispersion of at least 1"),
        ({"power": 1.0}, "a power between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        PowerAnalysis(**{"level": 0.01, "n": 100, "n_reference": 100, **changed})  # type: ignore[arg-type]  # n is whole


def test_a_share_of_one_cannot_rise() -> None:
    with pytest.raises(ParameterError, match="below 1"):
        detectable_share_rise(PowerAnalysis(level=0.01, n=100, n_reference=100), 1.0, 0.0)

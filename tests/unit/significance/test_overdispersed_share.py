from __future__ import annotations

import math

import numpy as np
import pytest

from driftline.errors import ParameterError
from driftline.significance import Alternative, ShareResult, known_share_test, share_test

BURSTS = {
    "all of 5": np.array([0, 0, 0, 0, 0, 1.0]),
    "1 to 20, evenly": np.array([0, *([0.05] * 20)]),
    "geometric": np.array([0, *(0.2 * 0.8 ** np.arange(150))]),
}


def _dispersion(sizes: np.ndarray) -> float:
    s = np.arange(sizes.size)
    return float((s * s * sizes).sum() / (s * sizes).sum())


def _counts_in_bursts(mean: float, sizes: np.ndarray, most: int) -> np.ndarray:
    """Probabilities of 0 to `most` marked events that come in bursts of these sizes, by Panjer's recursion."""
    s = np.arange(sizes.size)
    rate = mean / (s * sizes).sum()
    mass = np.zeros(most + 1)
    mass[0] = math.exp(-rate)
    for k in range(1, most + 1):
        j = min(k, sizes.size - 1)
        mass[k] = rate / k * (s[1 : j + 1] * sizes[1 : j + 1] * mass[k - j : k][::-1]).sum()
    return mass


def _p(result: ShareResult | None) -> float:
    assert result is not None
    return result.p_value


@pytest.mark.slow
@pytest.mark.parametrize("sizes", BURSTS.values(), ids=BURSTS.keys())
@pytest.mark.parametrize("mean", [20, 300])
def test_bursts_keep_the_level_against_a_known_share(sizes: np.ndarray, mean: int) -> None:
    n, dispersion = 2_000_000, _dispersion(sizes)
    mass = _counts_in_bursts(mean, sizes, 4 * mean + int(50 * dispersion))
    alternatives: tuple[Alternative, ...] = ("greater", "less", "two_sided")
    for alternative in alternatives:
        p_values = np.array(
            [
                _p(known_share_test(k, n, mean / n, alternative=alternative, dispersion=dispersion))
                for k in range(mass.size)
            ]
        )
        for level in (1e-2, 1e-3, 1e-5, 1e-7):
            assert mass[p_values <= level].sum() <= level
    assert mass[p_values <= 0.05].sum() > 0.25 * 0.05, "a test that never rejects keeps every level"


def test_bursts_keep_the_level_against_an_estimated_share() -> None:
    n, n_reference, sizes = 1_000, 2_000, BURSTS["all of 5"]
    dispersion = _dispersion(sizes)
    window = _counts_in_bursts(30, sizes, 250)
    reference = _counts_in_bursts(30 * n_reference / n, sizes, 600)
    rejected = dict.fromkeys((0.05, 1e-3, 1e-5), 0.0)
    for k_reference in np.flatnonzero(reference > 1e-8):
        p_values = np.array(
            [
                _p(share_test(k, n, int(k_reference), n_reference, alternative="greater", dispersion=dispersion))
                for k in range(0, window.size, 5)
            ]
        )
        for level in rejected:
            rejected[level] += float(reference[k_reference] * window[::5][p_values <= level].sum())
    assert all(share <= level for level, share in rejected.items())
    assert rejected[0.05] >= 0.4 * 0.05


def test_autocorrelated_events_keep_the_level() -> None:
    rng, windows, n, length, phi = np.random.default_rng(8), 3_000, 500, 2_500, 0.9
    latent = rng.standard_normal(windows)
    counts = np.zeros((2, windows), dtype=np.int64)
    for i in range(length):
        latent = phi * latent + math.sqrt(1 - phi * phi) * rng.standard_normal(windows)
        counts[int(i >= n)] += latent > 1.6449
    current, reference = counts
    share = 0.05
    dispersion = float(current.var() / (n * share * (1 - share)))
    assert dispersion > 3
    p_values = np.array(
        [
            _p(share_test(int(k), n, int(m), length - n, dispersion=dispersion))
            for k, m in zip(current, reference, strict=True)
        ]
    )
    assert 0.2 * 0.05 * windows <= (p_values <= 0.05).sum() <= 0.05 * windows + 3 * math.sqrt(0.05 * windows)
    assert (p_values <= 0.001).sum() <= 10


@pytest.mark.parametrize("counts", [(9, 200, 20, 4096), (3, 200, 0, 4096), (300, 1000, 700, 1000), (0, 200, 90, 4096)])
@pytest.mark.parametrize("alternative", ["greater", "less", "two_sided"])
def test_hardly_any_overdispersion_is_none(counts: tuple[int, int, int, int], alternative: Alternative) -> None:
    exact = _p(share_test(*counts, alternative=alternative))
    assert _p(share_test(*counts, alternative=alternative, dispersion=1 + 1e-12)) == pytest.approx(exact, rel=1e-8)


def test_more_overdispersion_is_less_evidence() -> None:
    p_values = [_p(share_test(60, 1000, 80, 4096, dispersion=dispersion)) for dispersion in (1, 1.0005, 1.5, 3, 9, 40)]
    known = [_p(known_share_test(60, 1000, 0.02, dispersion=dispersion)) for dispersion in (1, 1.0005, 1.5, 3, 9, 40)]
    assert p_values == sorted(p_values)
    assert known == sorted(known)
    widened = [_p(share_test(60, 1000, 80, 4096, dispersion=3, degrees_of_freedom=nu)) for nu in (math.inf, 200, 20, 4)]
    assert widened == sorted(widened)
    assert widened[0] == p_values[3]


def test_both_sides_are_treated_alike() -> None:
    marked = share_test(60, 1000, 80, 4096, dispersion=4.0, alternative="less")
    others = share_test(20, 1000, 10, 4096, dispersion=4.0, alternative="less")
    assert marked is not None
    assert others is not None
    assert marked.p_value > 0.99
    assert others.p_value > 0.99
    assert (marked.dispersion, marked.degrees_of_freedom) == (4.0, None)


def test_shares_at_the_ends_and_large_counts_have_p_values() -> None:
    for counts in ((0, 50, 0, 4096), (50, 50, 4096, 4096), (1, 1, 0, 1), (0, 1, 1, 1), (10**6, 10**6, 10**6, 10**6)):
        assert _p(share_test(*counts, dispersion=6.0)) > 0.01
    assert _p(share_test(10**6, 10**6, 0, 10**6, dispersion=6.0)) == 0.0
    assert _p(share_test(5_500, 100_000, 2_000, 40_000, dispersion=12.0)) > 1e-3
    assert _p(known_share_test(3, 5, 0.1, dispersion=50.0)) > 0.05
    assert _p(known_share_test(1, 500, 0.0, dispersion=3.0)) == 0.0
    assert 0 < _p(share_test(10**6, 10**6, 0, 10**6, dispersion=6.0, degrees_of_freedom=30)) < 1e-20


@pytest.mark.parametrize(
    ("dispersion", "nu", "message"),
    [
        (0.9, None, r"Expected a finite dispersion of at least 1, got 0\.9 - at `\$\.dispersion`"),
        (math.nan, None, r"Expected a finite dispersion of at least 1, got nan"),
        (math.inf, None, r"Expected a finite dispersion of at least 1, got inf"),
        (2.0, 0.0, r"Expected degrees of freedom above 0, or None, got 0\.0 - at `\$\.degrees_of_freedom`"),
        (2.0, math.nan, r"Expected degrees of freedom above 0, or None, got nan"),
    ],
)
def test_what_is_no_dispersion_is_refused(dispersion: float, nu: float | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        share_test(1, 5, 1, 5, dispersion=dispersion, degrees_of_freedom=nu)
    with pytest.raises(ParameterError, match=message):
        known_share_test(1, 5, 0.2, dispersion=dispersion, degrees_of_freedom=nu)

"""Without change the corrected distances are zero on average, to within what they state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from driftline import distances
from driftline.distances import Support

if TYPE_CHECKING:
    import numpy.typing as npt

ROOTS = {"hellinger", "jensen_shannon", "energy_distance"}
"""Their squares are corrected."""
N_WINDOWS = 1_500
STANDARD_ERRORS = 4


class _Null(NamedTuple):
    n: int
    n_reference: int
    shares: npt.NDArray[np.float64]
    tolerance: float
    """Of the first-order corrections, as a part of the raw distance's mean."""


CASES = {
    "20 groups, 50 events each": _Null(1_000, 4_096, np.full(20, 1 / 20), 0.06),
    "20 groups, 10 events each": _Null(200, 4_096, np.full(20, 1 / 20), 0.14),
    "unequal": _Null(2_000, 8_000, np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.02]), 0.06),
    "grid": _Null(4_000, 20_000, np.full(200, 1 / 200), 0.06),
    "two bins": _Null(500, 500, np.array([0.3, 0.7]), 0.06),
}


def _means(key: str, case: _Null, *, copies: int = 1) -> tuple[float, float, float]:
    """Return the means of the raw and the corrected distance (of a root: of their squares), and the standard error."""
    rng = np.random.default_rng([case.n, case.shares.size, copies])
    found = distances.get(key)
    edges = np.arange(case.shares.size + 1, dtype=np.float64) ** 1.2
    support = Support(edges[:-1], edges[1:])
    currents = copies * rng.multinomial(case.n // copies, case.shares, N_WINDOWS)
    references = copies * rng.multinomial(case.n_reference // copies, case.shares, N_WINDOWS)
    raw, corrected = [], []
    for current, reference in zip(currents, references, strict=True):
        result = found(current, reference, support=support, dispersion=float(copies))
        assert result is not None
        assert result.corrected is not None
        power = 2 if key in ROOTS else 1
        raw.append(result.raw**power)
        corrected.append(math.copysign(abs(result.corrected) ** power, result.corrected))
    return float(np.mean(raw)), float(np.mean(corrected)), float(np.std(corrected)) / math.sqrt(N_WINDOWS)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("key", [key for key in distances.names() if key != "novelty"])
def test_the_corrected_distance_of_unchanged_windows_is_zero_on_average(key: str, case: str) -> None:
    raw, corrected, error = _means(key, CASES[case])
    assert raw > 0
    assert abs(corrected) <= CASES[case].tolerance * raw + STANDARD_ERRORS * error


@pytest.mark.parametrize("key", [key for key in distances.names() if key != "novelty"])
def test_the_correction_scales_with_dispersion(key: str) -> None:
    """Each event four times: all modes of the histogram have four times the variance."""
    raw, corrected, error = _means(key, CASES["unequal"], copies=4)
    assert abs(corrected) <= 0.06 * raw + STANDARD_ERRORS * error
    assert STANDARD_ERRORS * error < 0.25 * raw  # or the test would let anything pass


def test_novelty_of_unchanged_windows_is_zero_on_average_though_its_bins_are_chosen_by_their_counts() -> None:
    rng = np.random.default_rng(1)
    shares = np.concatenate([np.full(10, 0.099), np.full(40, 0.00025)])
    raw, corrected = [], []
    for _ in range(1_500):
        result = distances.get("novelty")(rng.multinomial(2_000, shares), rng.multinomial(4_000, shares))
        assert result is not None
        assert result.corrected is not None
        raw.append(result.raw)
        corrected.append(result.corrected)
    assert np.mean(raw) > 0.009
    assert abs(np.mean(corrected)) < 0.01 * np.mean(raw) + STANDARD_ERRORS * np.std(corrected) / math.sqrt(1_500)


def test_novelty_counts_what_the_reference_hardly_has() -> None:
    result = distances.get("novelty")(np.array([50, 30, 20]), np.array([9_998, 10, 11]))
    assert result is not None
    assert result.raw == pytest.approx(0.3)
    assert result.corrected == pytest.approx(0.3 - 21 / 10_019)


def test_kolmogorov_smirnovs_expectation_is_kolmogorovs_for_many_bins() -> None:
    counts = np.full(1_000, 1_000)
    result = distances.get("kolmogorov_smirnov")(counts, counts)
    assert result is not None
    assert result.corrected is not None
    limit = math.sqrt(2 / 1_000_000) * math.sqrt(math.pi / 2) * math.log(2)
    assert -result.corrected == pytest.approx(limit, rel=0.04)

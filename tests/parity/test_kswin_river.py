"""KSWIN on histograms, with a bin for each value: where river's sample is all older values, it is river's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from river import drift
from scipy import stats

from driftline.detectors import Block
from driftline.detectors.kswin import Kswin, KswinParameters, p_value

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

RiverKswin: Any = drift.KSWIN
N_VALUES = 40


def _jumps(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    parts = [rng.normal(mean, 4, 150) for mean in (15, 18, 10, 30)]
    return np.clip(np.rint(np.concatenate(parts)), 0, N_VALUES - 1).astype(np.int64)


def _spreads(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The mean stays."""
    parts = [rng.normal(20, spread, 200) for spread in (2, 8, 3)]
    return np.clip(np.rint(np.concatenate(parts)), 0, N_VALUES - 1).astype(np.int64)


def _few(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.concatenate([rng.integers(0, high, 150) for high in (3, 4, 3, 9)])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("stream", [_jumps, _spreads, _few])
@pytest.mark.parametrize(("size", "alpha"), [(30, 0.005), (20, 0.05), (12, 0.1), (50, 1e-4)])
def test_with_blocks_of_one_value_it_detects_where_river_does(
    stream: Callable[[np.random.Generator], npt.NDArray[np.int64]], size: int, alpha: float, seed: int
) -> None:
    values = stream(np.random.default_rng(seed))
    ours = Kswin(KswinParameters(alpha=alpha, window_size=2 * size, stat_size=size))
    theirs = RiverKswin(alpha=alpha, window_size=2 * size, stat_size=size, seed=1)
    found, expected = [], []
    for i, value in enumerate(values):
        counts = tuple(int(value == j) for j in range(N_VALUES))
        if ours.update(Block(1, float(value), counts=counts)) is not None:
            found.append(i)
        theirs.update(float(value))
        if theirs.drift_detected:
            expected.append(i)
    assert found == expected
    assert found or stream is not _jumps


@pytest.mark.parametrize("n", [1, 2, 7, 20, 30, 100, 1000])
def test_equal_sides_have_scipys_exact_p_values(n: int) -> None:
    assert p_value(0.0, n, n) == 1
    assert p_value(1 / n, n, n) == pytest.approx(1, abs=1e-12)
    for steps in sorted({n // 10, n // 4, n // 3, n // 2, n} - {0, 1}):
        values = np.arange(n, dtype=np.float64)
        shifted = np.concatenate([np.repeat(-1.0, steps), values[: n - steps]]) if steps else values
        oracle = stats.ks_2samp(values, shifted, method="exact")
        assert p_value(oracle.statistic, n, n) == pytest.approx(oracle.pvalue, rel=1e-9)


@pytest.mark.parametrize(("n0", "n1"), [(200, 333), (1000, 3000), (5000, 20_000), (12_000, 12_000)])
def test_other_sides_have_nearly_scipys_p_values(n0: int, n1: int) -> None:
    """Stephens' correction is made for one sample, and SciPy rounds the effective number of events."""
    effective = n0 * n1 / (n0 + n1)
    for x in (0.8, 1.2, 1.6, 2.0):
        distance = x / effective**0.5
        oracle = stats.kstwo.sf(distance, round(effective))
        assert p_value(distance, n0, n1) == pytest.approx(oracle, rel=0.1)

"""The bound of quantiles on the logarithmic grid, against NumPy over distributions of many shapes and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.sketches.log_grid import GREATEST, N_BINS, RELATIVE_ERROR, bins_of, middle_of
from driftline.sketches.operations import quantiles

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "lognormal": lambda rng, n: rng.lognormal(3, 2, n),
    "uniform": lambda rng, n: rng.uniform(0, 1_000, n),
    "pareto": lambda rng, n: rng.pareto(1.1, n) + 1,
    "constant": lambda _rng, n: np.full(n, 123.456),
    "bytes": lambda rng, n: np.floor(rng.lognormal(20, 1, n)),
    "tiny": lambda rng, n: rng.uniform(2.0**-20, 2.0**-18, n),
    "with zeros": lambda rng, n: np.where(rng.random(n) < 0.3, 0.0, rng.exponential(5, n)),
}


@pytest.mark.parametrize("n", [1, 2, 7, 100, 10_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_quantile_is_at_most_a_hundredth_from_the_value_of_its_rank(shape: str, n: int) -> None:
    values = SHAPES[shape](np.random.default_rng(n), n)
    counts = np.bincount(bins_of(values), minlength=N_BINS)
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        (found,) = quantiles(counts, share)
        assert abs(found - exact) <= RELATIVE_ERROR * exact + 2.0**-20
        assert abs(found - exact) <= 0.01 * exact + 2.0**-20


def test_every_value_is_in_the_bin_of_its_middle() -> None:
    cells = np.arange(N_BINS)
    middles = np.array([middle_of(int(cell)) for cell in cells])
    assert bins_of(middles).tolist() == cells.tolist()
    assert (np.diff(middles) > 0).all()
    assert bins_of(np.array([GREATEST, 1e300, 2.0**-21])).tolist() == [N_BINS - 1, N_BINS - 1, 0]

from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import bin_of, build_edges
from driftline.sketches.view import bars, quantiles


def column(values: np.ndarray) -> tuple[NumericColumn, np.ndarray]:
    edges = build_edges(values)
    counts = np.bincount(bin_of(edges, values), minlength=edges.size + 1)
    low, high = float(values.min()), float(values.max())
    return NumericColumn("x", "feature", edges.tobytes(), float(values.mean()), 1.0, low, high), counts


def test_quantiles_are_within_a_bin() -> None:
    values = np.random.default_rng(1).lognormal(0, 1, 50_000)
    levels = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
    read = quantiles(*column(values), levels)
    below = np.searchsorted(np.sort(values), read) / values.size
    assert np.abs(below - levels).max() <= 1 / 200


def test_quantiles_at_a_value_that_many_events_have_are_that_value() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(9_000) < 0.6, 0.0, rng.standard_exponential(9_000))
    assert (quantiles(*column(values), np.array([0.05, 0.3, 0.5, 0.59])) == 0).all()
    few = rng.integers(0, 5, 9_000).astype(np.float64)
    assert quantiles(*column(few), np.array([0.05, 0.5, 0.9])).tolist() == [0.0, 2.0, 4.0]


def test_bars_are_of_equal_width_and_sum_to_one() -> None:
    values = np.random.default_rng(1).normal(0, 1, 50_000)
    drawn = bars(*column(values))
    assert len(drawn) == 20
    assert sum(bar.share for bar in drawn) == pytest.approx(1.0)
    assert np.ptp([bar.high - bar.low for bar in drawn]) < 1e-12
    exact = [((values >= bar.low) & (values < bar.high)).mean() for bar in drawn[1:-1]]
    assert np.abs(np.array(exact) - [bar.share for bar in drawn[1:-1]]).max() < 0.003
    assert drawn[-1].below == 1.0


def test_few_values_have_a_bar_each() -> None:
    drawn = bars(*column(np.array([0.0, 0.0, 3.0, 8.0])))
    assert [(bar.low, bar.high, bar.share) for bar in drawn] == [(0.0, 0.0, 0.5), (3.0, 3.0, 0.25), (8.0, 8.0, 0.25)]


def test_nothing_counted_draws_nothing() -> None:
    empty = NumericColumn("x", "feature", b"", 0.0, 0.0, 0.0, 0.0)
    assert bars(empty, np.zeros(1, dtype=np.int64)) == []
    assert np.isnan(quantiles(empty, np.zeros(1, dtype=np.int64), np.array([0.5]))).all()

"""The calibration benchmark measures the tests that driftline uses, and they keep their level in a small sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calibration import effective, limits, miss, table
from benchmarks.calibration_cells import Cell, cells
from benchmarks.calibration_runs import run
from benchmarks.calibration_tests import independent_p_values, merged_groups, widened_p_values
from benchmarks.streams import STREAMS, equal_shares
from driftline.significance.dispersed_pearson import dispersed_pearson
from driftline.significance.dispersion import estimate
from driftline.significance.merging import merge_ordered
from driftline.significance.pearson import pearson
from driftline.sketches.dispersion_sums import DispersionSums
from tests.support.examples import examples


@examples(50)
@given(st.lists(st.lists(st.floats(0, 30), min_size=6, max_size=6), min_size=1, max_size=5))
def test_many_rows_are_merged_as_one_is(rows: list[list[float]]) -> None:
    expected = np.array(rows)
    assert [tuple(row) for row in merged_groups(expected, 10.0).tolist()] == [
        merge_ordered(row, 10.0) for row in expected
    ]


@pytest.mark.parametrize(("n", "bins"), [(60, 20), (300, 10), (5_000, 10), (5, 4)])
def test_many_windows_are_tested_as_one_is(n: int, bins: int) -> None:
    rng = np.random.default_rng(1)
    current, reference = rng.multinomial(n, equal_shares(bins), 200), rng.multinomial(4_096, equal_shares(bins), 200)
    p, n_groups = independent_p_values(current, reference)
    sums = DispersionSums(1, bins, panes_per_window=20)
    for pane, counts in enumerate(rng.multinomial(20, equal_shares(bins), (200, 1))):
        sums.add(pane, counts)
    dispersion = estimate(sums.column(0), range(bins), least_span=1)
    assert dispersion.independent
    widened = widened_p_values(p, n_groups, np.array(dispersion.freedom))
    looked_at = np.argsort(p)[:20]
    for row in looked_at:
        one = pearson(current[row], reference[row], ordered=True)
        wide = dispersed_pearson(current[row], reference[row], dispersion, ordered=True)
        assert one is not None
        assert wide is not None
        assert p[row] == pytest.approx(one.p_value, rel=1e-9)
        assert widened[row] == pytest.approx(wide.p_value, rel=1e-6)


def test_streams_have_the_shares_and_the_correlation_that_they_say() -> None:
    shares = np.array([0.02, 0.48, 0.3, 0.2])
    for stream in STREAMS.values():
        counts = stream.counts(
            np.random.default_rng(2), shares, n_streams=40, n_panes=240, per_pane=20, panes_per_day=240
        )
        assert counts.shape == (40, 240, 4)
        assert (counts.sum(axis=2) == 20).all()
        assert counts.sum(axis=(0, 1)) / counts.sum() == pytest.approx(shares, rel=0.12)
    values = STREAMS["ar_0.9"].values(np.random.default_rng(3), n_streams=50, n_panes=50, per_pane=20).reshape(50, -1)
    assert np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1] == pytest.approx(0.9, abs=0.01)
    bursts = STREAMS["bursts"].values(np.random.default_rng(4), n_streams=20, n_panes=50, per_pane=20).reshape(20, -1)
    assert 1 / np.mean(bursts[:, 1:] != bursts[:, :-1]) == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize(
    ("cell", "least", "most"),
    [
        (Cell("known", "independent", 200, 4_096, 20, n_windows=20_000), 0.8, 1.1),
        (Cell("estimated", "independent", 400, 20_000, 20, 1_000, 2_000, 20), 0.6, 1.4),
        (Cell("estimated", "ar_0.9", 400, 20_000, 20, 1_000, 1_000, 10), 0.2, 1.5),
        (Cell("estimated", "bursts", 400, 20_000, 20, 100, 1_000, 10), 0.0, 3.0),
        (Cell("season_known", "season", 200, 96_000, 20, 4_800, 100, 10, 240), 0.0, 3.0),
        (Cell("share", "bursts", 1_000, 20_000, 2, 1_000, 300, 10), 0.0, 1.5),
    ],
    ids=lambda value: value.stream if isinstance(value, Cell) else "",
)
def test_a_small_sample_keeps_the_level_of_five_percent(cell: Cell, least: float, most: float) -> None:
    outcome = run(cell, seed=5)
    assert least <= sum(outcome.rejected[0]) / sum(outcome.windows) / 0.05 <= most
    assert sum(outcome.windows) == cell.n_windows


def test_the_table_says_what_misses_its_limit() -> None:
    cell = Cell("estimated", "ar_0.9", 1_000, 20_000, 20, 1_000)
    assert limits(cell) == (0.0, 1.5)
    assert miss(2_000, 20_000, 0.05, (0.5, 1.0), 1e-4) == "above"
    assert miss(1_030, 20_000, 0.05, (0.5, 1.0), 1e-4) == ""
    assert miss(300, 20_000, 0.05, (0.5, 1.0), 1e-4) == "below"
    assert miss(0, 20_000, 1e-3, (0.5, 1.0), 1e-3) == "below"
    # Ten windows that are rejected together count as one.
    assert effective([10] * 10 + [0] * 90, [10] * 100) == pytest.approx((10, 100), rel=0.01)
    small = Cell("known", "independent", 200, 4_096, 5, n_windows=2_000)
    text = table([(small, run(small, seed=6))])
    assert "| independent | 200 | 4,096 |  | 5 | 1.00 | 1.00 | 2,000 |" in text
    assert text.startswith("Seed")


def test_every_cell_is_its_own() -> None:
    for quick in (True, False):
        keys = [cell.key for cell in cells(quick=quick)]
        assert len(keys) == len(set(keys)) > 50

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import ParameterError
from driftline.sketches.dispersion_sums import LAG_WEIGHTS, UNIT, DispersionSums, PackedSums
from tests.support.examples import examples


def series(seed: int, n_panes: int, n_columns: int = 2, n_groups: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    panes = np.sort(rng.choice(3 * n_panes + 20, n_panes, replace=False)) + 7
    return panes, rng.poisson(3, (n_panes, n_columns, n_groups)) * (rng.random((n_panes, n_columns, 1)) < 0.8)


def one_by_one(panes: np.ndarray, counts: np.ndarray, per_window: int = 6) -> DispersionSums:
    sums = DispersionSums(counts.shape[1], counts.shape[2], panes_per_window=per_window)
    for pane, row in zip(panes.tolist(), counts, strict=True):
        sums.add(pane, row)
    return sums


def test_the_sums_are_those_of_a_straightforward_newey_west_with_panes_that_are_missing() -> None:
    panes, counts = series(1, 150)
    got = one_by_one(panes, counts).column(1)
    dense = np.zeros((panes[-1] + 1, 4))
    dense[panes] = counts[:, 1]
    lagged = UNIT * dense.T @ dense
    for lag in range(1, len(LAG_WEIGHTS)):
        one_side = dense[lag:].T @ dense[:-lag]
        lagged += LAG_WEIGHTS[lag] * (one_side + one_side.T)
    assert np.array_equal(got.lagged, 2 * lagged)
    assert np.array_equal(got.between_panes, dense.T @ dense)
    blocks = dense[: panes[-1] // 6 * 6].reshape(-1, 6, 4).sum(axis=1)
    assert np.array_equal(got.between_windows, blocks.T @ blocks)
    assert np.array_equal(got.events, dense.sum(axis=0))
    assert np.array_equal(got.events_in_windows, blocks.sum(axis=0))
    assert got.n_panes == np.count_nonzero(dense.sum(axis=1))
    assert got.n_windows == np.count_nonzero(blocks.sum(axis=1))
    assert got.span == panes[-1] - panes[0] + 1


def test_setting_the_centre_in_afterwards_equals_newey_west_of_the_centred_counts() -> None:
    panes, counts = series(2, 80)
    sums = one_by_one(panes, counts).column(0)
    centre = np.array([0.1, 0.2, 0.3, 0.4])
    dense = np.zeros((panes[-1] + 1, 4))
    dense[panes] = counts[:, 0]
    apart = dense - dense.sum(axis=1, keepdims=True) * centre
    direct = apart.T @ apart
    for lag in range(1, len(LAG_WEIGHTS)):
        one_side = apart[lag:].T @ apart[:-lag]
        direct += LAG_WEIGHTS[lag] / UNIT * (one_side + one_side.T)
    projection = np.eye(4) - np.outer(centre, np.ones(4))
    assert projection @ sums.lagged @ projection.T / (2 * UNIT) == pytest.approx(direct, rel=1e-10, abs=1e-8)


@examples(40)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 60), max_size=3), st.integers(0, 60))
def test_batches_and_restarts_do_not_show(seed: int, cuts: list[int], restart: int) -> None:
    panes, counts = series(seed, 60)
    expected = one_by_one(panes, counts)
    got = DispersionSums(2, 4, panes_per_window=6)
    ends = sorted({0, 60, restart, *cuts})
    for start, stop in itertools.pairwise(ends):
        for pane, row in zip(panes[start:stop].tolist(), counts[start:stop], strict=True):
            got.add(pane, row)
        if stop == restart:
            runs = [got.pack(0, 1), got.pack(1)]
            encoded = [msgspec.msgpack.encode(run) for run in runs]
            got = DispersionSums.unpack([msgspec.msgpack.decode(run, type=PackedSums) for run in encoded])
    assert got.pack() == expected.pack()


def test_sums_that_would_overflow_take_no_further_pane() -> None:
    sums = DispersionSums(1, 2, panes_per_window=4)
    heavy = np.array([[2**24, 2**24]])
    for pane in range(200):
        sums.add(pane, heavy)
    assert sums.full
    kept = sums.pack()
    column = sums.column(0)
    assert 1 < column.n_panes < 200
    assert column.lagged.min() > 0
    assert int(column.between_panes[0, 1]) == column.n_panes * 2**48
    sums.add(500, heavy)
    assert sums.pack() == kept == DispersionSums.unpack([kept]).pack()


def test_panes_out_of_order_are_refused() -> None:
    sums = DispersionSums(1, 2, panes_per_window=4)
    sums.add(5, np.array([[1, 2]]))
    with pytest.raises(ParameterError, match="a pane after 5"):
        sums.add(5, np.array([[1, 2]]))
    with pytest.raises(ParameterError, match="at least one pane"):
        DispersionSums(1, 2, panes_per_window=0)


def test_runs_of_columns_of_different_moments_do_not_fit() -> None:
    sums = one_by_one(*series(3, 10))
    before = sums.pack(0, 1)
    sums.add(1_000, np.ones((2, 4), dtype=np.int64))
    with pytest.raises(ParameterError, match="runs of columns of the same sums"):
        DispersionSums.unpack([before, sums.pack(1)])


def test_nothing_counted_is_empty() -> None:
    sums = DispersionSums(1, 3, panes_per_window=4)
    assert sums.column(0).span == sums.column(0).n_panes == 0
    assert DispersionSums.unpack([sums.pack()]).pack() == sums.pack()

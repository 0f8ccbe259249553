"""Packed groups of features, and the cells of labelled predictions by group."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.feature_errors import (
    MAX_FEATURES,
    N_CELLS,
    N_CODES,
    codes_of,
    counts_of,
    feature_cells,
    packed_codes,
)

codes = st.integers(0, MAX_FEATURES).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, N_CODES), min_size=k, max_size=k), min_size=1, max_size=20)
)

if TYPE_CHECKING:
    from random import Random


@given(codes)
def test_what_is_packed_comes_out(rows: list[list[int]]) -> None:
    table = np.array(rows, dtype=np.uint64).reshape(len(rows), -1).T
    words = packed_codes(table)
    assert [codes_of(words, slot).tolist() for slot in range(len(table))] == table.astype(int).tolist()
    assert all(not codes_of(words, slot).any() for slot in range(len(table), MAX_FEATURES))


@given(codes, st.randoms(use_true_random=False))
def test_each_known_group_of_a_prediction_counts_once(rows: list[list[int]], random: Random) -> None:
    rng = np.random.default_rng(random.getrandbits(32))
    table = np.array(rows, dtype=np.uint64).reshape(len(rows), -1).T
    wrong, positive = rng.random(len(rows)) < 0.5, rng.random(len(rows)) < 0.5
    _, cells = feature_cells(packed_codes(table), wrong, positive)
    counts = counts_of(np.bincount(cells, minlength=N_CELLS).astype(np.int64))
    expected = Counter(
        (slot, code - 1, int(wrong[row]), int(positive[row]))
        for row, each in enumerate(rows)
        for slot, code in enumerate(each)
        if code
    )
    found = {at: int(counts[at]) for at in zip(*(axis.tolist() for axis in np.nonzero(counts)), strict=True)}
    assert found == dict(expected)

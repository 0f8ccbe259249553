"""Sketches merge exactly: by any split, in any order, packed or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.columns import CategoricalColumn, NumericColumn
from driftline.sketches.encoding import CategoryCodes, encode_categorical, encode_numeric, numbers_of
from driftline.sketches.fixed_point import join, split
from driftline.sketches.grid import bin_of, build_edges, representatives
from driftline.sketches.kept_names import UNSEEN_NAMES
from driftline.sketches.layout import Layout
from driftline.sketches.pane_sketch import PaneSketch, count
from driftline.sketches.sparse import cells, pack, unpack_into

if TYPE_CHECKING:
    import random

AGE = NumericColumn("age", "feature", build_edges(np.arange(300.0)).tobytes(), 150.0, 80.0, 0.0, 299.0)
CHANNEL = CategoricalColumn("channel", "feature", ("web", "app"))
LAYOUT = Layout((AGE, CHANNEL))
ANY_NUMBER = st.one_of(
    st.none(), st.booleans(), st.text(max_size=3), st.floats(), st.integers(-(10**400), 10**400), st.just("NaN")
)
ANY_CATEGORY = st.one_of(
    st.none(), st.sampled_from(["web", "app", 1, 2.5, True]), st.text("abcdefghijklmnop", max_size=2)
)
ROWS = st.lists(st.tuples(ANY_NUMBER, ANY_CATEGORY), max_size=60)
INT64 = st.integers(-(2**63), 2**63 - 1)


def sketches(rows: list[tuple[object, object]], slots: list[int], n_slots: int) -> list[PaneSketch]:
    numbers, exceptions = numbers_of([row[0] for row in rows])
    encoded = [
        encode_numeric(AGE, numbers, exceptions),
        encode_categorical(CHANNEL, CategoryCodes(CHANNEL), [row[1] for row in rows]),
    ]
    return count(LAYOUT, encoded, np.array(slots, dtype=np.int64), n_slots)


def sketch(rows: list[tuple[object, object]]) -> PaneSketch:
    return sketches(rows, [0] * len(rows), 1)[0]


@given(ROWS, ROWS)
def test_a_merge_is_the_sketch_of_both(first: list[tuple[object, object]], second: list[tuple[object, object]]) -> None:
    merged = sketch(first)
    merged.merge(sketch(second))
    assert merged.pack() == sketch(first + second).pack()


@given(ROWS, st.integers(1, 9), st.randoms(use_true_random=False))
def test_any_split_in_any_order_packed_or_not(
    rows: list[tuple[object, object]], n_slots: int, chance: random.Random
) -> None:
    slots = [chance.randrange(n_slots) for _ in rows]
    parts = sketches(rows, slots, n_slots)
    chance.shuffle(parts)
    merged = PaneSketch(LAYOUT)
    for part in parts:
        if chance.random() < 0.5:
            merged.merge(part)
        else:
            merged.merge_packed(part.pack())
    whole = sketch(rows).pack()
    assert merged.pack() == whole
    assert list(merged.pack().unseen) == list(whole.unseen)
    assert [list(names) for names in merged.pack().unseen.values()] == [list(n) for n in whole.unseen.values()]


@given(ROWS)
def test_unpacking_gives_back_what_was_packed(rows: list[tuple[object, object]]) -> None:
    packed = sketch(rows).pack()
    assert PaneSketch.unpack(packed, LAYOUT).pack() == packed


@given(st.lists(st.lists(st.integers(0, 60), max_size=40), max_size=6))
def test_kept_names_are_counted_exactly(parts: list[list[int]]) -> None:
    merged = PaneSketch(LAYOUT)
    for part in parts:
        merged.merge(sketch([(None, f"name-{i}") for i in part]))
    kept = merged.unseen.get(1, {})
    everything = [i for part in parts for i in part]
    assert len(kept) == min(UNSEEN_NAMES, len(set(everything)))
    for name, n in kept.values():
        assert n == everything.count(int(name.removeprefix("name-")))


@given(st.lists(st.tuples(INT64, INT64), max_size=20))
def test_sums_in_words_are_exact(pairs: list[tuple[int, int]]) -> None:
    total = np.zeros((2, 2), dtype=np.int64)
    for pair in pairs:
        total += split(np.array(pair, dtype=np.int64))
    assert join(total) == [sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)]


@given(st.lists(st.one_of(st.just(0), st.integers(-200, 200), INT64), max_size=300))
def test_sparse_vectors_lose_nothing(values: list[int]) -> None:
    vector = np.array(values, dtype=np.int64)
    packed = pack(vector)
    restored = np.zeros_like(vector)
    unpack_into(packed, restored)
    assert restored.tolist() == values
    indices, held = cells(packed)
    assert indices.tolist() == [i for i, value in enumerate(values) if value]
    assert held.all()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300))
def test_edges_of_any_finite_values_increase_and_part_its_bins(values: list[float]) -> None:
    edges = build_edges(np.array(values))
    assert np.isfinite(edges).all()
    assert (edges[1:] > edges[:-1]).all()
    assert edges.size >= 1
    assert bin_of(edges, representatives(edges))[1:].tolist() == list(range(1, edges.size + 1))

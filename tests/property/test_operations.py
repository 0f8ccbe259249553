"""How predictions were made merges to the same whatever the parts and their order, and travels without loss."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.operations import MAX_REASONS, Operations, merge_operations, merged_reasons
from driftline.sketching.operation_counts import OperationCounter

if TYPE_CHECKING:
    import random

NUMBERS = st.one_of(
    st.none(), st.floats(0, 1e12), st.integers(0, 10**6), st.sampled_from([-1, "12", "x", float("nan"), True])
)
ERRORS = st.one_of(st.none(), st.sampled_from(["", "timeout", 503, {"code": "OOM"}, "a 12345 b"]))
ROWS = st.lists(st.tuples(NUMBERS, ERRORS, NUMBERS), max_size=30)
COUNT = OperationCounter(["cpu"], 1000.0)


def counted(rows: list[tuple[Any, ...]]) -> Operations | None:
    found = [*COUNT(rows, np.zeros(len(rows), dtype=np.int64), 1)] if rows else []
    return found[0][1] if found else None


@given(st.lists(ROWS, max_size=6), st.randoms(use_true_random=False))
def test_merging_in_any_order_is_counting_all_at_once(parts: list[list[tuple[Any, ...]]], rng: random.Random) -> None:
    whole = counted([row for part in parts for row in part])
    shuffled = [counted(part) for part in parts]
    rng.shuffle(shuffled)
    merged = merge_operations(shuffled)
    assert msgspec.msgpack.encode(merged) == msgspec.msgpack.encode(whole)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=Operations | None) == whole


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_slots_are_counted_as_each_by_itself(parts: list[list[tuple[Any, ...]]]) -> None:
    rows = [row for part in parts for row in part]
    slots = np.array([slot for slot, part in enumerate(parts) for _ in part], dtype=np.int64)
    found = dict(COUNT(rows, slots, len(parts))) if rows else {}
    assert found == {slot: each for slot, part in enumerate(parts) if (each := counted(part)) is not None}


@given(st.lists(st.floats(0, 4e12), min_size=1, max_size=50))
def test_a_sum_is_exact_in_its_unit(values: list[float]) -> None:
    found = counted([(None, None, value) for value in values])
    assert found is not None
    units = sum(round(Fraction(value) * 2**20) for value in values)
    measure = found.measures["cpu"]
    assert abs((measure.high << 32) + measure.low - units) <= len(values)
    assert measure.greatest == max(values)


@given(st.lists(st.lists(st.integers(0, 200), max_size=80), max_size=8))
def test_reasons_that_are_kept_are_counted_in_full(parts: list[list[int]]) -> None:
    whole = Counter(f"reason {each}" for part in parts for each in part)
    merged: dict[str, int] = {}
    for part in parts:
        merged = merged_reasons(merged, merged_reasons(Counter(f"reason {each}" for each in part)))
    assert merged == merged_reasons(whole)
    assert len(merged) == min(MAX_REASONS, len(whole))
    assert all(whole[reason] == n for reason, n in merged.items())


def test_nothing_said_is_nothing() -> None:
    assert merge_operations([]) is None
    assert merge_operations([None, Operations(1), None]) == Operations(1)
    assert counted([(None, None, None)]) is None
    zero = counted([(0, None, None)])
    assert zero is not None
    assert zero.measures["latency_ms"].vector()[0] == 1
    unusable = counted([("x", None, None)])
    assert unusable is not None
    assert unusable.measures["latency_ms"].n_unusable == 1
    with pytest.raises(KeyError):
        unusable.measures["cpu"]

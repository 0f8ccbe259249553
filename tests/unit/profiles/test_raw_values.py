"""What is kept of a class or number until a profile is known means, under it, what it would have meant at once."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.profiles.raw_values import codes_of_raw, raw_values
from driftline.profiles.task import Task
from driftline.sketching.joins.label_values import codes_of, pack_values, raw_of

TASKS = [
    Task("binary", ("0", "1")),
    Task("binary", ("no", "yes")),
    Task("multiclass", ("-3", "2.5", "a", "true")),
    Task("regression", (), spread=0.37),
]
VALUES = st.lists(
    st.one_of(
        st.sampled_from(["0", "1", "no", "yes", "a", "true", "2.5", "-3", "", "😀", "another"]),
        st.booleans(),
        st.integers(-(1 << 53), 1 << 53),
        st.sampled_from([0, 1, -3, 2.5, 0.0, -0.0, 1e300, -1e300, 5e-324]),
        st.floats(-1e307, 1e307, allow_nan=False),
        st.none(),
    ),
    max_size=30,
)


@given(values=VALUES)
def test_predictions_mean_what_they_would_have_meant_at_once(values: list[str | float | None]) -> None:
    raw = raw_values(values)
    for task in TASKS:
        assert np.array_equal(codes_of_raw(task, raw), task.encode(values), equal_nan=True), task


@given(values=VALUES)
def test_labels_mean_what_they_would_have_meant_at_once(values: list[str | float | None]) -> None:
    kinds, bits = pack_values(values)
    raw = raw_of(kinds, bits, np.zeros(len(values), dtype=np.bool_))
    of_regression = raw_of(kinds, bits, np.ones(len(values), dtype=np.bool_))
    assert np.array_equal(codes_of_raw(TASKS[-1], of_regression), codes_of(TASKS[-1], kinds, bits), equal_nan=True)
    assert np.isnan(raw).tolist() == [value is None for value in values]
    for task in TASKS:
        assert np.array_equal(codes_of_raw(task, raw), codes_of(task, kinds, bits), equal_nan=True), task


def test_numbers_too_large_to_be_kept_are_kept_as_the_largest() -> None:
    raw = raw_values([1e308, -1.7e308])
    assert raw.tolist() == [math.nextafter(2.0**1023, 0), -math.nextafter(2.0**1023, 0)]
    assert np.isnan(raw_values([math.inf, -math.inf, math.nan])).all()

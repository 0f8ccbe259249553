"""What is kept of a class or number until a profile is known means, under it, what it would have meant at once."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.profiles.class_names import ClassNames
from driftline.profiles.raw_values import codes_of_raw, is_hashed, name_of_raw, raw_values
from driftline.profiles.task import Task
from driftline.sketching.joins.label_values import codes_of, label_names, pack_values, raw_of

SPELLED = {"ja": "yes", "nein ganz sicher": "no", "3": "a", "1.00": "true", "True": "-3"}
TASKS = [
    Task("binary", ("0", "1")),
    Task("binary", ("no", "yes")),
    Task("multiclass", ("-3", "2.5", "a", "true")),
    Task("multiclass", ("1", "1.0", "TRUE", "true", "-0", "a long name", "123456789012345")),
    Task("multiclass", ()),
    Task("regression", (), spread=0.37),
]
VALUES = st.lists(
    st.one_of(
        st.sampled_from(["0", "1", "no", "yes", "a", "true", "2.5", "-3", "", "😀", "another", *SPELLED]),
        st.from_regex(r"-?(0|[1-9][0-9]{0,14})(\.0{1,9})?", fullmatch=True),
        st.sampled_from(["true", "false"]).flatmap(lambda word: st.sampled_from([word.title(), word.upper(), "tRuE"])),
        st.text(max_size=12),
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
        for names in (ClassNames(task.classes), ClassNames(task.classes, SPELLED)):
            expected = task.encode(values, names)
            assert np.array_equal(codes_of_raw(task, names, raw), expected, equal_nan=True), task


@given(values=VALUES)
def test_labels_mean_what_they_would_have_meant_at_once(values: list[str | float | None]) -> None:
    kinds, bits = pack_values(values)
    raw = raw_of(kinds, bits, np.zeros(len(values), dtype=np.bool_))
    of_regression = raw_of(kinds, bits, np.ones(len(values), dtype=np.bool_))
    task, names = TASKS[-1], ClassNames(())
    expected = codes_of(task, names, kinds, bits)
    assert np.array_equal(codes_of_raw(task, names, of_regression), expected, equal_nan=True)
    assert np.isnan(raw).tolist() == [value is None for value in values]
    for task in TASKS:
        for names in (ClassNames(task.classes), ClassNames(task.classes, SPELLED)):
            expected = codes_of(task, names, kinds, bits)
            assert np.array_equal(codes_of_raw(task, names, raw), expected, equal_nan=True), task


@given(values=VALUES)
def test_labels_are_called_what_they_would_have_been_called_at_once(values: list[str | float | None]) -> None:
    labels = [value for value in values if value is not None]
    kinds, bits = pack_values(labels)
    raw = raw_of(kinds, bits, np.zeros(len(labels), dtype=np.bool_))
    which, names = label_names(kinds, bits)
    for kept, hashed, name in zip(raw.tolist(), is_hashed(raw).tolist(), which.tolist(), strict=True):
        assert hashed or name_of_raw(kept) == names[name]


def test_numbers_too_large_to_be_kept_are_kept_as_the_largest() -> None:
    raw = raw_values([1e308, -1.7e308])
    assert raw.tolist() == [math.nextafter(2.0**1023, 0), -math.nextafter(2.0**1023, 0)]
    assert np.isnan(raw_values([math.inf, -math.inf, math.nan, 10**400])).all()

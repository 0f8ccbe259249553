"""Spellings of classes: predictions, labels, maps of scores and references resolve each value alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.profiles.class_names import FIRST_UNKNOWN, MAX_CACHED, ClassNames, spellings
from driftline.profiles.task import Task
from driftline.sketches.columns import CategoricalColumn, canonical_category
from driftline.sketching.joins.label_values import codes_of, label_name, pack_values

ONE = [1, 1.0, True, "1", "1.0", "1.000", "true", "True", "TRUE"]
ZERO = [0, 0.0, -0.0, False, "0", "0.0", "-0", "false", "False", "FALSE"]
NAMES = st.one_of(
    st.sampled_from(["0", "1", "-1", "2", "true", "false", "True", "False", "1.0", "0.0", "good", "bad", "1.10", "01"]),
    st.text(max_size=12),
)
VALUES = st.one_of(
    NAMES,
    st.integers(-(1 << 53), 1 << 53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.sampled_from([*ONE, *ZERO, -1, "-1", "-1.0"]),
)


def label_codes(names: ClassNames, values: list[object]) -> list[float]:
    task = Task("multiclass", names.classes)
    codes: list[float] = codes_of(task, names, *pack_values(values)).tolist()  # type: ignore[arg-type]  # JSON values
    return codes


@pytest.mark.parametrize("classes", [("0", "1"), ("false", "true"), ("False", "True"), ("0.0", "1.0"), ("FALSE", "1")])
def test_numbers_texts_and_truth_values_agree(classes: tuple[str, str]) -> None:
    names = ClassNames(classes)
    column = CategoricalColumn("prediction", "prediction", classes)
    for code, values in enumerate((ZERO, ONE)):
        assert set(names.encode(values).tolist()) == {code}
        assert set(label_codes(names, [*values])) == {code}
        assert {names.bins(column)[value] for value in values} == {code}
        assert {names.name(value) for value in values if isinstance(value, str)} == {classes[code]}


@pytest.mark.parametrize(("classes", "other"), [(("-1", "1"), "0"), (("0", "1"), "-1"), (("false", "true"), "-1.0")])
def test_the_negative_class_of_two_may_be_minus_one_or_zero(classes: tuple[str, str], other: str) -> None:
    names = ClassNames(classes)
    assert names.encode([other, float(other), int(float(other))]).tolist() == [0.0, 0.0, 0.0]
    assert label_codes(names, [other, float(other)]) == [0.0, 0.0]


@pytest.mark.parametrize("classes", [("-1", "0", "1"), ("0", "1", "2"), ("0", "2"), ("good", "1"), ("0", "1", "good")])
def test_among_other_classes_minus_one_is_not_zero(classes: tuple[str, ...]) -> None:
    codes = ClassNames(classes).encode(["-1", "0"]).tolist()
    assert codes[0] != codes[1]


def test_what_is_told_apart_stays_apart() -> None:
    names = ClassNames(("1", "1.0", "true", "1.10", "1.1", "01"))
    assert names.encode([*names.classes]).tolist() == [0, 1, 2, 3, 4, 5]
    assert names.encode(["True", "1.000"]).tolist() == [2, 0]
    assert (ClassNames(("yes", "no")).encode([1, True, "YES"]) >= FIRST_UNKNOWN).all()


def test_the_configuration_goes_before_everything_else() -> None:
    names = ClassNames(("0", "1"), {"good": "0", "bad": "1", "2.0": "1", "approved by somebody": "false", "odd": "x"})
    values: list[object] = ["good", "bad", 2, "2", "2.0", "approved by somebody", 0, True]
    assert names.encode(values).tolist() == label_codes(names, values) == [0, 1, 1, 1, 1, 0, 0, 1]
    assert names.of_score({"good": 0.25, "bad": 0.75, "else": 0.0}) == {"0": 0.25, "1": 0.75, "else": 0.0}
    odd = names.encode(["odd", "x", "y"])
    assert odd[0] == odd[1] != odd[2]
    assert min(odd) >= FIRST_UNKNOWN
    swapped = ClassNames(("0", "1"), {"1": "0", "0": "1"})
    assert swapped.encode([1, "1", 0, True, "false"]).tolist() == [0, 0, 1, 0, 1]


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), st.lists(VALUES, max_size=8), st.data())
def test_labels_predictions_and_bins_are_one(classes: list[str], values: list[object], data: st.DataObject) -> None:
    spelled = data.draw(st.dictionaries(NAMES, st.sampled_from(classes), max_size=2))
    names = ClassNames(tuple(classes), spelled)
    codes = names.encode(values).tolist()
    assert label_codes(names, values) == codes
    column = CategoricalColumn("prediction", "prediction", tuple(classes))
    bins = names.bins(column)
    assert [bins[value] for value in values] == [int(min(code, len(classes))) for code in codes]
    assert [ClassNames(tuple(classes), spelled).encode([value])[0] for value in values] == codes, "whatever is cached"
    for name in set(classes) - spelled.keys():
        assert names.encode([name]).tolist() == [classes.index(name)]
    for text in (value for value in values if isinstance(value, str)):
        assert names.code(text) == names.encode([text])[0]


@given(VALUES, VALUES)
def test_unknown_classes_are_equal_where_their_spellings_agree(one: object, other: object) -> None:
    names = ClassNames(("some class", "some other class"))
    codes = names.encode([one, other]).tolist()
    texts = [canonical_category(one), canonical_category(other)]
    assert None not in texts
    same = spellings(texts[0] or "")[-1] == spellings(texts[1] or "")[-1]
    if "some class" not in texts and "some other class" not in texts:
        assert min(codes) >= FIRST_UNKNOWN
        assert max(codes) < 1 << 53, "exact in float64"
    assert (codes[0] == codes[1]) == same


@given(st.lists(st.one_of(st.none(), VALUES), max_size=12))
def test_a_label_keeps_its_name_in_its_value(values: list[object]) -> None:
    kinds, packed = pack_values(values)  # type: ignore[arg-type]  # JSON values
    for value, kind, bits in zip(values, kinds.tolist(), packed.tolist(), strict=True):
        text = canonical_category(value)
        if text is not None and 0 < len(text.encode()) <= 8 and "\0" not in text and isinstance(value, str):
            assert label_name(kind, bits) == text
        elif isinstance(value, float | int):
            assert label_name(kind, bits) == canonical_category(float(value))


def test_what_is_cached_is_bounded() -> None:
    names = ClassNames(("0", "1"))
    values = [f"1.{'0' * i}" for i in range(1, 2 * MAX_CACHED)]
    assert set(names.encode(values).tolist()) == {1.0}
    assert len(names._codes) <= len(names.known) + 8 + MAX_CACHED
    bins = names.bins(CategoricalColumn("prediction", "prediction", names.classes))
    assert {bins[value] for value in values} == {1}
    assert len(bins) <= len(names.known) + 8 + MAX_CACHED


def test_what_is_no_class_has_no_code() -> None:
    codes = ClassNames(("0", "1")).encode([None, [1], {"a": 1}, float("nan"), 1])
    assert np.isnan(codes[:4]).all()
    assert codes[4] == 1.0

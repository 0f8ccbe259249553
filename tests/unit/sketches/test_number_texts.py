"""Numbers in text and truth in words are read where the column says so, and in no other column."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from driftline.sketches.columns import CategoricalColumn, Column, NumericColumn, TextNumericColumn
from driftline.sketches.encoding import CategoryCodes, Reading, encode_categorical, numbers_of
from driftline.sketches.number_texts import NUMBER, numbers_in


def column_of(values: list[float]) -> NumericColumn:
    found = np.array(values)
    edges = np.unique(found).tobytes()
    moments = map(float, (found.mean(), found.std(), found.min(), found.max()))
    return NumericColumn("x", "feature", edges, *moments)


@pytest.mark.parametrize(
    ("values", "is_boolean"),
    [
        ([0.0, 1.0], True),
        ([0.0] * 999 + [1.0], True),
        ([0.0, 0.0], True),
        ([1.0], True),
        ([0.0, 0.5, 1.0], False),
        ([0.0] * 9_999 + [0.5, 1.0], False),
        ([0.0, 2.0], False),
        ([-1.0, 1.0], False),
        ([0.5], False),
    ],
)
def test_a_column_is_boolean_where_it_has_no_values_but_0_and_1(values: list[float], is_boolean: bool) -> None:  # noqa: FBT001  # a case
    assert column_of(values).is_boolean is is_boolean


def test_a_column_that_reads_text_says_so_in_its_bytes_and_a_plain_one_has_the_same_as_ever() -> None:
    plain = column_of([1.0, 2.0])
    fields = msgspec.structs.astuple(plain)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plain)) == ["numeric", *fields]
    text = TextNumericColumn(*fields)
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(text), type=Column)
    assert (decoded, decoded.reads_text, plain.reads_text) == (text, True, False)


@pytest.mark.parametrize("role", ["prediction", "score"])
def test_only_features_are_read_from_text(role: str) -> None:
    column = NumericColumn("x", role, b"", 0.0, 0.0, 0.0, 1.0)  # type: ignore[arg-type]  # one of the roles
    assert Reading.of(column, texts=True) == Reading()


@pytest.mark.parametrize(
    "texts",
    [
        ["1", "-2.5", "1e3", "007", "+1", ".5", "5."],
        ["1,2"],
        ["1,2", ""],
        ["", "1,2"],
        ["1]", "[2"],
        ["1", " 2"],
        ["1\n"],
        ["null"],
        ["NaN"],
        ["[1]"],
        ["1e999", "-1e999"],
        ["\ud800"],
        ["\u0661"],
        [],
    ],
)
def test_all_texts_together_are_read_as_one_by_one(texts: list[str]) -> None:
    expected = [float(text) for text in texts] if all(map(NUMBER, texts)) else None
    assert numbers_in(texts) == expected


def test_reference_values_are_read_alike() -> None:
    values: list[object] = ["1.5", 2, True, "true", "", "x", None]
    numbers, codes = numbers_of(values, Reading(texts=True, booleans=True))
    assert [None if math.isnan(each) else each for each in numbers.tolist()] == [1.5, 2.0, 1.0, 1.0, None, None, None]
    assert [row for row, _ in codes] == [4, 5, 6]


@pytest.mark.parametrize("categories", [("0", "1"), ("1", "0"), ("true", "false"), ("False", "True")])
def test_two_categories_of_truth_are_known_by_all_their_names(categories: tuple[str, ...]) -> None:
    column = CategoricalColumn("c", "feature", categories)
    falses, trues = [0, 0.0, False, "0", "false", "False"], [1, 1.0, True, "1", "true", "TRUE"]
    bins = encode_categorical(column, CategoryCodes(column), [*falses, *trues, "yes", 2]).bins.tolist()
    no = [text in {"0", "false", "False"} for text in categories].index(True)
    assert bins == [no] * 6 + [1 - no] * 6 + [2, 2]


@pytest.mark.parametrize("categories", [("0", "1", "2"), ("1",), ("true", "maybe"), ("0", "1", "true")])
def test_other_categories_keep_their_names_apart(categories: tuple[str, ...]) -> None:
    column = CategoricalColumn("c", "feature", categories)
    values = ["False", "TRUE"]
    assert encode_categorical(column, CategoryCodes(column), values).bins.tolist() == [column.unlisted] * 2

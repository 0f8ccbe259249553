"""Features become columns: typed where the types hold, value by value where they do not, and never an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.sketches.columns import (
    INFINITE,
    MISSING,
    NOT_A_NUMBER,
    WRONG_TYPE,
    CategoricalColumn,
    NumericColumn,
    TextNumericColumn,
)
from driftline.sketches.feature_decoder import MAX_LEARNED, FeatureDecoder
from driftline.sketches.kept_names import UNSEEN_NAMES, name_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.sketches.feature_columns import FeatureColumns

X = NumericColumn("x", "feature", np.array([0.0, 1.0]).tobytes(), 0.5, 1.0, 0.0, 1.0)
C = CategoricalColumn("c", "feature", ("a", "b"))
T = TextNumericColumn("t", "feature", np.array([0.0, 1.0]).tobytes(), 0.5, 1.0, 0.0, 1.0)
B = NumericColumn("b", "feature", np.array([0.0, 1.0]).tobytes(), 0.5, 0.5, 0.0, 1.0)
AGE = NumericColumn("user.age", "feature", np.array([0.0, 1.0]).tobytes(), 40.0, 1.0, 20.0, 60.0)
CITY = CategoricalColumn("user.home.city", "feature", ("Bern",))


def numbers(values: Sequence[float]) -> list[float | None]:
    """Return a numeric column with None where there is no value."""
    return [None if np.isnan(value) else float(value) for value in values]


def outcome(columns: FeatureColumns, index: int, row: int) -> tuple[float | None, int | None]:
    """Return the number of one event, or None and the quality code that it is counted under."""
    number = float(columns.values[index][row])
    for at, code in columns.exceptions[index]:
        if at == row:
            return None, code
    if np.isfinite(number):
        return number, None
    return None, MISSING if np.isnan(number) else INFINITE


ODD_NAMES = ['say "hi"', "a\\b", "nul\x00", "line\n", '"', "\\", "\ud800", 'user.x"y', "", ".", "..", "#0", "##1", "f0"]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("as_dict", [False, True])
def test_columns_of_any_name_are_read(name: str, as_dict: bool) -> None:  # noqa: FBT001  # a case
    decode = FeatureDecoder([*(msgspec.structs.replace(X, name=each) for each in [name, "x"]), AGE], frozenset({'k"'}))
    objects: list[dict[str, Any]] = [{name: 0.5, "x": 2}, {"x": 3, 'k"': {}}, {name: "z"}, {"#0": 1, "###0": 2}]
    objects += [{"user": {"age": 4}}, {name: 0.25}]
    columns = decode([each if as_dict else json.dumps(each).encode() for each in objects])
    expected = [each.get(name) if type(each.get(name)) is not str else None for each in objects]
    assert numbers(columns.values[0]) == expected
    assert numbers(columns.values[1]) == [2.0, 3.0, None, None, None, None]
    assert numbers(columns.values[2]) == [None, None, None, None, 4.0, None]
    assert columns.exceptions[0] == [(2, WRONG_TYPE)]
    assert columns.unexpected.tolist() == [False, False, False, True, False, False]


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if name])
def test_unexpected_features_of_any_name_are_noted_again_and_again(name: str) -> None:
    decode = decoder()
    for _ in range(3):
        columns = decode([json.dumps({"x": 1, name: 2}).encode(), b'{"x": 1}', {"x": 1, name: 2}])
        assert columns.unexpected.tolist() == [True, False, True]
        assert {each: rows.tolist() for each, rows in columns.unknown.items()} == {name: [0, 2]}
        assert numbers(columns.values[0]) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("as_dict", [True, False])
def test_an_unexpected_object_that_is_null_is_noted_after_its_features_were(as_dict: bool) -> None:  # noqa: FBT001  # a case
    decode = decoder()
    for features in ({"x": 1, "meta": {"a": 1}}, {"x": 1, "meta": None}, {"x": 1, "meta": {"a": None}}):
        columns = decode([features if as_dict else json.dumps(features).encode()])
        expected = ["meta"] if features["meta"] is None else ["meta.a"]
        assert [*columns.unknown] == expected


def decoder(*known: str) -> FeatureDecoder:
    return FeatureDecoder([X, C], frozenset(known))


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ("1", 1.0, None),
        ("-0.5", -0.5, None),
        ("null", None, None),
        ("NaN", None, NOT_A_NUMBER),
        ('"NaN"', None, NOT_A_NUMBER),
        ("Infinity", None, INFINITE),
        ("-Infinity", None, INFINITE),
        ('"-Infinity"', None, INFINITE),
        ("1e999", None, INFINITE),
        ("-1e999", None, INFINITE),
        ("9" * 400, None, INFINITE),
        ("1" + "0" * 30, 1e30, None),
        ('"1"', None, WRONG_TYPE),
        ("true", None, WRONG_TYPE),
        ("[1]", None, WRONG_TYPE),
        ("{}", None, WRONG_TYPE),
        ("[" * 300 + "]" * 300, None, WRONG_TYPE),
    ],
)
def test_a_numeric_feature(text: str, value: float | None, code: int | None) -> None:
    columns = decoder()([b'{"x": 7}', f'{{"x": {text}, "c": "a"}}'.encode()])
    assert numbers(columns.values[0]) == [7.0, value]
    assert columns.exceptions[0] == ([] if code is None else [(1, code)])
    assert list(columns.values[1]) == [None, "a"], "its neighbour is untouched"
    assert columns.exceptions[1] == []
    assert not columns.unexpected.any()


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ('"a"', "a", None),
        ("1", 1, None),
        ("0.5", 0.5, None),
        ("true", True, None),
        ("null", None, None),
        ('""', "", None),
        ('"NaN"', "NaN", None),
        ("1" + "0" * 30, 10**30, None),
        ("NaN", None, WRONG_TYPE),
        ("Infinity", None, WRONG_TYPE),
        ("1e999", None, WRONG_TYPE),
        ("[]", None, WRONG_TYPE),
        ('{"a": 1}', None, WRONG_TYPE),
        ('"\\ud800"', None, WRONG_TYPE),
    ],
)
def test_a_categorical_feature(text: str, value: object, code: int | None) -> None:
    columns = decoder()([f'{{"c": {text}, "x": 1}}'.encode()])
    assert list(columns.values[1]) == [value]
    assert columns.exceptions[1] == ([] if code is None else [(0, code)])
    assert numbers(columns.values[0]) == [1.0]


@pytest.mark.parametrize("raw", [b"", b"{}", b"null"])
def test_no_features(raw: bytes) -> None:
    columns = decoder()([raw])
    assert numbers(columns.values[0]) == [None]
    assert list(columns.values[1]) == [None]
    assert columns.exceptions == [[], []]


def test_what_python_cannot_read_is_wrong_in_every_column() -> None:
    columns = decoder()([b'{"x": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"])
    assert columns.exceptions == [[(0, WRONG_TYPE)], [(0, WRONG_TYPE)]]


def test_a_whole_number_of_any_length_costs_its_own_column() -> None:
    columns = decoder()([b'{"x": 1' + b"0" * 5_000 + b"}"])
    assert columns.exceptions == [[(0, INFINITE)], []]


@pytest.mark.parametrize(
    ("texts", "column", "text", "value", "code"),
    [
        (True, "x", "52000.00", 52_000.0, None),
        (True, "x", "-1e3", -1_000.0, None),
        (True, "x", "007", 7.0, None),
        (True, "x", "1e999", None, INFINITE),
        (True, "x", "-Infinity", None, INFINITE),
        (True, "x", "nan", None, NOT_A_NUMBER),
        (True, "x", "", None, MISSING),
        (True, "x", "1,000", None, WRONG_TYPE),
        (True, "x", "1_000", None, WRONG_TYPE),
        (True, "x", " 1", None, WRONG_TYPE),
        (True, "x", "\u0661", None, WRONG_TYPE),
        (True, "x", "true", None, WRONG_TYPE),
        (False, "x", "1", None, WRONG_TYPE),
        (False, "x", "", None, WRONG_TYPE),
        (False, "t", "52000.00", 52_000.0, None),
        (False, "b", "true", 1.0, None),
        (False, "b", "False", 0.0, None),
        (False, "b", "1", 1.0, None),
        (False, "b", "yes", None, WRONG_TYPE),
    ],
)
@pytest.mark.parametrize("neighbour", ["1.5", '"2.5"', "null", "true"])
@pytest.mark.parametrize("as_dict", [False, True])
def test_a_number_in_text(
    *, texts: bool, column: str, text: str, value: float | None, code: int | None, neighbour: str, as_dict: bool
) -> None:
    decode = FeatureDecoder([X, T, B], texts=frozenset({"x"}) if texts else frozenset())
    rows = [f'{{"{column}": {neighbour}}}'.encode(), json.dumps({column: text}).encode()]
    columns = decode([json.loads(row) for row in rows] if as_dict else rows)
    index = ["x", "t", "b"].index(column)
    assert outcome(columns, index, 1) == (value, code)
    wrong = [(1, text)] if code == WRONG_TYPE else []
    assert [each for each in columns.texts.get(index, []) if each[0] == 1] == wrong


@pytest.mark.parametrize(("column", "values"), [("b", [1.0, 0.0, None]), ("x", [None, None, None])])
def test_true_is_a_number_where_the_reference_has_only_0_and_1(column: str, values: list[float | None]) -> None:
    columns = FeatureDecoder([X, T, B])([f'{{"{column}": {text}}}'.encode() for text in ("true", "false", "null")])
    index = ["x", "t", "b"].index(column)
    assert numbers(columns.values[index]) == values
    assert columns.exceptions[index] == ([] if column == "b" else [(0, WRONG_TYPE), (1, WRONG_TYPE)])


@pytest.mark.parametrize(
    ("features", "age", "city", "unknown"),
    [
        ({"user": {"age": 41, "home": {"city": "Bern"}}}, 41.0, "Bern", []),
        ({"user.age": 41, "user.home.city": "Bern"}, 41.0, "Bern", []),
        ({"user.age": 1, "user": {"age": 2}}, 1.0, None, []),
        ({"user.age": None, "user": {"age": 2}}, 2.0, None, []),
        ({"user": {"home.city": "Bern"}}, None, "Bern", []),
        ({"user.home": {"city": "Genf"}, "user": {"home": {"city": "Bern"}}}, None, "Genf", []),
        ({"user": None}, None, None, []),
        ({"user": {}}, None, None, []),
        ({"user": {"home": None, "age": 3}}, 3.0, None, []),
        ({"user": {"age": {"years": 41}}}, None, None, []),
        ({"user": 5}, None, None, ["user"]),
        ({"user": {"age": 3, "new": 1}, "other": {"deep": {"er": [1]}}}, 3.0, None, ["other.deep.er", "user.new"]),
        ({"user": {"tags": [1, 2]}, "born": {"year": 1990}}, None, None, []),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, None, None, ["a.b.c.d.e.f"]),
    ],
)
def test_values_within_objects(
    features: dict[str, object], age: float | None, city: str | None, unknown: list[str]
) -> None:
    """Whatever was met before, and whether it is JSON or a dictionary."""
    raw = json.dumps(features).encode()
    for known in ([], [b'{"user": {"age": 1}}'], [b'{"user": 1, "other": 2, "a": {"b": 1}}'], [raw]):
        decode = FeatureDecoder([AGE, CITY], frozenset({"user.tags", "born"}))
        decode(known)
        for columns in (decode([raw]), decode([features]), decode([raw, features])):
            assert numbers(columns.values[0]) == [age] * len(columns.unexpected)
            assert list(columns.values[1]) == [city] * len(columns.unexpected)
            assert sorted(columns.unknown) == unknown
            assert columns.unexpected.tolist() == [bool(unknown)] * len(columns.unexpected)


def test_an_object_in_the_place_of_a_value_is_of_a_wrong_type() -> None:
    columns = FeatureDecoder([X, AGE])([b'{"x": {"y": 1}, "user": {"age": {"years": 1}}}'])
    assert columns.exceptions == [[(0, WRONG_TYPE)], [(0, WRONG_TYPE)]]
    assert not columns.unknown


@pytest.mark.parametrize(
    ("value", "number", "code"),
    [
        (Decimal("1.5"), 1.5, None),
        (Decimal("NaN"), None, NOT_A_NUMBER),
        (Decimal("sNaN"), None, NOT_A_NUMBER),
        (Decimal("1e999"), None, INFINITE),
        (float("nan"), None, NOT_A_NUMBER),
        (float("inf"), None, INFINITE),
        (10**400, None, INFINITE),
        (10**5_000, None, INFINITE),
        (b"1", None, WRONG_TYPE),
        (datetime(2026, 3, 1, tzinfo=UTC), None, WRONG_TYPE),
        ([1], None, WRONG_TYPE),
        (None, None, MISSING),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_dictionary_may_hold_what_json_cannot(value: object, number: float | None, code: int | None) -> None:
    odd_key: dict[Any, Any] = {"x": 1, 2: 3}
    columns = decoder()([{"x": 7}, {"x": value, "c": "a"}, odd_key])
    assert [outcome(columns, 0, row) for row in range(3)] == [(7.0, None), (number, code), (1.0, None)]
    assert list(columns.values[1]) == [None, "a", None]
    assert list(columns.unknown) == ["2"]


def test_unexpected_features_come_with_their_names_and_events() -> None:
    decode = decoder()
    for _ in range(3):
        columns = decode([b'{"new": 1}', b'{"x": 1}', b'{"new": null, "\\ud800": 1}'])
        assert {name: sorted(rows.tolist()) for name, rows in columns.unknown.items()} == {"new": [0, 2], "\ud800": [2]}
    many = {f"n{i}": 1 for i in range(100)}
    kept = sorted(many, key=name_hash)[:UNSEEN_NAMES]
    assert set(kept) <= set(decoder()([many]).unknown)
    assert len(decoder()([many]).unknown) == UNSEEN_NAMES


def test_a_profile_of_plain_columns_has_one_plain_field_for_each() -> None:
    """No other field makes decoding slower than it need be."""
    kinds = msgspec.structs.fields(FeatureDecoder([X, C], frozenset({"known"}))._types.record)
    assert [(kind.encode_name, kind.type) for kind in kinds] == [
        ("x", float | None),
        ("c", str | int | float | bool | None),
        ("known", msgspec.Raw),
    ]


def test_no_events() -> None:
    columns = decoder()([])
    assert [list(values) for values in columns.values] == [[], []]
    assert columns.unexpected.shape == (0,)


@pytest.mark.parametrize(
    ("raw", "value", "codes"),
    [
        (b'{"x": "text", "x": 1}', 1.0, []),
        (b'{"x": 1, "x": "text"}', None, [(0, WRONG_TYPE)]),
        (b'{"x": 1, "x": null}', None, []),
    ],
)
def test_the_last_of_duplicate_keys_counts(raw: bytes, value: float | None, codes: list[tuple[int, int]]) -> None:
    columns = decoder()([raw])
    assert numbers(columns.values[0]) == [value]
    assert columns.exceptions[0] == codes


def test_unexpected_features_are_marked_whether_learned_or_not() -> None:
    decode = decoder("ignored")
    rows = [b'{"x": 1, "new": [1]}', b'{"x": 2}', b'{"x": 3, "ignored": {}}', b'{"x": 4, "new": 1, "newer": 2}']
    for _ in range(3):
        columns = decode(rows)
        assert columns.unexpected.tolist() == [True, False, False, True]
        assert numbers(columns.values[0]) == [1.0, 2.0, 3.0, 4.0]


def test_what_is_learned_is_bounded_and_shows_in_nothing() -> None:
    decode = decoder()
    for i in range(3 * MAX_LEARNED):
        columns = decode([f'{{"x": {i}, "new{i}": 1}}'.encode(), b'{"x": 0}'])
        assert columns.unexpected.tolist() == [True, False]
        assert numbers(columns.values[0]) == [float(i), 0.0]
    assert len(decode._learned) == MAX_LEARNED
    assert decode([b'{"\\ud800": 1}']).unexpected.tolist() == [True]

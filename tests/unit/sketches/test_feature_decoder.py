"""Features become columns: typed where the types hold, value by value where they do not, and never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.sketches.columns import INFINITE, NOT_A_NUMBER, WRONG_TYPE, CategoricalColumn, NumericColumn
from driftline.sketches.feature_decoder import MAX_LEARNED, FeatureDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

X = NumericColumn("x", "feature", np.array([0.0, 1.0]).tobytes(), 0.5, 1.0, 0.0, 1.0)
C = CategoricalColumn("c", "feature", ("a", "b"))


def numbers(values: Sequence[float]) -> list[float | None]:
    """Return a numeric column with None where there is no value."""
    return [None if np.isnan(value) else float(value) for value in values]


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


@pytest.mark.parametrize("raw", [b'{"x": 1' + b"0" * 5_000 + b"}", b'{"x": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"])
def test_what_python_cannot_read_is_wrong_in_every_column(raw: bytes) -> None:
    columns = decoder()([raw])
    assert columns.exceptions == [[(0, WRONG_TYPE)], [(0, WRONG_TYPE)]]


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

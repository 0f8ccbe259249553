"""Features give the same columns in whichever form they are, alone or mixed, and whatever was decoded before."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.events.features import features_json, flattened
from driftline.events.named_values import named_values
from driftline.profiles.building.flattening import columns_of_rows, flat_rows
from driftline.sketches.column_encoder import ColumnEncoder
from driftline.sketches.columns import CategoricalColumn, Column, NumericColumn, TextNumericColumn
from driftline.sketches.grid import build_edges
from driftline.sketching.rows import AllRows
from tests.support.examples import examples

EDGES = build_edges(np.linspace(-2, 2, 200)).tobytes()
BIT_EDGES = build_edges(np.array([0.0, 1.0])).tobytes()
COLUMNS: tuple[Column, ...] = (
    NumericColumn("x", "feature", EDGES, 0.0, 1.0, -2.0, 2.0),
    NumericColumn("bit", "feature", BIT_EDGES, 0.5, 0.5, 0.0, 1.0),
    TextNumericColumn("price", "feature", EDGES, 0.0, 1.0, -2.0, 2.0),
    CategoricalColumn("flag", "feature", ("0", "1")),
    CategoricalColumn("c", "feature", ("web", "1")),
    NumericColumn("user.x", "feature", EDGES, 0.0, 1.0, -2.0, 2.0),
    CategoricalColumn("user.home.c", "feature", ("web", "app")),
)
NAMES = ["x", "bit", "price", "flag", "c", "user", "home", "user.x", "user.home.c", "born", "new", "ü"]


def is_json(value: object) -> bool:
    """Whether a value is plain JSON: no NaN, for one."""
    try:
        return bool(msgspec.json.decode(json.dumps([value])))
    except msgspec.DecodeError:
        return False


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(-3, 3),
        st.floats(),
        st.integers(-3, 3),
        st.sampled_from(["web", "true", "False", "1", "1.5", "", "NaN", "1,5", "x" * 70, "\ud800", 10**30, 10**400]),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["x", "c", "home"]), inner, max_size=2),
    max_leaves=6,
)
LISTED = [name for name in NAMES if name not in ("user", "home")]
"""Names that values of a list can have without becoming objects at once."""
LISTS = st.lists(st.sampled_from(LISTED), min_size=1, unique=True).flatmap(
    lambda names: st.tuples(
        st.just((*names,)),
        st.lists(st.tuples(*(VALUES.filter(is_json) for _ in names)), min_size=1, max_size=6),
    )
)
FEATURES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


def encoded(encoder: ColumnEncoder, features: list[Any]) -> tuple[Any, ...]:
    """Return everything that is counted of events with these features, comparable."""
    n = len(features)
    none = np.zeros(n, dtype=np.int64)
    rows = AllRows(none, ["id"] * n, none, none, none > 0, features, [None] * n, [None] * n)
    columns, unexpected = encoder(rows)
    return (
        columns.bins.tolist(),
        columns.z.tolist(),
        columns.squares.tolist(),
        columns.clipped.tolist(),
        {index: sorted(names) for index, names in columns.unlisted.items()},
        sorted(zip(*(part.tolist() for part in columns.tails), strict=True)),
        {name: sorted(found.tolist()) for name, found in columns.unknown.items()},
        unexpected.tolist(),
    )


def encoder() -> ColumnEncoder:
    return ColumnEncoder(COLUMNS, None, frozenset({"born"}), texts=frozenset({"x"}))


@examples(150)
@given(features=st.lists(FEATURES, min_size=1, max_size=6), before=st.lists(FEATURES, max_size=3), data=st.data())
def test_json_and_dictionaries_give_equal_columns(
    features: list[dict[str, Any]], before: list[dict[str, Any]], data: st.DataObject
) -> None:
    raw = [json.dumps(each).encode() for each in features]
    expected = encoded(encoder(), raw)
    warm = encoder()
    encoded(warm, [*before, *(json.dumps(each).encode() for each in before)])
    mixed = [data.draw(st.sampled_from(pair)) for pair in zip(raw, features, strict=True)]
    for given_as in (raw, features, mixed, [features_json(each) for each in features]):
        assert encoded(encoder(), given_as) == expected
        assert encoded(warm, given_as) == expected


@examples(150)
@given(given_as=LISTS, before=st.lists(FEATURES, max_size=3), data=st.data())
def test_values_with_names_give_the_columns_of_objects(
    given_as: tuple[tuple[str, ...], list[tuple[Any, ...]]], before: list[dict[str, Any]], data: st.DataObject
) -> None:
    names, rows = given_as
    type_ = named_values(names)
    values = [msgspec.json.decode(json.dumps(row), type=type_) for row in rows]
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    expected = encoded(encoder(), objects)
    warm = encoder()
    encoded(warm, [*before])
    mixed = [data.draw(st.sampled_from(pair)) for pair in zip(values, objects, strict=True)]
    for each in (values, mixed, values, [features_json(value) for value in values]):
        assert encoded(encoder(), each) == expected
        assert encoded(warm, each) == expected


@examples(150)
@given(rows=st.lists(FEATURES, min_size=1, max_size=5))
def test_the_columns_of_rows_are_those_that_events_are_read_with(rows: list[dict[str, Any]]) -> None:
    columns = columns_of_rows(flat_rows(rows))
    again = columns_of_rows(flat_rows(rows[::-1]))
    assert {name: [*map(repr, values)] for name, values in columns.items()} == {
        name: [*map(repr, values[::-1])] for name, values in again.items()
    }
    for i, row in enumerate(rows):
        event = flattened(row, columns.keys())
        for name, values in columns.items():
            assert repr(event.get(name)) == repr(values[i])

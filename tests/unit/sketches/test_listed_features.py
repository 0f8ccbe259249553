"""Features that are lists of values are taken as they are, and give what objects of the same values give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.events.features import features_json
from driftline.events.named_values import NamedValues, named_values
from driftline.sketches.columns import CategoricalColumn, NumericColumn, TextNumericColumn
from driftline.sketches.feature_decoder import FeatureDecoder
from driftline.sketches.feature_types import UNKNOWN_JSON, FeatureField
from driftline.sketches.listed_features import ListedFeatures

if TYPE_CHECKING:
    from driftline.sketches.feature_columns import FeatureColumns

BITS = np.array([0.0, 1.0]).tobytes()
COLUMNS = (
    NumericColumn("x", "feature", BITS, 0.5, 1.0, 0.25, 3.0),
    NumericColumn("bit", "feature", BITS, 0.5, 0.5, 0.0, 1.0),
    TextNumericColumn("price", "feature", BITS, 0.5, 1.0, 0.0, 1.0),
    CategoricalColumn("c", "feature", ("a", "b")),
)
NAMES = ("c", "x", "price", "bit", "id")
TYPE = named_values(NAMES)
ROW = '["a",1.5,"2.5",true,"r"]'
TEXTS = [
    *("null", "true", "0", "7", "-7", "1.5", '"1.5"', '"a"', '"x"', "[]", "[1]", '{"x":1}', "{}"),
    *("18446744073709551615", "18446744073709551616", "-18446744073709551616", "1" * 300, "1" * 400),
]


def decoder() -> FeatureDecoder:
    return FeatureDecoder(COLUMNS, frozenset({"id"}))


def values_of(*rows: str) -> list[NamedValues]:
    return [msgspec.json.decode(row, type=TYPE) for row in rows]


def comparable(columns: FeatureColumns) -> tuple[Any, ...]:
    values = [[*map(repr, column)] for column in columns.values]
    return values, columns.exceptions, columns.texts, columns.unexpected.tolist(), columns.unknown


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("place", range(len(NAMES)))
@pytest.mark.parametrize("neighbour", [ROW, "[null,null,null,null,null]"])
def test_a_value_counts_as_in_an_object(text: str, place: int, neighbour: str) -> None:
    texts = ['"a"', "1.5", '"2.5"', "true", '"r"']
    texts[place] = text
    rows = [neighbour, f"[{','.join(texts)}]", ROW, neighbour]
    objects: list[dict[str, Any]] = [dict(zip(NAMES, json.loads(row), strict=True)) for row in rows]
    found = comparable(decoder()([*values_of(*rows)]))
    assert found == comparable(decoder()([*objects]))
    assert found == comparable(decoder()([json.dumps(each).encode() for each in objects]))


def test_only_values_of_other_types_are_looked_at() -> None:
    fields = [
        FeatureField("x", float | None, None),
        FeatureField("d", str | None, None),
        FeatureField("c", str | int | float | bool | None, None),
        FeatureField("price", float | str | None, None),
        FeatureField("bit", float | bool | str | None, None),
        FeatureField("id", msgspec.Raw, msgspec.Raw(b"")),
    ]
    take = ListedFeatures(fields, TYPE)
    rows = values_of(
        '["a",1,null,0,{}]', '["a","1",2,1.5,[]]', "[1,null,3,false,0]", '[{},2,"3","x",0]', f"[1,{1 << 64},null,1,0]"
    )
    columns, odd = take(rows)
    assert take.are_known
    assert odd == [1, 3, 4]
    assert columns[0] == (1, "1", None, 2, 1 << 64)
    assert columns[1] == (None,) * 5
    assert not ListedFeatures(fields[1:], TYPE).are_known


def test_a_name_that_is_no_column_is_unexpected_in_every_event() -> None:
    decode = FeatureDecoder(COLUMNS)
    for _ in range(3):
        columns = decode([*values_of(ROW, "[null,null,null,null,null]", '[{},1,"1",true,null]')])
        assert columns.unexpected.tolist() == [True, True, True]
        assert {name: sorted(rows.tolist()) for name, rows in columns.unknown.items()} == {"id": [0, 1, 2]}
    assert ListedFeatures([FeatureField(name, UNKNOWN_JSON, None) for name in NAMES], TYPE).are_known


@pytest.mark.parametrize("text", ["[1,2]", "[1,2,3,4,5,6]", "{}", "1"])
def test_lists_of_another_length_are_no_values(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        values_of(text)


def test_they_are_kept_as_an_object() -> None:
    assert features_json(values_of('["ä",1.50,null,[1],{"a":{}}]')[0]) == (
        b'{"c":"\\u00e4","x":1.5,"price":null,"bit":[1],"id":{"a":{}}}'
    )

"""Objects in reference rows become columns, lists do not, and what is left out is known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ProfileError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.flattening import flat_rows, objects_opened, without_nested
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.building.json_rows import remarks_on, table_of_events, table_of_rows
from driftline.profiles.building.production import ProductionOptions, TimedRow, build_from_production
from driftline.profiles.building.roles import NO_FEATURES, Roles
from driftline.profiles.building.table import ReferenceTable, table_of_sample
from driftline.profiles.remarks import A_HANDFUL, remarks_of
from driftline.sketches.columns import CategoricalColumn, NumericColumn, TextNumericColumn
from driftline.sketches.layout import EVENTS
from driftline.sketches.packed import SampleRow

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY = ModelKey("risk", "")
ROWS: list[dict[str, Any]] = [
    {"user": {"age": 41, "home": {"city": "Bern"}}, "emb": [0.5, 1.0], "x": 1, "prediction": 1, "score": {"a": 0.4}},
    {"user": {"age": None, "home": None}, "emb": None, "x": {"y": 2}, "prediction": 0, "score": {"a": 0.6}},
    {"user": None, "emb": [1.0], "x": None, "prediction": 1, "score": None},
]


def built(table: ReferenceTable, **columns: ColumnSettings) -> Profile:
    return build_profile(KEY, table, ModelSettings(columns=columns), 0, "training")


def test_rows_of_json_are_flattened() -> None:
    table, remarks = table_of_rows(ROWS, Roles(), positive="a", at="t")
    assert table.features == {
        "x": [1, {"y": 2}, None],
        "user.age": [41, None, None],
        "user.home.city": ["Bern", None, None],
    }
    assert (table.prediction, table.score) == ([1, 0, 1], [0.4, 0.6, None])
    assert table.left_out == ("emb",)
    (remark,) = remarks
    assert remark == (
        "column `emb` holds lists that are not taken for embeddings: it is left out; lists of one length of 8 numbers "
        "or more are watched, and others with `columns.emb.kind: embedding`"
    )


def test_a_struct_of_a_frame_is_flattened_alike() -> None:
    frame = pa.table(
        {
            "user": [row["user"] for row in ROWS],
            "emb": [row["emb"] for row in ROWS],
            "user.age": pa.array([None, 35.0, None]),
        }
    )
    table, remarks = table_of_frame(frame)
    np.testing.assert_array_equal(table.features["user.age"], [41, 35, np.nan])
    assert table.features["user.home.city"] == ["Bern", None, None]
    assert list(table.features) == ["user.age", "user.home.city"]
    assert (table.left_out, len(remarks)) == (("emb",), 1)
    assert remarks[0].startswith("column `emb` holds lists that are not taken for embeddings")


def test_a_column_of_python_objects_is_flattened_alike() -> None:
    opened = objects_opened({"user": [{"age": 1, "born": date(1980, 1, 1)}, None]}, ())
    assert [*opened] == ["user.age", "user.born"]
    kept, vectors, left_out = without_nested({"a": np.array([1.0, np.nan]), **opened})
    assert ([*kept], vectors, [*left_out]) == (["a", "user.age"], {}, ["user.born"])


def test_a_name_is_either_a_column_or_an_object_in_whatever_order_rows_come() -> None:
    rows: list[dict[str, Any]] = [{"x": {"y": {"z": 1}}}, {"x": {"y": 2}}, {"x": None}, {"x": {}}]
    for order in (rows, rows[::-1]):
        flat = flat_rows(order)
        assert {name for row in flat for name in row} == {"x.y"}
        assert [row.get("x.y") for row in flat] == (
            [{"z": 1}, 2, None, None] if order is rows else [None, None, 2, {"z": 1}]
        )


@pytest.mark.parametrize("drop", [("user",), ("user.age", "user.home")])
def test_what_is_dropped_goes_with_all_that_is_within_it(drop: tuple[str, ...]) -> None:
    table, remarks = table_of_rows(ROWS, Roles(drop=(*drop, "emb")), positive="a", at="t")
    assert [*table.features] == ["x"]
    assert (table.left_out, remarks) == ((*drop, "emb"), ())
    frame = pa.table({"user": [row["user"] for row in ROWS], "emb": [row["emb"] for row in ROWS], "x": [1, 2, 3]})
    table, remarks = table_of_frame(frame, Roles(drop=(*drop, "emb")))
    assert ([*table.features], table.left_out, remarks) == (["x"], (*drop, "emb"), ())


def test_a_dropped_name_must_be_there() -> None:
    with pytest.raises(ProfileError, match=r"there is no column `user\.name`, only "):
        table_of_rows(ROWS, Roles(drop=("user.name",)), positive=None, at="t")


def test_all_that_is_left_out_is_known_to_the_profile() -> None:
    rows = [{**row, "prediction_id": str(i), "ts": 1_772_366_400_000 + i, "gone": i} for i, row in enumerate(ROWS)]
    table, _ = table_of_rows(rows, Roles(drop=("gone",), no_features=NO_FEATURES), positive="a", at="t")
    profile = built(table, x=ColumnSettings(kind="ignore"), user=ColumnSettings(kind="ignore"))
    assert [column.name for column in profile.columns] == ["prediction", "score"]
    assert profile.left_out == ("emb", "gone", "prediction_id", "ts", "user.age", "user.home.city", "x")
    frame = pa.table({"born": [date(1980, 1, 1)] * 3, "ts": [1, 2, 3], "x": [1, 2, 3], "id": ["a"] * 3})
    known = built(table_of_frame(frame, Roles(drop=("id",))).table)
    assert ([column.name for column in known.columns], known.left_out) == (["x"], ("born", "id", "ts"))


def test_events_and_a_bootstrap_sample_make_the_same_columns() -> None:
    features = [{name: row[name] for name in ("user", "emb", "x")} for row in ROWS]
    events = table_of_events(features, [1, 0, 1], None, None, ("x",))
    assert [*events.features] == ["user.age", "user.home.city"]
    assert events.left_out == ("x", "emb")
    assert len(remarks_on(events, ("x",))) == 1
    texts = [b'{"user": {"age": 41, "home": {"city": "Bern"}}, "emb": [1]}', b'{"user": null, "emb": [2]}']
    sample = table_of_sample([SampleRow(i, text, 1, None) for i, text in enumerate(texts)])
    assert sample.features == {"user.age": [41, None], "user.home.city": ["Bern", None]}
    assert sample.left_out == ("emb",)


def test_production_is_counted_alike_however_it_is_read() -> None:
    texts = [b'{"user": {"age": %d}, "x": %s}' % (i, b"{}" if i % 7 == 0 else b"1") for i in range(60)]
    rows = [TimedRow(1_772_366_400_000 + i, SampleRow(i, text, i % 2, None)) for i, text in enumerate(texts)]
    how = ProductionOptions(pane_ms=10_000)
    whole = build_from_production(KEY, lambda: iter([rows]), ModelSettings(), 0, how)
    single = build_from_production(KEY, lambda: iter([[row] for row in rows]), ModelSettings(), 0, how)
    assert whole.profile_id == single.profile_id
    assert [column.name for column in whole.columns] == ["user.age", "x", "prediction"]
    assert whole.reference.counts[EVENTS] == 60
    assert whole.reference.counts[whole.layout.places[1].quality].tolist() == [0, 0, 0, 9]


NUMBERS = [f"{i}.50" for i in range(40)]


def test_numbers_in_text_are_categories_until_the_configuration_says_what_they_are() -> None:
    profile = built(ReferenceTable(40, {"income": NUMBERS}))
    assert isinstance(profile.columns[0], CategoricalColumn)
    remark = next(each for each in remarks_of(profile) if "numbers as text" in each)
    assert remark.startswith(
        "column `income` holds numbers as text, and is watched as categories: `columns.income.kind"
    )
    assert not any("numbers as text" in each for each in remarks_of(profile, {"income"}))
    numeric = built(ReferenceTable(40, {"income": [*NUMBERS[:39], ""]}), income=ColumnSettings(kind="numeric"))
    assert isinstance(numeric.columns[0], TextNumericColumn)
    assert (numeric.columns[0].minimum, numeric.columns[0].maximum) == (0.5, 38.5)
    assert numeric.reference.counts[numeric.layout.places[0].quality].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    "values",
    [
        [f"0{i:04}" for i in range(40)],
        [f"{i}x" for i in range(40)],
        [str(i % A_HANDFUL) for i in range(40)],
    ],
    ids=["codes", "words", "a handful"],
)
def test_codes_words_and_a_handful_of_numbers_are_no_remark(values: list[str]) -> None:
    assert not any("numbers as text" in each for each in remarks_of(built(ReferenceTable(40, {"c": values}))))


def test_texts_among_numbers_are_read() -> None:
    column = built(ReferenceTable(40, {"x": [*range(38), "38.5", Decimal(39)]})).columns[0]
    assert isinstance(column, TextNumericColumn)
    assert column.maximum == 39.0
    codes = built(ReferenceTable(40, {"x": [*range(38), "02139", "x"]})).columns[0]
    assert (type(codes), codes.maximum) == (NumericColumn, 37.0)  # type: ignore[union-attr]  # it is numeric


def test_truth_values_among_0_and_1_are_counted() -> None:
    profile = built(ReferenceTable(40, {"x": [0, 1] * 19 + [True, "false"]}))
    assert profile.reference.counts[profile.layout.places[0].quality].tolist() == [0, 0, 0, 0]

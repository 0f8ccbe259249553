from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.profiles.building.frames import build_profile_from_frame, table_of_frame
from driftline.profiles.building.index_columns import counts_rows, index_remark
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.roles import Roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHUFFLED = np.array([7.0, 3.0, 90.0])


@pytest.mark.parametrize("name", ["", " ", "Unnamed: 0", "Unnamed: 12", "__index_level_0__"])
def test_the_name_of_an_index_is_enough(name: str) -> None:
    assert str(index_remark(name, SHUFFLED)).count("left out") == 1
    assert str(index_remark(name, ["a", "b"])).count("left out") == 1


@pytest.mark.parametrize("name", ["index", "level_0"])
def test_a_usual_name_needs_values_that_count(name: str) -> None:
    values: NDArray[np.float64] | Sequence[object]
    for values in (np.arange(3.0), np.arange(1.0, 4.0), np.array([4.0, 7.0, 90.0]), [2, 0, 1]):
        assert str(index_remark(name, values)).startswith(f"column `{name}` numbers the rows")
    for values in (SHUFFLED, np.array([0.5, 1.5, 2.5]), np.array([0.0, np.nan, 2.0]), ["a", "b"], [True, False], [1]):
        assert index_remark(name, values) is None


def test_other_names_are_features() -> None:
    assert index_remark("row", np.arange(3.0)) is None
    assert counts_rows([10**400, 1]) is False


def test_the_index_is_left_out_of_frames_and_of_objects() -> None:
    table, remarks = table_of_frame(pd.DataFrame({"age": [41, 35]}).reset_index())
    assert (list(table.features), table.left_out, len(remarks)) == (["age"], ("index",), 1)
    arrow = pa.Table.from_pandas(pd.DataFrame({"age": [41, 35, 20]}, index=[5, 9, 3]))
    assert table_of_frame(arrow).table.left_out == ("__index_level_0__",)
    rows = [{"index": i, "age": 40, "error": None} for i in range(3)]
    table, remarks = table_of_rows(rows, Roles(), positive=None, at="rows")
    assert (list(table.features), table.left_out, len(remarks)) == (["age"], ("error", "index"), 2)


def test_the_index_is_found_beside_objects_and_within_them_where_its_name_is_enough() -> None:
    objects = [{"age": 41, "home": {"city": "Bern"}, "tags": ["a"]}, {"age": 35.5}]
    counted = {"index": [0, 1], "user": objects, "odd": [[1], [2]], "ts": [1_772_366_400_000, 1_772_366_401_000]}
    rows = [dict(zip(counted, row, strict=True)) for row in zip(*counted.values(), strict=True)]
    frames = (pd.DataFrame(counted), pa.table(counted))
    readings = (*map(table_of_frame, frames), table_of_rows(rows, Roles(), positive=None, at="rows"))
    for table, remarks in readings:
        assert sorted(table.features) == ["user.age", "user.home.city"]
        assert sorted(table.left_out) == ["index", "odd", "ts", "user.tags"]
        assert len(remarks) == 3, "lists twice, and the index"
        assert table.times_ms is not None


def test_a_column_that_is_configured_is_a_feature_whatever_it_is_called() -> None:
    settings = ModelSettings(columns={"index": ColumnSettings(kind="numeric")})
    frame = pd.DataFrame({"age": [41, 35, 20]}).reset_index()
    profile = build_profile_from_frame(frame, "m", settings=settings)
    assert [column.name for column in profile.columns] == ["index", "age"]
    rows = [{"index": 0}, {"index": 1}]
    reading = table_of_rows(rows, Roles(), positive=None, at="rows", configured={"index": None})
    assert list(reading.table.features) == ["index"]

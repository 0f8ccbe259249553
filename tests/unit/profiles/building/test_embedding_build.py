"""Embeddings of references: which columns are some, from whatever they are read, and what is said of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.embedding_build import embedding_columns
from driftline.profiles.building.frames import build_profile_from_frame
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.roles import Roles
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.building.table_remarks import table_remarks
from driftline.profiles.building.vectors import Vectors, vectors_of
from driftline.profiles.codec import VERSION, decode_profile, encode_profile
from driftline.profiles.remark import Contradiction
from driftline.profiles.remarks import remarks_of
from driftline.runtime.references.reference_files import read_table
from driftline.runtime.references.table_options import TableOptions
from driftline.sketches.columns import EmbeddingColumn
from driftline.sketches.embeddings import DIMENSIONS, N_SCORES, weight_bits
from tests.support.embeddings import embedding_profile, encoded_texts
from tests.support.windows import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.model import ColumnKind
    from driftline.profiles.profile import Profile

VECTORS = encoded_texts(60, 8, 1)
LISTS: list[Any] = [*VECTORS.astype(float).tolist()[:-3], None, [1.0] * 7, [0.5] * 7 + [None]]
ROWS = [{"x": i % 7, "emb": value, "prediction": i % 2} for i, value in enumerate(LISTS)]
NAMES = ("emb.norm", "emb.rest", *(f"emb.{number}" for number in range(1, N_SCORES + 1)))


def profile_of_rows(rows: list[dict[str, Any]], kind: ColumnKind | None = None) -> tuple[Profile, tuple[str, ...]]:
    reading = table_of_rows(rows, Roles(), positive=None, at="rows", configured={"emb": kind})
    settings = ModelSettings(columns={"emb": ColumnSettings(kind=kind)})
    return build_profile(KEY, reading.table, settings, 0, "training"), reading.remarks


def test_lists_of_one_length_are_an_embedding() -> None:
    profile, remarks = profile_of_rows(ROWS)
    assert remarks == ()
    assert [column.name for column in profile.columns] == ["x", *NAMES, "prediction"]
    assert profile.left_out == ()
    (said,) = [each for each in remarks_of(profile) if "embedding" in each]
    assert said == (
        "column `emb` holds lists of 8 numbers and is watched as an embedding, by the columns `emb.norm` to `emb.8`: "
        "`columns.emb.kind: ignore` leaves it out"
    )
    (wrong,) = [each for each in remarks_of(profile) if "wrong type" in each]
    assert wrong.startswith("column `emb` has 2 values that are wrong type: lists of 8 numbers are expected")
    assert not [each for each in remarks_of(profile, {"emb"}) if "watched as an embedding" in each]


@pytest.mark.parametrize(
    ("values", "kind", "is_one"),
    [
        ([[1.0] * 7] * 20, None, False),
        ([[1.0] * 7] * 20, "embedding", True),
        ([[1.0] * 8] * 17 + [[1.0] * 9] * 3, None, False),
        ([[1.0] * 8] * 18 + ["x"] * 2, None, True),
        ([[1.0] * 8] * 3 + [[1.0] * 9] * 2, "embedding", True),
        ([[1]] * 20, "embedding", False),
        ([["a"] * 8] * 20, None, False),
        (["a"] * 20, "embedding", False),
        ([[1.0] * 8] * 20, "ignore", False),
        ([[1.0] * 8] * 20, "numeric", False),
    ],
)
def test_which_lists_are_an_embedding(values: list[Any], kind: ColumnKind | None, is_one: bool) -> None:  # noqa: FBT001
    profile, remarks = profile_of_rows([{"x": i % 3, "emb": value} for i, value in enumerate(values)], kind)
    assert any(isinstance(column, EmbeddingColumn) for column in profile.columns) is is_one
    assert (profile.left_out == ("emb",)) is not is_one
    if kind == "embedding" and not is_one:
        (remark,) = remarks
        assert isinstance(remark, Contradiction)
        assert "configured as an embedding and holds no lists of 2 to 65,536 numbers" in remark


def tables(tmp_path: Path) -> dict[str, Any]:
    """Return the same rows in every form that has lists."""
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    plain = pa.table(columns)
    parquet.write_table(plain, tmp_path / "rows.parquet")
    (tmp_path / "rows.ndjson").write_text("\n".join(map(json.dumps, ROWS)))
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    csv = ["x,emb,prediction"]
    for row in ROWS:
        text = "" if row["emb"] is None else json.dumps(row["emb"])
        csv.append(f'{row["x"]},"{text}",{row["prediction"]}' if text else f"{row['x']},,{row['prediction']}")
    (tmp_path / "rows.csv").write_text("\n".join(csv))
    arrays = [None if row["emb"] is None else np.array(row["emb"], dtype=float) for row in ROWS]
    read = {
        name: read_table(tmp_path / name, KEY, how=TableOptions(kinds={"emb": "embedding"})).table
        for name in ("rows.parquet", "rows.ndjson", "rows.json", "rows.csv")
    }
    frames = {"polars": pl.DataFrame(columns), "pandas": pd.DataFrame(columns), "arrays": pd.DataFrame(columns)}
    frames["arrays"]["emb"] = pd.Series(arrays)
    return {**read, **frames}


def test_every_kind_of_table_gives_the_same_embedding(tmp_path: Path) -> None:
    expected, _ = profile_of_rows(ROWS)
    for name, table in tables(tmp_path).items():
        if isinstance(table, ReferenceTable):
            made = build_profile(KEY, table, ModelSettings(), 0, "training")
        else:
            made = build_profile_from_frame(table, KEY.model, KEY.version)
        parts = [column for column in made.columns if isinstance(column, EmbeddingColumn)]
        assert parts == [column for column in expected.columns if isinstance(column, EmbeddingColumn)], name
        counts = [made.reference.counts[place.quality].tolist() for place in made.layout.places[1:2]]
        if name != "arrays":  # in which not-a-number stands where a list has none
            assert counts == [[1, 0, 0, 2]], name


def test_lists_of_one_length_of_a_frame_are_read_in_their_own_precision() -> None:
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), 8)
    profile = build_profile_from_frame(pa.table({"emb": fixed, "x": np.arange(60.0)}), "m", "2")
    whole = embedding_profile(VECTORS)
    assert [column.name for column in profile.columns][1:] == [*NAMES]
    first = [column for column in profile.columns if isinstance(column, EmbeddingColumn)]
    assert first == [column for column in whole.columns if isinstance(column, EmbeddingColumn)]


def test_a_profile_with_an_embedding_is_of_the_latest_version_and_comes_back() -> None:
    profile = embedding_profile(encoded_texts(300, 768, 1))
    records = encode_profile(profile)
    assert {msgspec.msgpack.decode(value)[0] for _, value in records} == {VERSION}
    again = decode_profile([value for _, value in records], "x")
    assert (again.columns, again.profile_id) == (profile.columns, profile.profile_id)


def test_directions_are_those_of_largest_variance() -> None:
    rng = np.random.default_rng(4)
    spreads = np.array([9.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.6, 0.1, 0.1])
    found = vectors_of((rng.normal(size=(5_000, 10)) * spreads + 3).tolist())
    assert found is not None
    parts = {column.name: column for column in embedding_columns("e", found)}
    assert [*parts] == ["e.norm", "e.rest", *(f"e.{number}" for number in range(1, 9))]
    for number in range(1, 9):
        direction = np.ldexp(parts[f"e.{number}"].directions, -weight_bits(10))
        assert int(direction.argmax()) == number - 1
        assert direction[number - 1] > 0.98
        assert parts[f"e.{number}"].spread == pytest.approx(spreads[number - 1], rel=0.05)
    assert parts["e.rest"].mean == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.2)


@pytest.mark.parametrize(
    ("matrix", "n_scores"),
    [
        (np.zeros((0, 8)), 0),
        (np.ones((1, 8)), 0),
        (np.ones((50, 8)), 0),
        (np.outer(np.arange(50.0), np.ones(8)), 1),
        (np.full((50, 8), 1e300) * np.linspace(0, 1, 50)[:, None], 1),
        (np.full((5, 8), np.nan), 0),
        (np.random.default_rng(1).normal(size=(30, DIMENSIONS + 10)), 8),
    ],
)
def test_vectors_that_hardly_vary_have_fewer_columns(matrix: np.ndarray, n_scores: int) -> None:
    n = len(matrix)
    vectors = Vectors(matrix, np.arange(n), [], n)
    columns = embedding_columns("e", vectors)
    assert len(columns) == 2 + n_scores
    table = ReferenceTable(n + 1, {}, [1] * (n + 1), vectors={"e": Vectors(matrix, np.arange(n), [], n + 1)})
    profile = build_profile(KEY, table, ModelSettings(), 0, "training")
    assert profile.n_events == n + 1


def test_a_feature_with_the_name_of_one_of_its_columns_goes_first() -> None:
    rows = [{**row, "emb.norm": 1.0} for row in ROWS]
    profile, _ = profile_of_rows(rows)
    assert [column.name for column in profile.columns] == ["x", "emb.norm", "prediction"]
    assert profile.left_out == ("emb",)
    table = table_of_rows(rows, Roles(), positive=None, at="rows").table
    (remark,) = table_remarks(table, ModelSettings())
    assert remark == (
        "column `emb` is an embedding, but `emb.norm`, as one of its columns would be called, is a feature too: `emb` "
        "is left out; rename one of both"
    )
    assert [*table_remarks(table, ModelSettings(columns={"emb": ColumnSettings(kind="ignore")}))] == []

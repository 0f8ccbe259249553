from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from driftline.errors import ParameterError, ProfileError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.roles import Roles
from driftline.runtime.references.reference_files import read_table
from driftline.runtime.references.table_options import TableOptions
from driftline.runtime.references.text_files import checked_encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from driftline.profiles.building.table import ReferenceTable

KEY = ModelKey("m", "")
ROWS = [{"age": 41, "channel": "web", "label": 1}, {"age": 35, "channel": "app", "label": 0}]
TABLE = pa.Table.from_pylist(ROWS)
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CSV = b"age,channel,label\n41,web,1\n35,app,0\n"
BY_COLUMN = {name: {str(i): row[name] for i, row in enumerate(ROWS)} for name in ROWS[0]}
SPLIT = {"columns": list(ROWS[0]), "index": [0, 1], "data": [list(row.values()) for row in ROWS]}


def arrow(kind: str) -> bytes:
    sink = pa.BufferOutputStream()
    if kind == "parquet":
        parquet.write_table(TABLE, sink)
    elif kind == "feather":
        feather.write_feather(TABLE, sink)
    else:
        with (ipc.new_stream if kind == "stream" else ipc.new_file)(sink, TABLE.schema) as writer:
            writer.write_table(TABLE)
    return bytes(sink.getvalue())


def plain(table: ReferenceTable) -> tuple[list[float], object, object]:
    return [float(str(age)) for age in table.features["age"]], table.features["channel"], table.label


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", CSV),
        ("T.CSV", CSV),
        ("t.csv.gz", gzip.compress(CSV, mtime=0)),
        ("t.csv", gzip.compress(CSV, mtime=0)),
        ("t.tsv", CSV.replace(b",", b"\t")),
        ("t.tsv.gz", gzip.compress(CSV.replace(b",", b"\t"), mtime=0)),
        ("t.ndjson", LINES),
        ("t.jsonl.gz", gzip.compress(LINES, mtime=0)),
        ("t.ndjson", b"\xef\xbb\xbf" + LINES),
        ("t.ndjson", LINES.decode().encode("utf-16")),
        ("t.ndjson", json.dumps(ROWS).encode()),
        ("t.json", json.dumps(ROWS, indent=1).encode()),
        ("t.json.gz", gzip.compress(json.dumps(ROWS).encode(), mtime=0)),
        ("t.json", LINES),
        ("t.json", json.dumps(BY_COLUMN).encode()),
        ("t.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}).encode()),
        ("t.json", json.dumps(SPLIT).encode()),
        ("t.json", json.dumps({"schema": {"fields": []}, "data": ROWS}).encode()),
        ("t.parquet", arrow("parquet")),
        ("T.PARQUET", arrow("parquet")),
        ("t.pq", arrow("parquet")),
        ("t.feather", arrow("feather")),
        ("t.arrow", arrow("file")),
        ("t.arrow", arrow("stream")),
    ],
)
def test_every_usual_kind_of_file_holds_the_same_rows(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    table, remarks = read_table(tmp_path / name, KEY)
    assert plain(table) == ([41, 35], ["web", "app"], [1, 0])
    assert remarks == ()


def test_a_json_array_may_hold_events_and_nan(tmp_path: Path) -> None:
    events = [
        {"prediction_id": i, "model": model, "features": {"age": age}, "prediction": 1, "truth": 0}
        for i, (model, age) in enumerate([("m", 41), ("other", 1), ("m", float("nan"))])
    ]
    (tmp_path / "e.json").write_text(json.dumps(events), encoding="utf-8")
    table, remarks = read_table(tmp_path / "e.json", KEY, Roles(label="truth"))
    assert (len(table.features["age"]), table.prediction, table.label) == (2, [1, 1], [0, 0])
    assert remarks == ("1 events are of other models: they are left out",)


def test_an_object_that_is_spread_over_lines_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(ROWS[0], indent=1), encoding="utf-8")
    assert plain(read_table(tmp_path / "t.json", KEY).table) == ([41], ["web"], [1])


def test_a_folder_of_parquet_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    for country, rows in (("de", ROWS), ("fr", [{"age": 5.5, "extra": 1}])):
        (folder / f"country={country}").mkdir(parents=True)
        parquet.write_table(pa.Table.from_pylist(rows), folder / f"country={country}" / "part-0.PARQUET")
    (folder / "_SUCCESS").touch()
    (folder / "_delta_log").mkdir()
    (folder / "_delta_log" / "0.parquet").write_bytes(b"no rows")
    table = read_table(folder, KEY).table
    np.testing.assert_array_equal(table.features["age"], [41, 35, 5.5])
    assert table.features["channel"] == ["web", "app", None]
    np.testing.assert_array_equal(table.features["extra"], [np.nan, np.nan, 1])
    assert table.features["country"] == ["de", "de", "fr"]
    (tmp_path / "none").mkdir()
    with pytest.raises(ProfileError, match=r"none is a folder without Parquet files: name a file, or a folder"):
        read_table(tmp_path / "none", KEY)


def test_files_of_a_folder_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", "text")):
        parquet.write_table(pa.table({"x": [value]}), tmp_path / f"{name}.parquet")
    with pytest.raises(ProfileError, match=r"the Parquet files in .* cannot be read as one table: .*x"):
        read_table(tmp_path, KEY)


def test_a_parquet_table_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    parquet.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(ProfileError, match=r"t\.parquet: 2 columns are called `x`"):
        read_table(tmp_path / "t.parquet", KEY)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.parquet", b"hello", r"t\.parquet is no Parquet file that can be read: "),
        ("t.pq", b"", r"t\.pq is no Parquet file that can be read: "),
        ("t.arrow", b"hello world", r"t\.arrow is no Arrow or Feather file that can be read: "),
        ("t.feather", b"ARROW1hello", r"t\.feather is no Arrow or Feather file that can be read: "),
        ("t.xlsx", b"", r"t\.xlsx: rows are read from files that end in \.parquet, .*; save them as one of these"),
        ("t", b"", r"t: rows are read from files that end in"),
        ("t.json", b"[1, 2]", r"t\.json\[0\] is no JSON object, but b'1'"),
        ("t.json", b'[{"a": 1}', r"t\.json begins as a JSON array and is none"),
        ("t.json", b"[]", r"t\.json is empty: at least one row is expected"),
        ("t.ndjson", b'{\n "a": 1\n}\n', r"t\.ndjson:1: one whole object a line is expected"),
        ("t.ndjson", b'{"a": 1}\n{"a": \n', r"Expected a JSON object, got .* - at `.*t\.ndjson:2`"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ProfileError, match=message) as raised:
        read_table(tmp_path / name, KEY)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["t.csv", "t.ndjson", "t.parquet", "t.arrow"])
def test_a_file_that_is_not_there_is_said_in_three_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProfileError) as raised:
        read_table(tmp_path / name, KEY)
    assert str(raised.value) == f"{tmp_path / name}: no such file"


@pytest.mark.parametrize(
    ("name", "how", "option"),
    [
        ("t.parquet", TableOptions(separator=";"), "--separator"),
        ("t.ndjson", TableOptions(missing=("NA",)), "--na"),
        ("t.arrow", TableOptions(encoding="latin-1"), "--encoding"),
    ],
)
def test_options_without_an_effect_are_refused(tmp_path: Path, name: str, how: TableOptions, option: str) -> None:
    with pytest.raises(ParameterError, match=f"Expected this option with .* alone, got .* - at `{option}`"):
        read_table(tmp_path / name, KEY, how=how)


@pytest.mark.parametrize("name", ["klingon", "hex"])
def test_an_encoding_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="Expected an encoding that Python knows"):
        checked_encoding(name)


@pytest.mark.parametrize("write", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\x1f\x8b")])
def test_what_is_called_text_and_is_none_is_refused(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path / "t.csv")
    with pytest.raises(ProfileError, match=r"t\.csv"):
        read_table(tmp_path / "t.csv", KEY)


def test_columns_of_parquet_are_read_by_their_whole_name(tmp_path: Path) -> None:
    rows = {"a": [{"b": 1}, {"b": 2}], "a.c": [3, 4], "channel": pa.array(["x", None]).dictionary_encode()}
    parquet.write_table(pa.table(rows), tmp_path / "t.parquet")
    table, _ = read_table(tmp_path / "t.parquet", KEY)
    assert {name: [*values] for name, values in table.features.items()} == {
        "a.b": [1, 2],
        "a.c": [3, 4],
        "channel": ["x", None],
    }

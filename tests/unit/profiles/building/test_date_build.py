"""Dates of references: left out with a reason, or watched as the number that the configuration names."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from driftline.config.model import ColumnSettings, ModelSettings
from driftline.errors import ProfileError
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.production import ProductionOptions, TimedRow, build_from_production
from driftline.profiles.building.roles import Roles
from driftline.profiles.building.table import table_of_sample
from driftline.profiles.building.table_remarks import table_remarks
from driftline.profiles.codec import VERSION, decode_block, decode_profile, encode_profile
from driftline.profiles.remark import Contradiction
from driftline.profiles.remarks import remarks_of
from driftline.runtime.references.reference_files import read_table
from driftline.runtime.references.table_options import TableOptions
from driftline.sketches.columns import DateColumn
from driftline.sketches.packed import SampleRow
from tests.support.embeddings import sketch_of
from tests.support.windows import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.model import ColumnKind
    from driftline.profiles.building.table import ReferenceTable
    from driftline.profiles.profile import Profile

START = datetime(2026, 3, 1, tzinfo=UTC)
START_MS = 1_772_323_200_000
PANE_MS = 60_000
N = 200
BORN = [START - timedelta(days=30 * i + 1, hours=i % 24, minutes=7 * i % 60) for i in range(N)]
TIMES = [START_MS + 10_000 * i for i in range(N)]
ROWS = [
    {"ts": time, "x": i % 5, "born": born.isoformat().replace("+00:00", "Z"), "prediction": i % 2}
    for i, (time, born) in enumerate(zip(TIMES, BORN, strict=True))
]


def settings_of(kind: ColumnKind | None) -> ModelSettings:
    return ModelSettings(columns={"born": ColumnSettings(kind=kind)})


def built(table: ReferenceTable, kind: ColumnKind | None) -> Profile:
    return build_profile(KEY, table, settings_of(kind), 0, "training", in_time=TimeOptions(PANE_MS))


def born_of(profile: Profile) -> tuple[DateColumn, list[int]]:
    """Return the column of the dates, and its counts."""
    (index,) = [i for i, column in enumerate(profile.columns) if column.name == "born"]
    column, place = profile.columns[index], profile.layout.places[index]
    assert isinstance(column, DateColumn)
    return column, [*profile.reference.counts[place.bins].tolist(), *profile.reference.counts[place.quality].tolist()]


def tables(tmp_path: Path, kind: ColumnKind) -> dict[str, ReferenceTable]:
    """Return the same rows from every kind of file and frame."""
    typed = {
        "ts": pa.array(TIMES, pa.timestamp("ms", "UTC")),
        "x": [row["x"] for row in ROWS],
        "born": pa.array(BORN, pa.timestamp("us", "UTC")),
        "prediction": [row["prediction"] for row in ROWS],
    }
    parquet.write_table(pa.table(typed), tmp_path / "rows.parquet")
    (tmp_path / "rows.ndjson").write_text("\n".join(map(json.dumps, ROWS)))
    lines = [",".join(ROWS[0]), *(",".join(str(value) for value in row.values()) for row in ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    events = [
        {"prediction_id": f"{i}", "model": KEY.model, "model_version": KEY.version, "ts": row["ts"]}
        | {"features": {"x": row["x"], "born": row["born"]}, "prediction": row["prediction"]}
        for i, row in enumerate(ROWS)
    ]
    (tmp_path / "events.ndjson").write_text("\n".join(map(json.dumps, events)))
    how = TableOptions(kinds={"born": kind})
    read = {
        name: read_table(tmp_path / name, KEY, how=how).table for name in sorted(p.name for p in tmp_path.iterdir())
    }
    naive = [moment.replace(tzinfo=None) for moment in BORN]
    frames: dict[str, Any] = {
        "pandas": pd.DataFrame({**ROWS[0]} | {name: [row[name] for row in ROWS] for name in ROWS[0]} | {"born": naive}),
        "polars": pl.DataFrame({name: [row[name] for row in ROWS] for name in ROWS[0]} | {"born": naive}),
        "objects": pd.DataFrame({name: [row[name] for row in ROWS] for name in ROWS[0]}).assign(
            born=pd.Series(naive, dtype=object)
        ),
    }
    framed = {
        name: table_of_frame(frame, Roles(time="ts"), configured={"born": kind}) for name, frame in frames.items()
    }
    return {**read, **{name: reading.table for name, reading in framed.items()}}


@pytest.mark.parametrize("kind", ["age", "hour", "weekday"])
def test_every_kind_of_table_and_events_give_the_same_column(tmp_path: Path, kind: ColumnKind) -> None:
    expected = built(tables(tmp_path, kind)["rows.ndjson"], kind)
    column, counts = born_of(expected)
    assert column.measure == kind
    assert sum(counts) == N
    for name, table in tables(tmp_path, kind).items():
        assert born_of(built(table, kind)) == (column, counts), name
    features = [json.dumps({"x": row["x"], "born": row["born"]}).encode() for row in ROWS]
    panes = np.array(TIMES, dtype=np.int64) // PANE_MS * PANE_MS
    counted = sketch_of(expected, features, settings_of(kind), panes)
    places = expected.layout.places[:2]
    for place in places:
        assert counted.counts[place.bins].tolist() == expected.reference.counts[place.bins].tolist()
    rows = [SampleRow(i, text, i % 2, None) for i, text in enumerate(features)]
    timed = [*map(TimedRow, TIMES, rows)]
    how = ProductionOptions(PANE_MS)
    produced = build_from_production(KEY, lambda: iter([timed[:7], timed[7:]]), settings_of(kind), 0, how)
    assert born_of(produced) == (column, counts)
    sample = table_of_sample(rows[::-1], kinds={"born": kind}, times_ms=panes[::-1].tolist())
    assert born_of(built(sample, kind)) == (column, counts)


def test_an_age_is_counted_in_days_to_the_start_of_the_pane() -> None:
    table = table_of_rows(ROWS, Roles(time="ts"), positive=None, at="rows").table
    column, _ = born_of(built(table, "age"))
    assert column.minimum == pytest.approx(1.0 - 0.01, abs=0.02)
    assert column.maximum == pytest.approx(30 * (N - 1) + 1 + 7 / 24, abs=0.05)


def test_an_age_needs_the_times_of_rows() -> None:
    rows = [{name: value for name, value in row.items() if name != "ts"} for row in ROWS]
    table = table_of_rows(rows, Roles(), positive=None, at="rows").table
    with pytest.raises(
        ProfileError, match=r"column `born` is configured as an age, .* name their column with --time-c"
    ):
        built(table, "age")
    assert born_of(built(table, "hour"))[0].measure == "hour"


def test_rows_without_a_time_have_no_age() -> None:
    rows = [{**row, "ts": None if i < 20 else row["ts"]} for i, row in enumerate(ROWS)]
    table = table_of_rows(rows, Roles(time="ts"), positive=None, at="rows").table
    assert born_of(built(table, "age"))[1][-4:] == [20, 0, 0, 0]


def test_what_is_no_date_is_of_a_wrong_type_and_told() -> None:
    rows = [{**row, "born": "soon" if i < 3 else None if i < 5 else row["born"]} for i, row in enumerate(ROWS)]
    profile = built(table_of_rows(rows, Roles(time="ts"), positive=None, at="rows").table, "age")
    assert born_of(profile)[1][-4:] == [2, 0, 0, 3]
    (remark,) = [each for each in remarks_of(profile, {"born"}) if "wrong type" in each]
    assert "dates or times are expected" in remark


def test_the_reason_names_the_choices(tmp_path: Path) -> None:
    table = pa.table({"born": pa.array(BORN, pa.timestamp("us", "UTC")), "day": [moment.date() for moment in BORN]})
    reading = table_of_frame(table.append_column("x", pa.array(np.arange(float(N)))))
    assert reading.table.left_out == ("born", "day")
    for name, remark in zip(("born", "day"), reading.remarks, strict=True):
        assert remark == (
            f"column `{name}` holds dates: it is left out, as dates move on by themselves; `columns.{name}.kind: age` "
            "watches how many days before the event they are, `kind: hour` and `kind: weekday` when they are"
        )
    lines = ["x,born", *(f"{i % 7},{row['born']}" for i, row in enumerate(ROWS))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    reading = read_table(tmp_path / "rows.csv", KEY)
    assert any("`kind: age` watches how many days" in remark for remark in reading.remarks)


@pytest.mark.parametrize("repeats", [1, 50])
def test_dates_as_text_are_remarked_upon(repeats: int) -> None:
    rows = [{"x": i % 7, "born": ROWS[i // repeats]["born"]} for i in range(N)]
    table = table_of_rows(rows, Roles(), positive=None, at="rows").table
    (remark,) = table_remarks(table, ModelSettings())
    assert "`born` holds dates as text" in remark
    assert isinstance(remark, Contradiction) is (repeats == 1)
    assert [*table_remarks(table, settings_of("hour"))] == []


def test_a_profile_with_a_date_comes_back() -> None:
    profile = built(table_of_rows(ROWS, Roles(time="ts"), positive=None, at="rows").table, "age")
    values = [value for _, value in encode_profile(profile)]
    assert {decode_block(value, "x").version for value in values} == {VERSION}
    assert decode_profile(values, "x").columns == profile.columns

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest

from driftline.errors import ProfileError
from driftline.events.times import TimeForm
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.building.json_rows import table_of_rows
from driftline.profiles.building.roles import Roles
from driftline.profiles.building.times import times_of, times_of_series
from driftline.profiles.task import NO_TIME

NOON_MS = 1_772_366_400_000  # 2026-03-01T12:00:00Z
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([NOON, None]),
        pa.array([NOON.replace(tzinfo=None), None], pa.timestamp("s")),
        pa.array([NOON.astimezone(timezone(timedelta(hours=9))), None]),
        pa.array([NOON_MS, None]),
        pa.array([float(NOON_MS), float("nan")]),
        pa.array(["2026-03-01T12:00:00Z", None]),
        pa.array(["2026-03-01T13:00:00+01:00", None]),
        pa.array(["2026-03-01T12:00:00", None]),
    ],
)
def test_whatever_says_a_time_is_read(values: pa.Array) -> None:
    series = nw.from_native(pa.table({"ts": values}))["ts"]
    assert times_of_series(series, "x").tolist() == [NOON_MS, NO_TIME]


def test_a_date_is_its_midnight_in_utc() -> None:
    series = nw.from_native(pa.table({"ts": [date(2026, 3, 1)]}))["ts"]
    assert times_of_series(series, "x").tolist() == [NOON_MS - 12 * 3_600_000]


@pytest.mark.parametrize("value", ["soon", True, [1], {"a": 1}, 1e300, "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_named_with_its_row(value: object) -> None:
    with pytest.raises(ProfileError, match=r"Expected times: dates, epoch milliseconds or RFC 3339, got .* in row 2"):
        times_of([1, value], "x.csv")


@pytest.mark.parametrize("value", [1e300, -1e18, 9e18])
def test_numbers_outside_the_calendar_are_no_times(value: float) -> None:
    series = nw.from_native(pa.table({"ts": [1.0, value]}))["ts"]
    with pytest.raises(ProfileError, match=r"of the years 1000 to 9998, got another in row 2 - at `x.csv`"):
        times_of_series(series, "x.csv")


def test_the_column_of_times_is_the_mapped_one_or_the_one_that_is_named() -> None:
    frame = pa.table({"ts": ["x", "y"], "at": [5, 6], "age": [1, 2]})
    table, remarks = table_of_frame(frame)
    assert table.times_ms is None
    assert list(table.features) == ["at", "age"]
    assert remarks == (
        (
            "column `ts` is left out, and rows have no time: Expected times: dates, epoch milliseconds or RFC 3339, "
            "got 'x' in row 1 - at `frame`"
        ),
    )
    for roles in (Roles(time="at"), Roles(usual_time="at")):
        table, remarks = table_of_frame(frame, roles)
        assert table.times_ms is not None
        assert table.times_ms.tolist() == [5, 6]
        assert list(table.features) == ["age"]
        assert remarks == ("column `ts` identifies events: it is left out",)
    with pytest.raises(ProfileError, match=r"got 'x' in row 1"):
        table_of_frame(frame, Roles(time="ts"))
    with pytest.raises(ProfileError, match=r"there is no column `when`, only ts, at, age"):
        table_of_frame(frame, Roles(time="when"))
    assert table_of_frame(frame, Roles(drop=("ts",)))[0].times_ms is None


def test_rows_without_any_time_have_none() -> None:
    rows: list[dict[str, object]] = [{"ts": None, "age": 1}, {"age": 2}]
    assert table_of_rows(rows, Roles(), positive=None, at="rows").table.times_ms is None


@pytest.mark.parametrize(
    ("number", "unit"), [(NOON_MS // 1000, "s"), (NOON_MS * 1000, "us"), (NOON_MS * 1_000_000, "ns")]
)
def test_times_in_another_unit_are_found_out_and_can_be_named(number: int, unit: Any) -> None:  # noqa: ANN401
    expected = (
        f"a time of our days in .*at `x.csv`. Give `--time-unit {unit}`, or .*`ts: {{pointer: /at, unit: {unit}}}`"
    )
    series = nw.from_native(pa.chunked_array([pa.array([None, number])]), series_only=True)
    with pytest.raises(ProfileError, match=expected):
        times_of_series(series, "x.csv", TimeForm(shown="pointer: /at"))
    with pytest.raises(ProfileError, match=expected):
        times_of([None, number], "x.csv", TimeForm(shown="pointer: /at"))
    form = TimeForm(unit)
    assert times_of_series(series, "x.csv", form).tolist() == times_of([None, number], "x.csv", form).tolist()
    assert times_of([None, number], "x.csv", form).tolist() == [NO_TIME, NOON_MS]


def test_texts_in_further_forms() -> None:
    assert times_of(["2026-03-01 12:00:00+00", "20260301T120000Z"], "x").tolist() == [NOON_MS, NOON_MS]
    assert times_of(["01/03/2026 12:00"], "x", TimeForm(format="%d/%m/%Y %H:%M")).tolist() == [NOON_MS]

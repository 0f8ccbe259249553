from __future__ import annotations

import uuid
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftline.errors import ProfileError
from driftline.profiles.building.frames import table_of_frame
from driftline.profiles.task import NO_TIME

BEYOND = 2**60 + 1
"""An integer that no floating-point number equals."""


def features(frame: Any) -> dict[str, list[object]]:  # noqa: ANN401  # of any library
    table = table_of_frame(frame).table
    return {
        name: ["missing" if value is None or value != value else value for value in list(values)]  # noqa: PLR0124
        for name, values in table.features.items()
    }


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(
            {
                "whole": pd.array([1, None, BEYOND], dtype="Int64"),
                "unsigned": pd.array([1, None, 2**64 - 1], dtype="UInt64"),
                "number": pd.array([1.5, None, float("inf")], dtype="Float64"),
                "flag": pd.array([True, None, False], dtype="boolean"),
                "text": pd.array(["x", None, ""], dtype="string"),
                "category": pd.Categorical(["a", None, "b"]),
            }
        ),
        pd.DataFrame(
            {
                "whole": pd.array([1, None, BEYOND], dtype="int64[pyarrow]"),
                "unsigned": pd.array([1, None, 2**64 - 1], dtype="uint64[pyarrow]"),
                "number": pd.array([1.5, None, float("inf")], dtype="double[pyarrow]"),
                "flag": pd.array([True, None, False], dtype="bool[pyarrow]"),
                "text": pd.array(["x", None, ""], dtype="string[pyarrow]"),
                "category": pd.Categorical(["a", None, "b"]),
            }
        ),
        pd.DataFrame(
            {
                "whole": pd.Series([1, None, BEYOND], dtype=object),
                "unsigned": pd.Series([1, pd.NA, 2**64 - 1], dtype=object),
                "number": pd.Series([Decimal("1.5"), float("nan"), float("inf")], dtype=object),
                "flag": pd.Series([True, None, False], dtype=object),
                "text": pd.Series(["x", pd.NA, ""], dtype=object),
                "category": pd.Series(["a", None, "b"], dtype=object),
            }
        ),
        pl.DataFrame(
            {
                "whole": pl.Series([1, None, BEYOND]),
                "unsigned": pl.Series([1, None, 2**64 - 1], dtype=pl.UInt64),
                "number": [1.5, None, float("inf")],
                "flag": [True, None, False],
                "text": ["x", None, ""],
                "category": pl.Series(["a", None, "b"], dtype=pl.Categorical),
            }
        ),
        pl.LazyFrame(
            {
                "whole": pl.Series([1, None, BEYOND], dtype=pl.Int128),
                "unsigned": pl.Series([1, None, 2**64 - 1], dtype=pl.UInt64),
                "number": [1.5, None, float("inf")],
                "flag": [True, None, False],
                "text": ["x", None, ""],
                "category": pl.Series(["a", None, "b"], dtype=pl.Enum(["a", "b"])),
            }
        ),
        pa.table(
            {
                "whole": [1, None, BEYOND],
                "unsigned": pa.array([1, None, 2**64 - 1], pa.uint64()),
                "number": [1.5, None, float("inf")],
                "flag": [True, None, False],
                "text": pa.array(["x", None, ""], pa.string_view()),
                "category": pa.array(["a", None, "b"]).dictionary_encode(),
            }
        ),
    ],
    ids=["pandas nullable", "pandas arrow", "pandas object", "polars", "polars lazy", "pyarrow"],
)
def test_missing_and_large_values_are_the_same_in_every_library(frame: object) -> None:
    found = features(frame)
    assert [float(str(value)) for value in (*found["whole"][::2], *found["unsigned"][::2])] == [1, 2.0**60, 1, 2.0**64]
    assert [found[name][1] for name in found] == ["missing"] * 6
    assert found["number"][::2] == [1.5, np.inf]
    assert (found["flag"], found["text"]) == ([True, "missing", False], ["x", "missing", ""])
    assert found["category"] == ["a", "missing", "b"]


def test_outcomes_are_missing_where_a_library_has_its_own_missing_value() -> None:
    columns = {"prediction": pd.array([1, None], dtype="Int64"), "label": pd.array([True, None], dtype="boolean")}
    table = table_of_frame(pd.DataFrame({"x": [1, 2], **columns})).table
    assert (table.prediction, table.label) == ([1, None], [True, None])


def test_categories_of_numbers_are_known_by_the_texts_of_events() -> None:
    frame = pd.DataFrame({"whole": pd.Categorical([7.0, 8.0, None]), "half": pd.Categorical([0.5, 1.0, 0.5])})
    assert features(frame) == {"whole": ["7", "8", "missing"], "half": ["0.5", "1", "0.5"]}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.period_range("2026-01", periods=2, freq="M"), "Period"),
        (pd.to_timedelta([1, 2]), "Duration"),
        (np.array([1j, 2j]), "complex"),
        (pd.interval_range(0, 2), "Interval"),
        (pd.Series([uuid.UUID(int=1), uuid.UUID(int=2)], dtype=object), "UUID"),
        (pd.Series([time(1), time(2)], dtype=object), "time"),
    ],
)
def test_what_events_cannot_hold_is_left_out_by_its_name(values: Any, kind: str) -> None:  # noqa: ANN401  # any column
    table, remarks = table_of_frame(pd.DataFrame({"x": [1, 2], "odd": values}))
    assert (list(table.features), table.left_out) == (["x"], ("odd",))
    assert remarks[0].startswith(f"column `odd` is of type {kind}")
    assert remarks[0].endswith("it is left out; make it a number or a text to keep it")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"^train: the rows cannot be read \(.*'a' 2 times"),
        (pd.DataFrame([[1, 2]]), r"^train: a column is called 0: features of events have texts as names, so rename it"),
        (
            pl.LazyFrame({"a": ["x"]}).with_columns(pl.col("a").cast(pl.Int64)),
            r"^train: the rows cannot be read \(conversion from `str` to `i64` failed",
        ),
    ],
)
def test_what_a_library_raises_is_one_sentence(frame: Any, message: str) -> None:  # noqa: ANN401  # of any library
    with pytest.raises(ProfileError, match=message) as raised:
        table_of_frame(frame, at="train")
    assert "\n" not in str(raised.value)


def test_a_column_that_a_library_cannot_read_is_named() -> None:
    offsets = pa.py_buffer(np.array([0, 1], np.int32))
    damaged = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])
    with pytest.raises(ProfileError, match=r"^train: column `text` cannot be read \(.*\): .*with `--drop text`$"):
        table_of_frame(pa.table({"text": damaged}), at="train")


def test_dates_of_any_kind_are_times() -> None:
    for column in (
        pd.Series([date(1970, 1, 2), None], dtype=object),
        pa.array([86_400_000, None], pa.date64()),
        pa.array([1, None], pa.date32()),
    ):
        frame = pa.table({"ts": column, "x": [1, 2]}) if isinstance(column, pa.Array) else pd.DataFrame({"ts": column})
        times = table_of_frame(frame).table.times_ms
        assert times is not None
        assert times.tolist() == [86_400_000, NO_TIME]

"""Dates become numbers: in every form that event times have, alike together and one by one."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, WRONG_TYPE
from driftline.sketches.date_values import date_numbers, date_times

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
MOMENT_MS = 1_772_368_200_000


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:30:00Z",
        "2026-03-01 12:30:00",
        "2026-03-01T13:30:00.000+01:00",
        "20260301T123000Z",
        MOMENT_MS,
        float(MOMENT_MS),
        str(MOMENT_MS),
        MOMENT_MS // 1000,
        str(MOMENT_MS // 1000),
        MOMENT_MS * 1000,
        Decimal(MOMENT_MS),
        MOMENT,
        MOMENT.replace(tzinfo=None),
        {"$date": "2026-03-01T12:30:00Z"},
    ],
)
def test_a_moment_is_the_same_however_it_is_written(value: object) -> None:
    for values in ([value], [value, None, "x"]):
        times, _ = date_times(values)
        assert times[0] == MOMENT_MS


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", MISSING),
        ("soon", WRONG_TYPE),
        ("2026-02-30", WRONG_TYPE),
        ("0000-01-01", WRONG_TYPE),
        ("2026-03-01T25:00:00Z", WRONG_TYPE),
        (True, WRONG_TYPE),
        ([1], WRONG_TYPE),
        ((), WRONG_TYPE),
        ({"year": 2026}, WRONG_TYPE),
        ({"$date": 1_772_368_200}, WRONG_TYPE),
        (10**400, WRONG_TYPE),
        (10**18 * 5, WRONG_TYPE),
        (Decimal("sNaN"), WRONG_TYPE),
        (math.nan, NOT_A_NUMBER),
        (math.inf, INFINITE),
    ],
)
def test_what_is_no_date_is_told(value: object, code: int) -> None:
    times, exceptions = date_times(["2026-03-01", value])
    assert np.isnan(times).tolist() == [False, True]
    assert exceptions == [(1, code)]


def test_numbers_of_dates() -> None:
    times, _ = date_times(["2026-03-01T12:30:00Z", date(2026, 3, 2), "1969-12-31", None])
    hours = date_numbers("hour", times, None)
    assert hours[:3].tolist() == [12.5, 0.0, 0.0]
    assert date_numbers("weekday", times, None)[:3].tolist() == [6.0, 0.0, 2.0]
    ages = date_numbers("age", times, np.full(4, MOMENT_MS))
    assert ages[:2].tolist() == [0.0, -11.5 / 24]
    assert np.isnan(hours[3])
    assert np.isnan(ages[3])


TEXTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=None)
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    TEXTS.map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    TEXTS.map(lambda moment: moment.isoformat(" ", timespec="seconds")),
    TEXTS.map(lambda moment: moment.date().isoformat()),
    TEXTS.map(datetime.isoformat),
    st.integers(-(10**14), 10**14),
    st.floats(),
    st.sampled_from([None, "", "x", True, 0, 10**8, 10**8 + 1, 31_535_999_999, 1.5]),
    st.text(max_size=12),
)


@given(st.lists(VALUES, max_size=6))
def test_together_and_one_by_one_is_the_same(values: list[Any]) -> None:
    times, exceptions = date_times(values)
    each = [date_times([value, "x"]) for value in values]
    assert repr(times.tolist()) == repr([float(found[0]) for found, _ in each])
    assert exceptions == [(row, odd[0][1]) for row, (_, odd) in enumerate(each) if len(odd) > 1]

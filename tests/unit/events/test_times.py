"""Times in every unambiguous form, and numbers in another unit than the configured one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from driftline.errors import EventError
from driftline.events import dead_letter as reasons
from driftline.events.times import MILLISECONDS, TimeForm, likely_unit, read_time

NOON_MS = 1_772_366_400_000
"""2026-03-01T12:00:00Z"""


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01t12:00:00z",
        "2026-03-01 12:00:00",
        "2026-03-01 12:00:00+00",
        "2026-03-01T13:00:00+0100",
        "2026-03-01T10:30:00-01:30",
        "2026-03-01 12:00:00 UTC",
        "2026-03-01 12:00:00.000 GMT",
        "2026-03-01 12:00:00,000000001",
        "2026-03-01T12:00",
        "2026-03-01 12:00Z",
        "20260301T120000Z",
        "20260301T1200",
        " 1772366400000 ",
        "1772366400000.0",
        {"$date": "2026-03-01T12:00:00Z"},
        {"$date": NOON_MS},
        {"$date": {"$numberLong": str(NOON_MS)}},
        {"$numberLong": str(NOON_MS)},
        float(NOON_MS),
        Decimal(NOON_MS),
        datetime(2026, 3, 1, 12),  # noqa: DTZ001  # as Avro's local timestamps
        datetime(2026, 3, 1, 12, tzinfo=UTC),
    ],
)
def test_forms_of_one_time(text: object) -> None:
    assert read_time(text) == NOON_MS


def test_dates_begin_at_midnight() -> None:
    assert read_time("2026-03-01") == read_time(date(2026, 3, 1)) == NOON_MS - 12 * 3_600_000


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1_772_366_400, "s"),
        (1_772_366_400.0, "s"),
        ("1772366400", "s"),
        (1_772_366_400_000_000, "us"),
        (1_772_366_400_000_000_000, "ns"),
        ("1772366400000000000", "ns"),
    ],
)
def test_units(value: object, unit: Any) -> None:  # noqa: ANN401  # a literal
    form = TimeForm(unit, shown="pointer: /meta/at")
    assert read_time(value, form) == read_time(value, form, NOON_MS) == NOON_MS
    for stamp_ms in (-1, NOON_MS + 86_400_000):
        with pytest.raises(EventError) as caught:
            read_time(value, MILLISECONDS._replace(shown="pointer: /meta/at"), stamp_ms, "$.meta.at")
        assert caught.value.reason == reasons.IMPLAUSIBLE_TIME
        assert f"`ts: {{pointer: /meta/at, unit: {unit}}}`" in str(caught.value)
        assert "it is 2026-03-01T12:00:00Z; `ts:" in str(caught.value)
        assert str(caught.value).endswith(" configures the unit - at `$.meta.at`")


def test_milliseconds_read_as_seconds_are_found_out_too() -> None:
    with pytest.raises(EventError, match=r"Expected epoch seconds, got 1772366400000, .*; in milliseconds it is"):
        read_time(NOON_MS, TimeForm("s"), NOON_MS)


@pytest.mark.parametrize(
    ("number", "stamp_ms", "unit"),
    [
        (0, NOON_MS, None),
        (99_999_999, NOON_MS, None),
        (1_000_000_000_000_000_000, NOON_MS, "ns"),  # 2001: an old event in a new record, in no year as milliseconds
        (10**24, NOON_MS, None),
        (1_262_304_000_000, NOON_MS, None),  # 2010: far, and near in no unit
        (1_772_366_400, 1_000, "s"),  # a Kafka timestamp of 1970 says nothing
        (1_772_366_400, NOON_MS + 3 * 365 * 86_400_000, None),  # in seconds it would be 3 years off
        (4_102_444_800_000, -1, None),
        (50_000_000_000, -1, None),  # August 1971
        (-1_772_366_400, -1, None),
        (10**40, -1, None),
        (float("nan"), -1, None),
    ],
)
def test_which_unit_is_likely(number: float, stamp_ms: int, unit: str | None) -> None:
    assert likely_unit(number, "ms", stamp_ms) == unit


def test_a_configured_form() -> None:
    form = TimeForm(format="%d/%m/%Y %H:%M")
    assert read_time("01/03/2026 12:00", form) == NOON_MS
    assert read_time(NOON_MS, form) == NOON_MS
    assert read_time("2026-03-01T13:00:00 +0100", TimeForm(format="%Y-%m-%dT%H:%M:%S %z")) == NOON_MS
    with pytest.raises(EventError, match="Expected a time of the form `%d/%m/%Y %H:%M`, got '2026-03-01' - at `"):
        read_time("2026-03-01", form)


@pytest.mark.parametrize(
    ("value", "reason", "got"),
    [
        ("03/01/2026 12:00", reasons.INVALID_VALUE, "got '03/01/2026 12:00'; `ts: {pointer: /ts, format:"),
        ("20260301", reasons.INVALID_VALUE, "got '20260301'"),
        ("2026-13-01", reasons.INVALID_VALUE, "got '2026-13-01'"),
        ("2026-0301", reasons.INVALID_VALUE, "got '2026-0301'"),
        ("0001-01-01T00:00:00+14:00", reasons.INVALID_VALUE, "of the years 1000 to 9998"),
        ("", reasons.INVALID_VALUE, "got ''"),
        ("x" * 500, reasons.INVALID_VALUE, "xxx...'"),
        ("9" * 5_000, reasons.INVALID_VALUE, "of the years 1000 to 9998"),
        (True, reasons.INVALID_TYPE, "got true or false"),
        ([2026, 3, 1], reasons.INVALID_TYPE, "got a list"),
        ({"a": 1}, reasons.INVALID_TYPE, "got an object"),
        ({"$date": {"a": 1}}, reasons.INVALID_TYPE, "got an object"),
        (float("inf"), reasons.INVALID_VALUE, "got inf"),
        (10**400, reasons.INVALID_VALUE, "of the years 1000 to 9998"),
    ],
)
def test_what_is_no_time(value: object, reason: str, got: str) -> None:
    with pytest.raises(EventError) as caught:
        read_time(value)
    assert caught.value.reason == reason
    assert got in str(caught.value)
    assert str(caught.value).endswith("- at `$.ts`")
    assert len(str(caught.value)) < 700
